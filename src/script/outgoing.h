/* HTTP for scripts: the server's half of `fetch` and `request` (web/script/library/http.js). */
#ifndef COUNTERSIGN_SCRIPT_OUTGOING_H
#define COUNTERSIGN_SCRIPT_OUTGOING_H

#include "http/client.h"
#include "json/json.h"

/*
 * Does the call that `arguments` describe ({method, url, headers: [[name, value]], body (base64), timeout_ms, redirects}),
 * within `most_ms`, under the client's egress policy. Returns {status, headers, body (base64)}, or {error, code} where no
 * answer came; NULL, with one sentence in *error, where the arguments are no call.
 */
const char *script_http(struct http_client *client, struct arena *arena, yyjson_val *arguments,
                        unsigned most_ms, const char **error) NODISCARD;

#endif
