/* The q of user search: any text becomes a statement with as many placeholders as values, or is refused with a sentence. */
#include "management/users.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t placeholders(const char *sql)
{
    size_t count = 0;
    bool quoted = false;
    for (; *sql != '\0'; sql++) {
        quoted = *sql == '\'' ? !quoted : quoted;
        count += *sql == '?' && !quoted;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *q = arena_strndup(arena, (const char *)data, size);
    for (enum db_kind kind = DB_SQLITE; kind <= DB_POSTGRES; kind++) {
        struct statement *where = statement_create(arena, kind);
        const char *fault = NULL;
        bool fine = search_add(arena, where, q, &fault);
        if (fine && !where->text.overflowed && placeholders(buffer_text(&where->text)) != where->count) {
            abort();
        }
        if (!fine && fault == NULL) {
            abort();
        }
        struct statement *order = statement_create(arena, kind);
        (void)!search_sort(order, q);
    }
    arena_destroy(&arena);
    return 0;
}
