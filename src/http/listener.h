/* What a server needs of the system before it serves: a listening socket and descriptors. */
#ifndef COUNTERSIGN_HTTP_LISTENER_H
#define COUNTERSIGN_HTTP_LISTENER_H

#include "base/arena.h"

/*
 * A socket that listens on "HOST:PORT" ("[::1]:3000"; port 0: a free one), and its port. -1 and the cause,
 * one sentence, in *error where that fails.
 */
int listener_open(struct arena *arena, const char *listen, int backlog, unsigned *port,
                  const char **error) NODISCARD;

/* Lets the process have descriptors for that many connections; how many there may really be. */
unsigned listener_raise_limit(unsigned connections) NODISCARD;

#endif
