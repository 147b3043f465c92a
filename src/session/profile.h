/* What a new profile of a database connection holds beside what the caller gave (Auth0's POST /users and its signup). */
#ifndef COUNTERSIGN_SESSION_PROFILE_H
#define COUNTERSIGN_SESSION_PROFILE_H

#include "json/json.h"

#include <stdint.h>

/*
 * Completes `profile` (an object as its root, with email, username … as they were given) for a new user of `connection`: email in
 * lower case, user_id, identities, email_verified, name, nickname, picture, created_at, updated_at; what is there stays.
 * `id` is the part behind "auth0|"; NULL: 24 random hex digits. Returns the user_id.
 */
const char *profile_complete(struct arena *arena, yyjson_mut_doc *profile, const char *connection,
                             const char *id, int64_t now_ms) NODISCARD;

/* The picture of a new profile: Gravatar's of the address, else two initials, as Auth0 writes it. */
const char *profile_picture(struct arena *arena, const char *email) NODISCARD;

#endif
