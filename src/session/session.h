/*
 * SSO sessions: the cookie `auth0` ("s%3A" + id + "." + HMAC), idle 72 h and absolute 168 h unless the tenant
 * says otherwise. A session is made only when every required factor was passed (known-faults C9).
 */
#ifndef COUNTERSIGN_SESSION_SESSION_H
#define COUNTERSIGN_SESSION_SESSION_H

#include "http/exchange.h"
#include "tenant/tenant.h"

struct session {
    const char *id; /* 32 alphanumerics; the `sid` claim */
    const char *user_id;
    yyjson_val *doc; /* methods: [{"name","timestamp"}], clients: [ids], connection */
    int64_t version;
    int64_t created_at;
    int64_t authenticated_at; /* ms: of the last password (or other first factor); auth_time, max_age */
    int64_t last_used_at;
    int64_t expires_at;
};

/* The valid session of the request's cookie; DB_NOT_FOUND where there is none. */
enum db_result session_of_request(struct http_exchange *x, struct db_tx *tx,
                                  struct session *session) NODISCARD;
/* What a login proved. */
struct session_login {
    const char *user_id;
    const char *connection;   /* its name */
    const char *client_id;    /* of the application that the login was for */
    yyjson_val *methods;      /* [{"name","timestamp"}] */
    int64_t authenticated_at; /* ms */
};

/*
 * Makes a session in place of `previous` (NULL: none) and sets the cookie. Where both are the same person's, id and clients
 * stay: applications know the session by its `sid`.
 */
enum db_result session_create(struct http_exchange *x, struct db_tx *tx, const struct session_login *login,
                              const struct session *previous, struct session *session) NODISCARD;
/*
 * Moves last_used_at and the idle end, adds the client to doc.clients, replaces the methods (NULL: they stay), and sets the
 * cookie again. DB_NOT_FOUND where the session has ended meanwhile.
 */
enum db_result session_use(struct http_exchange *x, struct db_tx *tx, struct session *session,
                           const char *client_id, yyjson_val *methods) NODISCARD;
/* Whether `methods`, of a session or a login transaction, hold one of that name ("pwd", "mfa"). */
bool authentication_methods_have(yyjson_val *methods, const char *name) NODISCARD;

/* Ends the request's session and deletes the cookie. */
enum db_result session_end(struct http_exchange *x, struct db_tx *tx) NODISCARD;
enum db_result sessions_end_of_user(struct db_tx *tx, const char *user_id) NODISCARD;

#endif
