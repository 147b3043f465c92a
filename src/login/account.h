/* Making an account of a database connection: the one way for the signup pages and for POST /dbconnections/signup. */
#ifndef COUNTERSIGN_LOGIN_ACCOUNT_H
#define COUNTERSIGN_LOGIN_ACCOUNT_H

#include "crypto/password_policy.h"
#include "tenant/tenant.h"

enum account_result {
    ACCOUNT_MADE = 0,
    ACCOUNT_BAD_EMAIL = 1,
    ACCOUNT_BAD_USERNAME = 2,
    ACCOUNT_BAD_PASSWORD = 3, /* see `fault` */
    ACCOUNT_EXISTS = 4,       /* the address (or the name) is taken */
    ACCOUNT_THROTTLED = 5,    /* too many accounts from this address */
    ACCOUNT_BUSY = 6,         /* the gate of password hashes is full */
    ACCOUNT_FAILED = 7,       /* the store */
    ACCOUNT_CONFLICT = 8,     /* `also` reported a conflict: nothing was stored */
};

struct account_wish {
    const struct http_exchange *x;
    struct arena *arena;
    yyjson_val *connection;
    yyjson_mut_doc *profile; /* email, perhaps username and more, as given; completed by account_make */
    const char *password;
    const char *client_id;
    const char *language; /* of the verification mail */
    /* What is to happen in the same write, once the account is there; may be NULL. */
    enum db_result (*also)(void *context, struct db_tx *tx, const char *user_id);
    void *context;
};

struct account_outcome {
    const char *user_id;       /* ACCOUNT_MADE */
    enum password_fault fault; /* ACCOUNT_BAD_PASSWORD */
};

/* Checks, hashes, stores the account with its password, and queues the mail that confirms the address. */
enum account_result account_make(const struct account_wish *wish, struct account_outcome *outcome) NODISCARD;

/* Whether a taken address is told as such (the tenant's flag enable_public_signup_user_exists_error; true where unset). */
bool account_tells_existing(struct db_tx *tx, struct arena *arena) NODISCARD;

#endif
