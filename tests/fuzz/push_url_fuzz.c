/* Addresses in phones' tokens: however one is written, it is this server's only where it names it. */
#include "mfa/push.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config config = {.issuer = "https://login.example.test/"};
    static const struct tenant tenant = {.config = &config};
    struct arena *arena = arena_create();
    const char *url = arena_strndup(arena, (const char *)data, size);
    if (push_is_url(&tenant, arena, url, "rich-consents/cns_1") &&
        strncasecmp(url, "https://login.example.test", strlen("https://login.example.test")) != 0)
        abort();
    arena_destroy(&arena);
    return 0;
}
