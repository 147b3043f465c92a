/* Tokens from outside: whatever parses must also be safe to ask for its times and audience. */
#include "crypto/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    struct jwt jwt;
    if (jwt_parse(arena, arena_strndup(arena, (const char *)data, size), &jwt)) {
        bool current = jwt_is_current(&jwt, 1700000000, 60);
        bool meant = jwt_has_audience(&jwt, "https://login.example.test/userinfo");
        bool right = jwt_verify_hs256(&jwt, bytes_of_text("key"));
        (void)current;
        (void)meant;
        (void)right;
    }
    arena_destroy(&arena);
    return 0;
}
