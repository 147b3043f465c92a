/*
 * Outgoing HTTP: libcurl multi on one thread of its own, with keep-alive, HTTP/2, an operator's proxy and CA file, limits on time and size, and an egress policy that is checked after DNS and
 * on every redirect.
 */
#ifndef COUNTERSIGN_HTTP_CLIENT_H
#define COUNTERSIGN_HTTP_CLIENT_H

#include "http/exchange.h"
#include "http/home.h"

struct http_client;

struct http_client_config {
    const char *proxy;     /* NULL: the HTTPS_PROXY / NO_PROXY convention of the environment */
    const char *ca_file;   /* NULL: the system's */
    const char *allow;     /* comma list of networks that are allowed although private; "*" allows all */
    unsigned connections;  /* kept open at most */
    struct http_home home; /* the own API's calls take the short way; not those to an operator's address */
};

struct http_client *http_client_create(const struct http_client_config *config) NODISCARD;
void http_client_free(struct http_client **client);

struct http_call {
    const char *method;
    const char *url;
    struct http_pairs headers;
    struct bytes body;
    const char *user; /* basic authentication; NULL: none */
    const char *password;
    const char *client_pem; /* certificate and key by which we show ourselves over TLS, PEM; NULL: none */
    unsigned timeout_ms;    /* for all of it, redirects included; 0: ten seconds */
    size_t largest_answer;  /* bytes of its body; 0: a mebibyte */
    unsigned redirects;     /* followed at most; 0: none */
    bool operator_chose_address; /* an operator's setting, not a script's: no egress policy */
};

struct http_answer {
    int status;                /* 0: no answer, see error */
    struct http_pairs headers; /* names in lower case */
    struct bytes body;
    const char *error; /* one sentence for logs; NULL where an answer came */
    const char *
        code; /* of the error, in Node.js' words: ETIMEDOUT, ENOTFOUND, ECONNREFUSED …; NULL where an answer came */
    const char *url; /* that answered in the end, after redirects; NULL where none followed */
};

/*
 * Begins a call, of which it keeps a copy; several run at once. `notify` (may be NULL) is called once where it is over, on
 * another thread or within http_begin, with the client's lock held: it may not call the client.
 */
struct http_pending;
struct http_pending *http_begin(struct http_client *client, const struct http_call *call,
                                void (*notify)(void *context), void *context) NODISCARD;
bool http_is_done(const struct http_pending *pending) NODISCARD;
/* Waits until it is over, and always fills *answer, in the arena. Sets *pending to NULL. */
void http_end(struct http_pending **pending, struct arena *arena, struct http_answer *answer);
/* Leaves a call to itself (no notify comes any more), or cuts it off. Sets *pending to NULL. */
void http_abandon(struct http_pending **pending, bool cuts);

/* Does the call and waits for it; always fills *answer, in the arena. */
void http_call(struct http_client *client, struct arena *arena, const struct http_call *call,
               struct http_answer *answer);

#endif
