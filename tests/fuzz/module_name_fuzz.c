/* Names of modules and of their files: whatever a rule asks for, no file outside the modules' folder is named. */
#include "script/modules.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *text = arena_strndup(arena, (const char *)data, size);
    struct module_name name;
    struct module_name again;
    if (module_name_read(arena, text, &name)) {
        const char *file = module_file(arena, &name);
        expect(strchr(file, '/') == NULL && file[0] != '.');
        if (module_file_read(arena, file, &again))
            expect(strcmp(module_name_text(arena, &again), text) == 0);
    }
    if (module_file_read(arena, text, &name)) {
        expect(strchr(text, '/') == NULL && text[0] != '.');
        expect(strcmp(module_file(arena, &name), text) == 0);
    }
    arena_destroy(&arena);
    return 0;
}
