/*
 * A first factor by password, once, wherever it is typed or sent: attack protection, the hash, and what follows from a right
 * one in the very write that lets it in. Unknown names cost and answer like known ones.
 */
#ifndef COUNTERSIGN_SESSION_PASSWORD_LOGIN_H
#define COUNTERSIGN_SESSION_PASSWORD_LOGIN_H

#include "session/protection.h"

struct password_login {
    const struct http_exchange *x;
    yyjson_val *connection; /* its document */
    const char *identifier; /* as typed: an address or a user name */
    const char *language;   /* of the mail that unlocks */
    const char *client_id;
    /*
     * What is stored with the success; may be NULL. DB_CONFLICT gives PASSWORD_LOGIN_MOVED, and nothing is stored.
     * And what is stored with a failure that locks (or meets a lock); may be NULL.
     */
    enum db_result (*on_success)(struct password_login *login, struct db_tx *tx);
    enum db_result (*on_lock)(struct password_login *login, struct db_tx *tx);
    void *context;

    /* Filled in. */
    struct user user; /* where `known` */
    bool known;
};

enum password_login_result {
    PASSWORD_LOGIN_RIGHT = 0,
    PASSWORD_LOGIN_WRONG = 1,
    PASSWORD_LOGIN_LOCKED = 2,    /* the account, for this address */
    PASSWORD_LOGIN_THROTTLED = 3, /* the address */
    PASSWORD_LOGIN_TOO_OFTEN = 4, /* this login from this address */
    PASSWORD_LOGIN_BUSY = 5,      /* the gate of password hashes is full */
    PASSWORD_LOGIN_MOVED = 6,     /* see on_success */
    PASSWORD_LOGIN_FAILED = 7,    /* the store */
};

/*
 * Tries the password; *logged is a sentence for the caller's log entry ("fp", or "fu" where unknown) of a refusal, NULL where
 * there is none to write. Hashes outside of any transaction.
 */
enum password_login_result password_login(struct password_login *login, const char *password,
                                          const char **logged) NODISCARD;

#endif
