/* Hashes of passwords as text: argon2's PHC form, and the crypt(3) forms that imports bring. */
#ifndef COUNTERSIGN_CRYPTO_PASSWORD_ENCODING_H
#define COUNTERSIGN_CRYPTO_PASSWORD_ENCODING_H

#include "base/arena.h"
#include "base/bytes.h"

#include <argon2.h>
#include <stdbool.h>
#include <stdint.h>

struct argon2_hash {
    argon2_type type;
    uint32_t version; /* 16 or 19 */
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t parallelism;
    struct bytes salt;
    struct bytes hash;
};

/* Reads "$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH" (also argon2i and argon2d), strictly. */
bool argon2_hash_parse(struct arena *arena, const char *text, struct argon2_hash *hash) NODISCARD;

char *argon2_hash_format(struct arena *arena, const struct argon2_hash *hash) NODISCARD;

/* Whether somebody else's hash may be computed here: one of absurd costs would stop the server. */
bool argon2_hash_is_bearable(const struct argon2_hash *hash) NODISCARD;

/* Whether the text is a bcrypt ($2a$, $2b$, $2y$) or SHA-crypt ($5$, $6$) hash of bearable cost. */
bool crypt_hash_is_known(const char *text) NODISCARD;
bool crypt_hash_is_bcrypt(const char *text) NODISCARD;

#endif
