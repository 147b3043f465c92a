/* What people type as an address, a name or a number: a canonical form is well-formed and its own canonical form. */
#include "base/encode.h"
#include "store/identifiers.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_stable(struct arena *arena, char *(*canonical)(struct arena *arena, const char *text),
                          const char *text)
{
    const char *once = canonical(arena, text);
    if (once == NULL)
        return;
    const char *twice = canonical(arena, once);
    if (twice == NULL || strcmp(once, twice) != 0 || !utf8_valid(once, strlen(once)) ||
        strpbrk(once, " \t\r\n") != NULL)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *text = arena_strndup(arena, (const char *)data, size);
    expect_stable(arena, email_canonical, text);
    expect_stable(arena, email_canonical, arena_printf(arena, "%s@x.test", text));
    expect_stable(arena, username_canonical, text);
    expect_stable(arena, phone_canonical, text);
    arena_destroy(&arena);
    return 0;
}
