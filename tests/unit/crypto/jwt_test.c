#include "crypto/jwt.h"

#include "base/encode.h"
#include "rfc7515_key.h"

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

static struct bytes decoded(const char *text)
{
    struct bytes bytes;
    assert_true(base64_decode(arena, text, strlen(text), &bytes));
    return bytes;
}

/* A token of the given header and claims with a signature of no worth. */
static const char *token_of(const char *header, const char *claims)
{
    return arena_printf(arena, "%s.%s.AAAA", base64url_encode(arena, bytes_of_text(header)),
                        base64url_encode(arena, bytes_of_text(claims)));
}

static bool parses(const char *header, const char *claims)
{
    struct jwt jwt;
    return jwt_parse(arena, token_of(header, claims), &jwt);
}

static bool is_current(const char *claims, int64_t now, int64_t leeway)
{
    struct jwt jwt;
    return jwt_parse(arena, token_of("{\"alg\":\"RS256\"}", claims), &jwt) &&
           jwt_is_current(&jwt, now, leeway);
}

static const char payload_of_the_rfc[] =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
    "c19yb290Ijp0cnVlfQ";

/* RFC 7515 appendix A.1, RFC 7519 section 3.1. */
static void the_hs256_token_of_the_rfc_verifies(void **state)
{
    (void)state;
    const char *token = arena_printf(arena,
                                     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.%s."
                                     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                                     payload_of_the_rfc);
    static const char k[] =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    struct bytes key;
    struct jwt jwt;
    assert_true(base64url_decode(arena, k, strlen(k), &key));
    assert_true(jwt_parse(arena, token, &jwt));
    assert_string_equal(jwt.typ, "JWT");
    assert_null(jwt.kid);
    assert_string_equal(json_text(jwt.claims, "iss"), "joe");
    assert_true(jwt_verify_hs256(&jwt, key));
    assert_false(jwt_verify_hs256(&jwt, bytes_of_text("another key")));
    assert_true(jwt_is_current(&jwt, 1300819379, 0));
    assert_false(jwt_is_current(&jwt, 1300819380, 0));
}

/* RFC 7515 appendix A.2. */
static void the_rs256_token_of_the_rfc_verifies(void **state)
{
    (void)state;
    const char *token =
        arena_printf(arena,
                     "eyJhbGciOiJSUzI1NiJ9.%s.cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
                     "dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2"
                     "Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
                     "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
                     "eSN9383LcOLn6_dO--xi12jzDwusC-"
                     "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWyw"
                     "lVmtVrBp0igcN_IoypGlUPQGe77Rw",
                     payload_of_the_rfc);
    struct signing_key *key = signing_key_load("k", decoded(private_key), decoded(certificate));
    struct jwt jwt;
    assert_true(jwt_parse(arena, token, &jwt));
    assert_true(jwt_verify_rs256(&jwt, key));
    signing_key_free(&key);
}

static yyjson_mut_val *claims_of(yyjson_mut_doc *doc)
{
    yyjson_mut_val *claims = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, claims, "sub", "auth0|1");
    yyjson_mut_obj_add_int(doc, claims, "exp", 2000);
    return claims;
}

static void what_is_signed_parses_verifies_and_keeps_its_claims(void **state)
{
    (void)state;
    struct signing_key *key = signing_key_load("the-kid", decoded(private_key), decoded(certificate));
    const char *token = jwt_sign_rs256(arena, key, "at+jwt", claims_of(json_new(arena)));
    struct jwt jwt;
    assert_true(jwt_parse(arena, token, &jwt));
    assert_string_equal(json_write(arena, jwt.header),
                        "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"the-kid\"}");
    assert_string_equal(json_write(arena, jwt.claims), "{\"sub\":\"auth0|1\",\"exp\":2000}");
    assert_true(jwt_verify_rs256(&jwt, key));
    signing_key_free(&key);
}

/* The attack of CVE-2015-9235: a token that names HS256 is never measured against a public key, nor the other
 * way. */
static void an_algorithm_is_not_confused_with_another(void **state)
{
    (void)state;
    struct signing_key *key = signing_key_load("the-kid", decoded(private_key), decoded(certificate));
    struct jwt jwt;
    assert_true(
        jwt_parse(arena, jwt_sign_hs256(arena, bytes_of_text("k"), claims_of(json_new(arena))), &jwt));
    assert_true(jwt_verify_hs256(&jwt, bytes_of_text("k")));
    assert_false(jwt_verify_rs256(&jwt, key));
    assert_true(jwt_parse(arena, jwt_sign_rs256(arena, key, "JWT", claims_of(json_new(arena))), &jwt));
    assert_false(jwt_verify_hs256(&jwt, bytes_of_text("k")));
    assert_true(jwt_parse(arena, token_of("{\"alg\":\"none\"}", "{}"), &jwt));
    assert_false(jwt_verify_rs256(&jwt, key));
    assert_false(jwt_verify_hs256(&jwt, bytes_of_text("k")));
    signing_key_free(&key);
}

