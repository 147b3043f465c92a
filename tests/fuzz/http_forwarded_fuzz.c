/* What proxies and their clients write: three headers, a line each. An address that comes out reads back the same. */
#include "http/egress.h"
#include "http/forwarded.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"forwarded", "x-forwarded-for", "x-forwarded-proto"};
    struct arena *arena = arena_create();
    char *text = arena_strndup(arena, (const char *)data, size);
    struct http_pair items[ARRAY_LENGTH(names)];
    struct networks trusted;
    struct egress egress;
    struct address peer;
    struct forwarded forwarded;
    const char *wrong;
    size_t count = 0;

    if (!networks_parse(arena, "10.0.0.0/8", &trusted, &wrong) || !address_parse("10.0.0.1", &peer))
        abort();
    for (char *line = strtok_r(text, "\n", &text); line != NULL && count < ARRAY_LENGTH(names); count++) {
        items[count] = (struct http_pair){.name = names[count], .value = line};
        line = strtok_r(NULL, "\n", &text);
    }
    const struct http_pairs headers = {.items = items, .count = count};
    if (forwarded_read(arena, &trusted, &peer, &headers, &forwarded) == FORWARDED_CLIENT) {
        char written[ADDRESS_TEXT_SIZE];
        struct address again;
        address_format(&forwarded.client, written);
        if (!address_parse(written, &again) || !address_equal(&again, &forwarded.client))
            abort();
    }
    if (count > 0 && egress_parse(arena, items[0].value, &egress, &wrong)) {
        bool permits = egress_permits_host(&egress, items[0].value);
        (void)permits;
    }
    arena_destroy(&arena);
    return 0;
}
