/*
 * One HTTP exchange as handlers see it: a request read whole, and the answer they fill in. All of it lives in
 * the arena. Handlers are plain blocking code on a request thread; those of a route marked HTTP_ON_LOOP run
 * on the event loop and must neither block nor read the store.
 */
#ifndef COUNTERSIGN_HTTP_EXCHANGE_H
#define COUNTERSIGN_HTTP_EXCHANGE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "json/json.h"

#include <stdbool.h>

struct http_pair {
    const char *name;
    const char *value;
};

struct http_pairs {
    const struct http_pair *items; /* in the order of the request */
    size_t count;
};

struct http_request {
    const char *method;        /* "GET"; HEAD arrives as GET and the body of the answer is dropped */
    const char *path;          /* raw, still percent-encoded, without the query */
    const char *query_string;  /* raw, "" where there is none */
    struct http_pairs query;   /* decoded; a pair that does not decode was answered with 400 before */
    struct http_pairs headers; /* names in lower case */
    struct http_pairs cookies;
    struct http_pairs parameters; /* the {names} of the route, decoded */
    struct bytes body;
    const char *client_ip; /* the person's address: behind trusted proxies what they say, else the peer */
    bool is_tls;           /* the connection, or the trusted proxy's word for it */
    const char *request_id;
};

struct http_stream;

struct http_response {
    int status; /* 200 unless set */
    struct bytes body;
    struct http_header_list *headers;
    const struct http_stream *stream; /* set by http_reply_stream */
};

struct http_exchange {
    struct arena *arena;
    struct http_request request;
    struct http_response response;
    void *context; /* what http_server_start was given: the struct tenant * */
};

typedef void (*http_handler)(struct http_exchange *x);

/* The value of the first pair of that name, or NULL. */
const char *http_pair(const struct http_pairs *pairs, const char *name) NODISCARD;
/* How many pairs have that name (a parameter sent twice is refused by the protocols' handlers). */
size_t http_pair_count(const struct http_pairs *pairs, const char *name) NODISCARD;

/* Shorthands for the request's parts; NULL where absent. Header names in lower case. */
const char *http_header(const struct http_exchange *x, const char *name) NODISCARD;
const char *http_query(const struct http_exchange *x, const char *name) NODISCARD;
const char *http_cookie(const struct http_exchange *x, const char *name) NODISCARD;
const char *http_parameter(const struct http_exchange *x, const char *name) NODISCARD;

/* Whether the client takes gzip (RFC 9110 section 12.5.3): its Accept-Encoding names it, and not with q=0. */
bool http_accepts_gzip(const struct http_exchange *x) NODISCARD;

/*
 * What the Authorization header says by that scheme ("Bearer", in any case; RFC 9110 section 11.4); NULL where there is no such
 * header, or another scheme.
 */
const char *http_credentials(const struct http_exchange *x, const char *scheme) NODISCARD;

/*
 * The body as a form: urlencoded, or the texts, numbers and booleans of a JSON object where the content type
 * says JSON (as Auth0's /oauth and /mfa take both). False where it is neither or does not decode; objects and
 * arrays are left out of the pairs but stay readable through http_json.
 */
bool http_form(struct http_exchange *x, struct http_pairs *form) NODISCARD;

/* The body as JSON within json_limits_body. An empty body gives JSON_FINE and *root NULL. */
enum json_fault http_json(struct http_exchange *x, yyjson_val **root) NODISCARD;

/* --- answering --- */

/*
 * Adds a header to the answer, or replaces all of that name. Values with a line break are dropped and logged.
 * An empty value leaves the header out, also where the server would add it by itself (X-Frame-Options of a
 * page that may be framed).
 */
void http_add_header(struct http_exchange *x, const char *name, const char *value);
void http_set_header(struct http_exchange *x, const char *name, const char *value);

/* Body, status and type at once. Text types get "; charset=utf-8". Texts must live as long as the arena. */
void http_reply(struct http_exchange *x, int status, const char *content_type, const char *text);
void http_reply_bytes(struct http_exchange *x, int status, const char *content_type, struct bytes body);
/* 200-like JSON replies: application/json; charset=utf-8, Cache-Control: no-store. */
void http_reply_json(struct http_exchange *x, int status, yyjson_mut_doc *doc);
/* 302 (or 303 after a POST that must become a GET) to a location, no body. */
void http_redirect(struct http_exchange *x, int status, const char *location);
void http_reply_empty(struct http_exchange *x, int status);

struct http_cookie_options {
    int64_t max_age;       /* seconds; 0 = until the browser closes; -1 = delete */
    const char *same_site; /* "Lax", "None", "Strict" */
    const char *path;      /* "/" where NULL */
    bool secure;
    bool http_only;
};
void http_set_cookie(struct http_exchange *x, const char *name, const char *value,
                     const struct http_cookie_options *options);

#endif
