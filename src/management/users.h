/* What the files about users share. */
#ifndef COUNTERSIGN_MANAGEMENT_USERS_H
#define COUNTERSIGN_MANAGEMENT_USERS_H

#include "management/engine.h"
#include "store/authenticators.h"
#include "store/users.h"

/* Users as a resource: lists and reads. What writes them is in users.c and user_update.c. */
extern const struct resource users_resource;

/* PATCH /users/{id}. */
void user_update_call(struct call *call);

/* The user that the path names; false where it was answered (404, 403 for another user's token, 500). */
bool user_of_path(struct call *call, struct db_tx *tx, struct user *user) NODISCARD;

/* The same for any user by id, whoever calls. */
bool user_visible(struct call *call, struct db_tx *tx, const char *user_id, struct user *user) NODISCARD;

/* enrolled_at and last_auth of a confirmed enrolment. */
void enrollment_times(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                      const struct authenticator *authenticator);

/* Answers with the user as stored now. */
void reply_user(struct call *call, int status, const struct user *user);

/* Whether users of that connection have user names (options.requires_username, or the attribute). */
bool connection_has_usernames(yyjson_val *connection) NODISCARD;

/* Checks the form of the body's username, where there is one; false where it was answered. */
bool check_username(struct call *call) NODISCARD;

/* Checks names inside a metadata member of the body; false where it was answered. */
bool check_metadata(struct call *call, const char *member) NODISCARD;

/*
 * Judges a new password by the connection's policy and hashes it into *hash; false where it was answered (400, 429).
 * `profile` may be NULL. Slow: not within a write.
 */
bool hash_new_password(struct call *call, yyjson_val *connection, const char *password, yyjson_val *profile,
                       char **hash) NODISCARD;

/* Queues the mail that asks the user to confirm the address, within the write; false where it was answered. */
bool send_verification(struct call *call, struct db_tx *tx, const char *user_id, const char *email) NODISCARD;

/* --- search (search.c): the q of lists --- */

/*
 * Adds the condition that the query text (the Lucene subset of user search v3) means, beginning with " AND ". False with a
 * sentence in *fault where the text is refused.
 */
bool search_add(struct arena *arena, struct statement *where, const char *q, const char **fault) NODISCARD;

/* Adds an ORDER BY term for "field:1" or "field:-1"; false where the field cannot be sorted by. */
bool search_sort(struct statement *order, const char *sort) NODISCARD;

#endif
