/* The settings file's reader, on any bytes. */
#include "tenant/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const struct toml_pair *pairs;
    size_t count;
    const char *error;
    if (!toml_parse(arena, (struct bytes){.data = data, .size = size}, &pairs, &count, &error) &&
        error == NULL)
        __builtin_trap();
    arena_destroy(&arena);
    return 0;
}
