/* The lines of `make bench`, one a function; each prints what it measured. */
#ifndef COUNTERSIGN_BENCH_SCENARIOS_H
#define COUNTERSIGN_BENCH_SCENARIOS_H

#include "bench/server.h"

/* Puts users 0 … count-1 ("user17@bench.test", all with SEED_PASSWORD) straight into the store before serve.
 */
#define SEED_PASSWORD "correct horse battery 9"
void seed_users(struct arena *arena, const struct server *server, unsigned from, unsigned to);
/* Callback, factors and rules that the logins need, through the Management API. */
void seed_tenant(struct arena *arena, const struct server *server);
/* Sets app_metadata.use_mfa of the first `count` users and enrols each in one-time codes; secrets as base32
 * texts. */
const char **seed_factors(struct arena *arena, const struct server *server, unsigned count);

void bench_tokens(struct arena *arena, const struct server *server, unsigned users);
void bench_logins(struct arena *arena, const struct server *server, unsigned users);
void bench_logins_with_code(struct arena *arena, const struct server *server, unsigned users);
void bench_slow_rules(struct arena *arena, const struct server *server, unsigned users);
void bench_discovery(struct arena *arena, const struct server *server, unsigned users);
void bench_latency(struct arena *arena, const struct server *server, unsigned users);
void bench_footprint(struct arena *arena, const struct server *server, unsigned users);

#endif
