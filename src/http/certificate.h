/* The certificate and private key that a server speaks TLS with. */
#ifndef COUNTERSIGN_HTTP_CERTIFICATE_H
#define COUNTERSIGN_HTTP_CERTIFICATE_H

#include "base/arena.h"

#include <stdbool.h>

struct certificate {
    const char *chain; /* PEM, as the files hold it */
    const char *private_key;
};

/*
 * Reads both files and sees that they fit each other; on failure false and the cause, one sentence, in
 * *error.
 */
bool certificate_read(struct arena *arena, const char *chain_file, const char *key_file,
                      struct certificate *certificate, const char **error) NODISCARD;

#endif
