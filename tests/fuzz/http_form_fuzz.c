/* Forms, cookies and content types as requests carry them: what is taken must be text without a NUL, in UTF-8. */
#include "base/encode.h"
#include "http/form.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    struct http_pairs pairs;
    const char *text = arena_strndup(arena, (const char *)data, size);

    if (form_parse(arena, (const char *)data, size, &pairs)) {
        for (size_t i = 0; i < pairs.count; i++)
            if (!utf8_valid(pairs.items[i].name, strlen(pairs.items[i].name)) ||
                !utf8_valid(pairs.items[i].value, strlen(pairs.items[i].value)))
                abort();
    }
    cookies_parse(arena, text, &pairs);
    for (size_t i = 0; i < pairs.count; i++)
        if (strchr(pairs.items[i].name, '=') != NULL || strchr(pairs.items[i].value, ';') != NULL)
            abort();
    bool is_json = content_type_is(text, "application/json");
    (void)is_json;
    arena_destroy(&arena);
    return 0;
}
