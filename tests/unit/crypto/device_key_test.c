#include "crypto/device_key.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static bool parses(const char *jwk, struct device_key *key)
{
    const char *fault;
    return device_key_parse(arena, json_parse_own(arena, jwk), key, &fault);
}

/* RFC 7515 appendix A.3. */
static const char es256_key[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                                "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                                "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
    "c19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
    "Kg6NU1Q";

/* RFC 7515 appendix A.2; the modulus once as there, and once as phones send it, with a zero byte before it. */
#define RS256_N                                                                                              \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-"     \
    "yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"    \
    "KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"    \
    "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
static const char rs256_key[] = "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"AQAB\"}";
static const char rs256_token[] =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
    "c19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
    "lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
    "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHl"
    "b1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6L"
    "bgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

static bool verifies(const char *jwk, const char *token)
{
    struct device_key key;
    struct jwt jwt;
    assert_true(parses(jwk, &key));
    assert_true(jwt_parse(arena, token, &jwt));
    return device_key_verify(&key, &jwt);
}

static void signatures_of_the_rfc_verify_by_their_own_keys_only(void **state)
{
    (void)state;
    assert_true(verifies(es256_key, es256_token));
    assert_true(verifies(rs256_key, rs256_token));
    assert_false(verifies(es256_key, rs256_token));
    assert_false(verifies(rs256_key, es256_token));
}

static void a_changed_signature_does_not_verify(void **state)
{
    (void)state;
    char *token = arena_strdup(arena, es256_token);
    char *last = token + strlen(token) - 10;
    *last = *last == 'A' ? 'B' : 'A';
    assert_false(verifies(es256_key, token));
    token = arena_strdup(arena, rs256_token);
    last = token + strlen(token) - 10;
    *last = *last == 'A' ? 'B' : 'A';
    assert_false(verifies(rs256_key, token));
}

/* Guardian.swift and Guardian.Android send 257 bytes for 2048 bits. */
static void a_modulus_with_a_leading_zero_is_the_same_key(void **state)
{
    (void)state;
    struct bytes n;
    assert_true(base64url_decode(arena, RS256_N, strlen(RS256_N), &n));
    uint8_t *padded = arena_alloc(arena, n.size + 1);
    padded[0] = 0;
    memcpy(padded + 1, n.data, n.size);
    const char *jwk =
        arena_printf(arena, "{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"n\":\"%s\",\"e\":\"AQAB\"}",
                     base64url_encode(arena, (struct bytes){.data = padded, .size = n.size + 1}));
    struct device_key with, without;
    assert_true(parses(jwk, &with));
    assert_true(parses(rs256_key, &without));
    assert_true(device_key_equal(&with, &without));
    assert_true(verifies(jwk, rs256_token));
}

static void a_stored_key_is_read_again(void **state)
{
    (void)state;
    const char *const keys[] = {es256_key, rs256_key};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        struct device_key key, again;
        assert_true(parses(keys[i], &key));
        yyjson_mut_doc *doc = json_new_object(arena);
        yyjson_mut_doc_set_root(doc, device_key_jwk(&key, arena, doc));
        assert_true(parses(json_write_doc(arena, doc), &again));
        assert_true(device_key_equal(&key, &again));
    }
}

static void what_is_no_public_key_of_the_kind_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "{}",
        "[]",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"AQ\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"Ag\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"AQAB\",\"d\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"AQAB\",\"use\":\"enc\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "\",\"e\":\"AQAB\",\"alg\":\"RS512\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RS256_N "=\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
        /* not on the curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        struct device_key key;
        if (parses(refused[i], &key))
            fail_msg("accepted: %s", refused[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_the_rfc_verify_by_their_own_keys_only),
        cmocka_unit_test(a_changed_signature_does_not_verify),
        cmocka_unit_test(a_modulus_with_a_leading_zero_is_the_same_key),
        cmocka_unit_test(a_stored_key_is_read_again),
        cmocka_unit_test(what_is_no_public_key_of_the_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
