/*
 * HTTP for scripts: the server's half of `fetch` and `request` (web/script). All scripts' calls go through one outlet, which
 * bounds how many are under way, in all and to one origin, so that a slow target takes no other's place.
 */
#ifndef COUNTERSIGN_SCRIPT_OUTGOING_H
#define COUNTERSIGN_SCRIPT_OUTGOING_H

#include "http/client.h"
#include "json/json.h"

struct script_outlet;
struct script_http;

/* `client` may be NULL: then no script may call out. It outlives the outlet. */
struct script_outlet *script_outlet_create(struct http_client *client, unsigned most) NODISCARD;
/* Cuts off what is still under way, and waits for that. Sets *outlet to NULL. */
void script_outlet_free(struct script_outlet **outlet);

/*
 * Begins the call that `arguments` describe ({method, url, headers: [[name, value]], body (base64), timeout_ms, redirects}),
 * within `most_ms`, under the client's egress policy. `notify` is called once where it is over, on another thread or within
 * this function; it may not call the outlet. NULL, with one sentence in *error, where the arguments are no call, or too many
 * calls are under way.
 */
struct script_http *script_http_begin(struct script_outlet *outlet, struct arena *arena,
                                      yyjson_val *arguments, unsigned most_ms, void (*notify)(void *context),
                                      void *context, const char **error) NODISCARD;
bool script_http_is_done(struct script_http *http) NODISCARD;

/* What a run's record tells of a call. */
struct script_http_facts {
    int status;        /* 0: no answer came */
    size_t bytes;      /* of the answer's body */
    const char *error; /* why none came */
};

/*
 * Waits until it is over. Returns {status, headers, body (base64)}, or {error, code} where no answer came, in the arena. Sets
 * *http to NULL.
 */
const char *script_http_end(struct script_http **http, struct arena *arena,
                            struct script_http_facts *facts) NODISCARD;
/* Leaves a call to itself, or cuts it off; notify comes no more. Sets *http to NULL. */
void script_http_abandon(struct script_http **http, bool cuts);

#endif
