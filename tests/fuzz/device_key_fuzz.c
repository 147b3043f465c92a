/*
 * Keys that phones bring, and their signatures: a JWK, then after a NUL a token. What parses as a key is written and read again
 * as the same key, and no token that fuzzing finds is of it.
 */
#include "crypto/device_key.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(struct arena *arena, const struct device_key *key)
{
    const char *fault;
    struct device_key again;
    yyjson_mut_doc *doc = json_new(arena);
    yyjson_mut_doc_set_root(doc, device_key_jwk(key, arena, doc));
    yyjson_val *jwk = json_parse_own(arena, json_write_doc(arena, doc));
    if (!device_key_parse(arena, jwk, &again, &fault) || !device_key_equal(key, &again))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\0', size);
    size_t length = end != NULL ? (size_t)(end - data) : size;
    struct arena *arena = arena_create();
    yyjson_val *jwk = NULL;
    struct device_key key;
    struct jwt jwt;
    const char *fault = NULL;
    struct bytes text = {.data = data, .size = length};
    if (json_parse(arena, text, &json_limits_token, &jwk) == JSON_FINE) {
        if (device_key_parse(arena, jwk, &key, &fault)) {
            check_key(arena, &key);
            const char *token =
                end != NULL ? arena_strndup(arena, (const char *)end + 1, size - length - 1) : "";
            bool is_signed = jwt_parse(arena, token, &jwt) && device_key_verify(&key, &jwt);
            (void)is_signed;
        } else if (fault == NULL) {
            abort();
        }
    }
    arena_destroy(&arena);
    return 0;
}