static void texts_that_are_no_token_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        "a.b",
        "e30.e30.",
        "e30.e30",
        ".e30.AAAA",
        "e30..AAAA",
        "e30.e30.AAAA.AAAA",
        "e30.e30.AAA=",
        "e30.e30.A",
        "e30=.e30.AAAA",
        "e30.W10.AAAA",
        "W10.e30.AAAA",
        "e30.e30.AAAA",
        " eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
        "eyJhbGciOiJIUzI1NiJ9.e30.AAAA\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct jwt jwt;
        assert_false(jwt_parse(arena, texts[i], &jwt));
    }
    char *giant = arena_alloc(arena, 40000);
    memset(giant, 'A', 39999);
    giant[20000] = giant[30000] = '.';
    struct jwt jwt;
    assert_false(jwt_parse(arena, giant, &jwt));
}

static void headers_that_would_be_misread_are_refused(void **state)
{
    (void)state;
    assert_true(parses("{\"alg\":\"RS256\"}", "{}"));
    assert_false(parses("{\"alg\":1}", "{}"));
    assert_false(parses("{\"typ\":\"JWT\"}", "{}"));
    assert_false(parses("{\"alg\":\"RS256\",\"kid\":7}", "{}"));
    assert_false(parses("{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", "{}"));
}

/* C4: members named twice, and an exp beyond what a 64-bit integer holds. */
static void duplicate_members_and_giant_times_are_refused(void **state)
{
    (void)state;
    assert_false(parses("{\"alg\":\"RS256\"}", "{\"sub\":\"a\",\"sub\":\"b\"}"));
    assert_false(parses("{\"alg\":\"RS256\",\"alg\":\"HS256\"}", "{}"));
    assert_false(is_current("{\"exp\":99999999999999999999}", 1000, 0));
    assert_false(is_current("{\"exp\":18446744073709551615}", 1000, 0));
    assert_false(is_current("{\"exp\":1e400}", 1000, 0));
    assert_false(is_current("{\"exp\":-1}", 1000, 0));
    assert_false(is_current("{\"exp\":\"2000\"}", 1000, 0));
    assert_false(is_current("{\"exp\":null}", 1000, 0));
    assert_false(is_current("{}", 1000, 0));
    assert_false(is_current("{\"exp\":2000,\"nbf\":\"x\"}", 1000, 0));
    assert_true(is_current("{\"exp\":2000}", 1000, 0));
}

/* A18: a leeway on either side of iat, nbf and exp; fractions of seconds as phones send them. */
static void clocks_may_differ_by_the_leeway(void **state)
{
    (void)state;
    assert_true(is_current("{\"iat\":1002,\"exp\":2000}", 1000, 60));
    assert_false(is_current("{\"iat\":1120,\"exp\":2000}", 1000, 60));
    assert_true(is_current("{\"exp\":998}", 1000, 60));
    assert_false(is_current("{\"exp\":880}", 1000, 60));
    assert_true(is_current("{\"nbf\":1030,\"exp\":2000}", 1000, 30));
    assert_false(is_current("{\"nbf\":1031,\"exp\":2000}", 1000, 30));
    assert_true(is_current("{\"iat\":1000.75,\"exp\":1030.25}", 1000, 60));
    assert_false(is_current("{\"iat\":1060.5,\"exp\":2000}", 1000, 60));
}

static void the_audience_is_one_of_those_named(void **state)
{
    (void)state;
    struct jwt jwt;
    assert_true(jwt_parse(arena, token_of("{\"alg\":\"RS256\"}", "{\"aud\":\"https://api.test/\"}"), &jwt));
    assert_true(jwt_has_audience(&jwt, "https://api.test/"));
    assert_false(jwt_has_audience(&jwt, "https://api.test"));
    assert_true(jwt_parse(arena, token_of("{\"alg\":\"RS256\"}", "{\"aud\":[1,\"a\",\"b\"]}"), &jwt));
    assert_true(jwt_has_audience(&jwt, "b"));
    assert_false(jwt_has_audience(&jwt, "c"));
    assert_true(jwt_parse(arena, token_of("{\"alg\":\"RS256\"}", "{}"), &jwt));
    assert_false(jwt_has_audience(&jwt, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_hs256_token_of_the_rfc_verifies, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(the_rs256_token_of_the_rfc_verifies, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(what_is_signed_parses_verifies_and_keeps_its_claims, make_arena,
                                        drop_arena),
        cmocka_unit_test_setup_teardown(an_algorithm_is_not_confused_with_another, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(texts_that_are_no_token_are_refused, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(headers_that_would_be_misread_are_refused, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(duplicate_members_and_giant_times_are_refused, make_arena,
                                        drop_arena),
        cmocka_unit_test_setup_teardown(clocks_may_differ_by_the_leeway, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(the_audience_is_one_of_those_named, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
