/* The canonical forms of what people log in by: two spellings are one account exactly when these are equal. */
#ifndef COUNTERSIGN_STORE_IDENTIFIERS_H
#define COUNTERSIGN_STORE_IDENTIFIERS_H

#include "base/arena.h"

/*
 * The canonical form of an e-mail address, by which accounts are told apart: case folded, the host in its IDNA ASCII form.
 * NULL where it is no address, or holds what could imitate another (zero-width characters, mixed scripts in the local
 * part). Known-faults A13.
 */
char *email_canonical(struct arena *arena, const char *email) NODISCARD;

/* The same for user names: case folded, no spaces or invisible characters. */
char *username_canonical(struct arena *arena, const char *username) NODISCARD;

/* A phone number in E.164 form, "+" and 7 to 15 digits, is its own canonical form; NULL where it is not of that form. */
char *phone_canonical(struct arena *arena, const char *phone) NODISCARD;

/*
 * A name (name, nickname …) as users are searched by it: ASCII letters small, all else as it is. NULL for NULL and for what is
 * longer than 512 bytes, which is not searched by.
 */
char *profile_key(struct arena *arena, const char *name) NODISCARD;

#endif
