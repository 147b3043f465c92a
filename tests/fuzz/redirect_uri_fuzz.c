/* Redirect addresses: input is "ALLOWED\nURI"; whatever matches is ALLOWED with a label where its star stands. */
#include "oauth/redirect_uri.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    char *allowed = arena_strndup(arena, (const char *)data, size);
    char *uri = strchr(allowed, '\n');
    if (uri != NULL) {
        *uri++ = '\0';
        if (redirect_uri_matches(allowed, uri) && strcmp(allowed, uri) != 0) {
            size_t before = strcspn(allowed, "*");
            size_t label = strcspn(uri + before, "./:@#?\\%*");
            if (strncmp(allowed, uri, before) != 0 || label == 0 ||
                strcmp(allowed + before + 1, uri + before + label) != 0)
                abort();
        }
    }
    arena_destroy(&arena);
    return 0;
}
