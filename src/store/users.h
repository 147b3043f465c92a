/* Users: the profile as a document, the keys by which a login finds it, and the password hash apart from both. */
#ifndef COUNTERSIGN_STORE_USERS_H
#define COUNTERSIGN_STORE_USERS_H

#include "store/db.h"
#include "store/identifiers.h"
#include "json/json.h"

struct user {
    const char *user_id; /* "auth0|5f…" */
    const char *connection;
    yyjson_val *doc; /* as the Management API shows it: Auth0's members, user_id and identities included */
    int64_t version;
    int64_t created_at;
};

enum db_result user_by_id(struct db_tx *tx, struct arena *arena, const char *user_id,
                          struct user *user) NODISCARD;
/* By what a person types at a login: an e-mail address, a user name or a phone number (E.164) of that connection. */
enum db_result user_by_login(struct db_tx *tx, struct arena *arena, const char *connection,
                             const char *identifier, struct user *user) NODISCARD;
/* Every user with that address, in all connections, oldest first. */
enum db_result users_by_email(struct db_tx *tx, struct arena *arena, const char *email, struct user **users,
                              size_t *count) NODISCARD;

/*
 * Stores a new user; the keys are made from doc's email, username and phone_number. DB_CONFLICT: one is taken. DB_FAILED, too,
 * where an email or username has no canonical form: callers refuse those before.
 */
enum db_result user_insert(struct db_tx *tx, struct arena *arena, const char *user_id, const char *connection,
                           yyjson_mut_doc *doc) NODISCARD;
/*
 * Replaces the document where the stored version still is `version`. DB_NOT_FOUND: the user is gone or was changed by
 * another since (read again inside the same write to rule that out); DB_CONFLICT: a key is taken.
 */
enum db_result user_update(struct db_tx *tx, struct arena *arena, const char *user_id, int64_t version,
                           yyjson_mut_doc *doc) NODISCARD;
/* Removes the user and all that is theirs (password, factors, sessions, codes, tickets, browsers). */
enum db_result user_delete(struct db_tx *tx, const char *user_id) NODISCARD;

/* The stored password hash; DB_NOT_FOUND where the user has none. */
enum db_result user_password(struct db_tx *tx, struct arena *arena, const char *user_id,
                             const char **hash) NODISCARD;
enum db_result user_password_put(struct db_tx *tx, const char *user_id, const char *hash) NODISCARD;

/*
 * How many users there are, but for those of the server's own connections (its administrators): kept, not counted, so that it
 * costs nothing at a million.
 */
enum db_result users_count(struct db_tx *tx, struct arena *arena, int64_t *count) NODISCARD;

#endif
