/* Hashes that imports bring: what is taken as argon2's form is written back the same. */
#include "crypto/password.h"
#include "crypto/password_encoding.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *text = arena_strndup(arena, (const char *)data, size);
    struct argon2_hash hash;

    if (argon2_hash_parse(arena, text, &hash) && strstr(text, "$v=") != NULL &&
        strcmp(argon2_hash_format(arena, &hash), text) != 0)
        abort();
    bool is_known = password_hash_known(text);
    (void)is_known;
    arena_destroy(&arena);
    return 0;
}
