/* What the login pages ask of a database connection's document. */
#ifndef COUNTERSIGN_LOGIN_DATABASE_H
#define COUNTERSIGN_LOGIN_DATABASE_H

#include "login/login.h"

/* Whether people of it may have a username besides an address (options.requires_username, or its attributes). */
bool database_takes_usernames(yyjson_val *connection) NODISCARD;
/* Whether strangers may sign up (options.disable_signup). */
bool database_allows_signup(yyjson_val *connection) NODISCARD;
/* Whether people may choose a new password by mail (options.disable_self_service_change_password). */
bool database_allows_reset(yyjson_val *connection) NODISCARD;
/* Whether it is a username for this connection: its characters, and its length by options.validation.username. */
bool database_username_fits(yyjson_val *connection, const char *username) NODISCARD;

/*
 * The connection of this login: the one that the transaction names, else the client's first. DB_NOT_FOUND where the client has
 * none, or not the named one.
 */
enum db_result database_of_login(struct login_call *call, struct db_tx *tx,
                                 yyjson_val **connection) NODISCARD;

/* database_of_login in a read of its own; on false the answer is made. */
bool database_read(struct login_call *call, yyjson_val **connection) NODISCARD;

#endif
