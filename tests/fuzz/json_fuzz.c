/* JSON from outside: what parses is written and parsed again to an equal value, names nothing twice, holds no NUL. */
#include "json/json.h"
#include "json/merge.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    yyjson_val *root = NULL;
    yyjson_val *again = NULL;
    struct json_limits limits = {.bytes = 4096, .depth = 32, .items = 500};
    if (json_parse(arena, (struct bytes){data, size}, &limits, &root) == JSON_FINE) {
        const char *text = json_write(arena, root);
        limits.bytes = 8 * limits.bytes; /* a control character is written as six */
        if (json_parse(arena, bytes_of_text(text), &limits, &again) != JSON_FINE ||
            !yyjson_equals(root, again))
            __builtin_trap();
        if (strcmp(json_write_doc(arena, json_thaw(arena, root)), text) != 0)
            __builtin_trap();
        yyjson_mut_doc *doc = json_new_object(arena);
        yyjson_mut_val *object = yyjson_mut_doc_get_root(doc);
        json_merge_metadata(doc, object, "user_metadata", root);
        json_merge_metadata(doc, object, "user_metadata", root);
        if (json_parse(arena, bytes_of_text(json_write_doc(arena, doc)), &json_limits_body, &again) !=
            JSON_FINE)
            __builtin_trap();
    }
    arena_destroy(&arena);
    return 0;
}
