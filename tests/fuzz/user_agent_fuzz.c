/* Any header gives a text of ours. */
#include "tenant/user_agent.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *header = arena_printf(arena, "%.*s", (int)size, (const char *)data);
    const char *text = user_agent_text(arena, header);
    if (strlen(text) > 200 || strstr(text, " / ") == NULL || strpbrk(text, "<>\"") != NULL)
        abort();
    (void)user_agent_is_mobile(header);
    arena_destroy(&arena);
    return 0;
}
