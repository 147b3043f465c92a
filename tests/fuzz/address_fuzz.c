/* Client addresses and allowlists: the first line is the address, each further line an item of the list. */
#include "session/address.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    char *text = arena_strndup(arena, (const char *)data, size);
    char *rest = text;
    const char *ip = strsep(&rest, "\n");
    yyjson_mut_doc *doc = json_new_array(arena);
    for (const char *item = strsep(&rest, "\n"); item != NULL; item = strsep(&rest, "\n"))
        yyjson_mut_arr_add_strcpy(doc, yyjson_mut_doc_get_root(doc), item);
    yyjson_doc *list = yyjson_mut_doc_imut_copy(doc, NULL);
    const char *key = address_key(arena, ip);
    assert(key != NULL && *key != '\0');
    (void)address_listed(yyjson_doc_get_root(list), ip);
    yyjson_doc_free(list);
    arena_destroy(&arena);
    return 0;
}
