/* Phone numbers and codes as people type them, on any text. */
#include "mfa/mfa.h"

#include "base/encode.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!utf8_valid((const char *)data, size)) /* forms are checked for it */
        return 0;
    struct arena *arena = arena_create();
    const char *typed = arena_strndup(arena, (const char *)data, size);
    const char *number = phone_e164(arena, typed);
    if (number != NULL && (number[0] != '+' || strspn(number + 1, "0123456789") != strlen(number) - 1 ||
                           strlen(number) > 16 || strcmp(number, phone_e164(arena, number)) != 0))
        __builtin_trap();
    for (const char *c = code_typed(arena, typed); *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            __builtin_trap();
    arena_destroy(&arena);
    return 0;
}
