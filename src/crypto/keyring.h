/*
 * Sealing of secrets at rest: AES-256-GCM under a key from outside the database (a file with mode 0600, or the
 * environment), each sealed value naming its key, so that keys can be changed one after the other (`countersign rekey`).
 */
#ifndef COUNTERSIGN_CRYPTO_KEYRING_H
#define COUNTERSIGN_CRYPTO_KEYRING_H

#include "base/arena.h"
#include "base/bytes.h"

struct keyring;

/*
 * Reads a key file: one key a line, "ID:BASE64" (32 bytes), the first line seals and all open. A file that others may read
 * is refused. Where something is to be opened whose key is unknown, the file is read again if it changed since, so that
 * running servers learn of a new key, and seal with it from then on. `text` instead of a path: the same lines, from the environment. On failure NULL, with the cause in *error.
 */
struct keyring *keyring_load_file(struct arena *arena, const char *path, const char **error) NODISCARD;
struct keyring *keyring_parse(struct arena *arena, const char *text, const char **error) NODISCARD;
void keyring_free(struct keyring **keyring);

/* Reads the file again if it is another one than was read; false where it is not, or has no keys. From any thread. */
bool keyring_refresh(struct keyring *keyring);

/* Makes a new key as a line for such a file. */
char *keyring_new_line(struct arena *arena) NODISCARD;

/*
 * Seals `secret`; `purpose` ("signing_keys:KID", "authenticators:dev_x") is authenticated with it, so that a sealed value
 * does not open in another place. The result is the text "1.KEYID.BASE64URL".
 */
char *keyring_seal(const struct keyring *keyring, struct arena *arena, const char *purpose,
                   struct bytes secret) NODISCARD;

/*
 * Opens a sealed text; false where the key is unknown, the purpose another, or the text tampered with. A NUL follows the
 * secret, outside its size, so that an opened text can be read as one.
 */
bool keyring_open(const struct keyring *keyring, struct arena *arena, const char *purpose, const char *sealed,
                  struct bytes *secret) NODISCARD;

/* Whether `sealed` names the key that seals now (rekey skips those). */
bool keyring_is_current(const struct keyring *keyring, const char *sealed) NODISCARD;

/* How many keys there are. */
size_t keyring_count(const struct keyring *keyring) NODISCARD;

/*
 * A key of 32 bytes for one use ("session-cookie", "login-state"), derived by HKDF-SHA256 from the first key of the ring.
 * Stays the same as long as that key does.
 */
void keyring_derive(const struct keyring *keyring, const char *use, uint8_t key[32]);

#endif
