/* The server under load: a tenant of its own in a temporary directory. */
#ifndef COUNTERSIGN_BENCH_SERVER_H
#define COUNTERSIGN_BENCH_SERVER_H

#include "base/arena.h"

#include <sys/types.h>

struct server {
    const char *data;
    const char *database; /* postgresql://…; NULL: SQLite in `data` */
    const char *base;     /* "http://localhost:PORT/" */
    pid_t pid;
    double start_ms; /* from exec to the first answer */
    const char *management_id, *management_secret;
    const char *default_id, *default_secret;
};

/* init, so that the store can be filled before serve. */
void server_init(struct arena *arena, struct server *server, unsigned port);
/* The store's name, as db_open takes it. */
const char *server_store(struct arena *arena, const struct server *server);
/* serve, until the first answer of /healthz. */
void server_start(struct arena *arena, struct server *server, unsigned port);
void server_stop(struct server *server);
/* A token of the Management API, and a call of it; ends the program where the status is not 2xx. Returns the
 * body. */
const char *server_management(struct arena *arena, const struct server *server, const char *method,
                              const char *path, const char *json);

#endif
