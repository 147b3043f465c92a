/* A request body against a schema that uses every keyword, and a text against the patterns and formats. */
#include "json/format.h"
#include "json/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\"],\"minProperties\":1,"
    "\"maxProperties\":9,\"properties\":{"
    "\"a\":{\"type\":[\"string\",\"null\"],\"minLength\":1,\"maxLength\":9,\"pattern\":\"^(a|b[^c])*\\\\S{2,"
    "5}$\"},"
    "\"b\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"$ref\":\"T\",\"description\":\"x\"}"
    "},"
    "\"c\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":5},\"d\":{\"enum\":[\"x\",1,null]},\"e\":{"
    "\"format\":\"email\"},"
    "\"f\":{\"anyOf\":[{\"type\":\"string\"},{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":3}]}]},"
    "\"g\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"format\":\"date-time\"}}}}";
static const char definitions[] =
    "{\"T\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"array\",\"items\":{\"$ref\":\"T\"}}}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"email", "strict-uri", "date-time",   "cidr",
                                          "ipv6",  "uuid",       "callback-url"};
    struct arena *arena = arena_create();
    yyjson_val *root = NULL;
    if (json_parse(arena, (struct bytes){data, size}, &json_limits_body, &root) == JSON_FINE &&
        root != NULL) {
        (void)!schema_fault(arena, json_parse_own(arena, schema), json_parse_own(arena, definitions), root);
    }
    const char *text = arena_strndup(arena, (const char *)data, size);
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        (void)format_fits(formats[i], text);
    }
    arena_destroy(&arena);
    return 0;
}
