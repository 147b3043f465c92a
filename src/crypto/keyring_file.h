/* Changing the file of a keyring: each change replaces it whole, so that a reader never sees half of one. */
#ifndef COUNTERSIGN_CRYPTO_KEYRING_FILE_H
#define COUNTERSIGN_CRYPTO_KEYRING_FILE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* Makes a new key and puts it before the others: it seals from now on. False with the cause in *error, as below. */
bool keyring_file_add(struct arena *arena, const char *path, const char **error) NODISCARD;

/* Removes all keys but the first. What they sealed is lost for ever. */
bool keyring_file_keep_first(struct arena *arena, const char *path, const char **error) NODISCARD;

/* When the file was changed last, in seconds since 1970; -1 where it is not there. */
int64_t keyring_file_changed_at(const char *path) NODISCARD;

#endif
