/* A phone's word for where its pushes go: whatever it says, it is read or refused. */
#include "notify/push_sender.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    (void)web_push_is_loopback(arena, arena_strndup(arena, (const char *)data, size));
    arena_destroy(&arena);
    return 0;
}
