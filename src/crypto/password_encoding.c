#include "crypto/password_encoding.h"

#include "base/encode.h"

#include <string.h>

enum {
    LARGEST_MEMORY_KIB = 256 * 1024,
    LARGEST_PASSES = 32,
    LARGEST_PARALLELISM = 16,
    LARGEST_WORK_KIB = 1024 * 1024, /* memory times passes: about two seconds */
    SMALLEST_SALT = 8,
    SMALLEST_HASH = 12,
    LARGEST_FIELD = 128,
    BCRYPT_LENGTH = 60,
    BCRYPT_LEAST_COST = 4,
    BCRYPT_LARGEST_COST = 15,
    SHA_LARGEST_ROUNDS = 1000000,
};

/* Moves *text behind `prefix` where it stands there. */
static bool skip(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(*text, prefix, length) != 0)
        return false;
    *text += length;
    return true;
}

/* A decimal number without leading zeros (PHC string format). */
static bool read_number(const char **text, uint32_t *number)
{
    uint64_t value = 0;
    const char *at = *text;
    if (*at < '1' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > UINT32_MAX)
            return false;
    }
    *text = at;
    *number = (uint32_t)value;
    return true;
}

/* Base64 without padding, up to `end`. */
static bool read_bytes(struct arena *arena, const char **text, char end, size_t least, struct bytes *bytes)
{
    size_t length = strcspn(*text, "$");
    size_t padded = (length + 3) / 4 * 4;
    if ((*text)[length] != end || length > LARGEST_FIELD || length % 4 == 1)
        return false;
    char *copy = arena_alloc(arena, padded + 1);
    memcpy(copy, *text, length);
    memset(copy + length, '=', padded - length);
    *text += length + (end != '\0');
    return base64_decode(arena, copy, padded, bytes) && bytes->size >= least;
}

static bool read_type(const char **text, argon2_type *type)
{
    if (skip(text, "$argon2id$"))
        *type = Argon2_id;
    else if (skip(text, "$argon2i$"))
        *type = Argon2_i;
    else if (skip(text, "$argon2d$"))
        *type = Argon2_d;
    else
        return false;
    return true;
}

bool argon2_hash_parse(struct arena *arena, const char *text, struct argon2_hash *hash)
{
    hash->version = ARGON2_VERSION_10;
    if (!read_type(&text, &hash->type))
        return false;
    if (skip(&text, "v=") && (!read_number(&text, &hash->version) || !skip(&text, "$")))
        return false;
    return (hash->version == ARGON2_VERSION_10 || hash->version == ARGON2_VERSION_13) && skip(&text, "m=") &&
           read_number(&text, &hash->memory_kib) && skip(&text, ",t=") && read_number(&text, &hash->passes) &&
           skip(&text, ",p=") && read_number(&text, &hash->parallelism) && skip(&text, "$") &&
           read_bytes(arena, &text, '$', SMALLEST_SALT, &hash->salt) &&
           read_bytes(arena, &text, '\0', SMALLEST_HASH, &hash->hash) &&
           hash->parallelism <= ARGON2_MAX_LANES && hash->memory_kib / 8 >= hash->parallelism;
}

static char *bare_base64(struct arena *arena, struct bytes bytes)
{
    char *text = base64_encode(arena, bytes);
    text[strcspn(text, "=")] = '\0';
    return text;
}

char *argon2_hash_format(struct arena *arena, const struct argon2_hash *hash)
{
    return arena_printf(arena, "$%s$v=%u$m=%u,t=%u,p=%u$%s$%s", argon2_type2string(hash->type, 0),
                        hash->version, hash->memory_kib, hash->passes, hash->parallelism,
                        bare_base64(arena, hash->salt), bare_base64(arena, hash->hash));
}

bool argon2_hash_is_bearable(const struct argon2_hash *hash)
{
    return hash->memory_kib <= LARGEST_MEMORY_KIB && hash->passes <= LARGEST_PASSES &&
           hash->parallelism <= LARGEST_PARALLELISM &&
           (uint64_t)hash->memory_kib * hash->passes <= LARGEST_WORK_KIB;
}

bool crypt_hash_is_bcrypt(const char *text)
{
    static const char letters[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (strlen(text) != BCRYPT_LENGTH || strncmp(text, "$2", 2) != 0 || strchr("aby", text[2]) == NULL ||
        text[3] != '$' || text[6] != '$')
        return false;
    if (text[4] < '0' || text[4] > '9' || text[5] < '0' || text[5] > '9')
        return false;
    int cost = (text[4] - '0') * 10 + (text[5] - '0');
    return cost >= BCRYPT_LEAST_COST && cost <= BCRYPT_LARGEST_COST &&
           strspn(text + 7, letters) == BCRYPT_LENGTH - 7;
}

static bool is_sha_crypt(const char *text)
{
    uint32_t rounds = 0;
    size_t length = strncmp(text, "$5$", 3) == 0 ? 43 : strncmp(text, "$6$", 3) == 0 ? 86 : 0;
    if (length == 0)
        return false;
    text += 3;
    if (skip(&text, "rounds=") &&
        (!read_number(&text, &rounds) || !skip(&text, "$") || rounds > SHA_LARGEST_ROUNDS))
        return false;
    const char *dollar = strchr(text, '$');
    return dollar != NULL && dollar - text <= 16 && strlen(dollar + 1) == length &&
           strchr(dollar + 1, '$') == NULL;
}

bool crypt_hash_is_known(const char *text)
{
    return crypt_hash_is_bcrypt(text) || is_sha_crypt(text);
}
