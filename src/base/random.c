#include "base/random.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_fill(void *data, size_t size)
{
    unsigned char *bytes = data;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got <= 0)
            abort();
        bytes += got;
        size -= (size_t)got;
    }
}

char *random_text(struct arena *arena, const char *alphabet, size_t length)
{
    size_t letters = strlen(alphabet);
    size_t fair = 256 - 256 % letters;
    char *text = arena_alloc(arena, length + 1);
    for (size_t made = 0; made < length;) {
        uint8_t pool[64];
        random_fill(pool, sizeof pool);
        for (size_t i = 0; i < sizeof pool && made < length; i++)
            if (pool[i] < fair)
                text[made++] = alphabet[pool[i] % letters];
        explicit_bzero(pool, sizeof pool);
    }
    return text;
}

char *random_id(struct arena *arena, const char *prefix, size_t length)
{
    return arena_printf(arena, "%s%s", prefix, random_text(arena, RANDOM_ALPHANUMERIC, length));
}
