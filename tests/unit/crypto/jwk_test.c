#include "crypto/jwk.h"

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

static const char *member(yyjson_mut_val *jwk, const char *name)
{
    return yyjson_mut_get_str(yyjson_mut_obj_get(jwk, name));
}

/* RFC 7515 appendix A.2.1: the modulus as the RFC prints it. */
static void the_public_jwk_of_a_loaded_key_is_the_one_of_the_rfc(void **state)
{
    (void)state;
    struct signing_key *key = signing_key_load("2011-04-29", decoded(private_key), decoded(certificate));
    assert_non_null(key);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *jwk = signing_key_jwk(key, doc);
    assert_string_equal(member(jwk, "n"),
                        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ"
                        "PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0"
                        "LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD"
                        "Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2"
                        "PAcDTW9gb54h4FRWyuXpoQ");
    assert_string_equal(member(jwk, "e"), "AQAB");
    assert_string_equal(member(jwk, "kty"), "RSA");
    assert_string_equal(member(jwk, "use"), "sig");
    assert_string_equal(member(jwk, "alg"), "RS256");
    assert_string_equal(member(jwk, "kid"), "2011-04-29");
    assert_string_equal(yyjson_mut_get_str(yyjson_mut_arr_get_first(yyjson_mut_obj_get(jwk, "x5c"))),
                        certificate);
    yyjson_mut_doc_free(doc);
    signing_key_free(&key);
    assert_null(key);
}

/* RFC 7515 appendix A.2: RSASSA-PKCS1-v1_5 has one signature for a text. */
static void signing_gives_the_signature_of_the_rfc(void **state)
{
    (void)state;
    static const char input[] =
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    struct signing_key *key = signing_key_load("k", decoded(private_key), decoded(certificate));
    uint8_t signature[SIGNING_KEY_SIGNATURE_BYTES];
    assert_true(signing_key_sign(key, bytes_of_text(input), signature));
    struct bytes made = {.data = signature, .size = sizeof signature};
    assert_string_equal(
        base64url_encode(arena, made),
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju"
        "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
        "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipU"
        "TI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
    assert_true(signing_key_verify(key, bytes_of_text(input), made));
    signature[100] ^= 1;
    assert_false(signing_key_verify(key, bytes_of_text(input), made));
    made.size--;
    assert_false(signing_key_verify(key, bytes_of_text(input), made));
    signing_key_free(&key);
}

static void a_generated_key_comes_back_from_its_der(void **state)
{
    (void)state;
    struct signing_key *key = signing_key_generate("login.example.test");
    assert_non_null(key);
    assert_int_equal(strlen(signing_key_kid(key)), 21);
    struct signing_key *again = signing_key_load(signing_key_kid(key), signing_key_private_der(key, arena),
                                                 signing_key_certificate_der(key, arena));
    assert_non_null(again);
    assert_string_equal(signing_key_fingerprint(key, arena), signing_key_fingerprint(again, arena));
    uint8_t signature[SIGNING_KEY_SIGNATURE_BYTES];
    assert_true(signing_key_sign(key, bytes_of_text("x"), signature));
    assert_true(signing_key_verify(again, bytes_of_text("x"), (struct bytes){signature, sizeof signature}));
    signing_key_free(&again);
    signing_key_free(&key);
}

static void the_certificate_shows_in_all_its_forms(void **state)
{
    (void)state;
    struct signing_key *key =
        signing_key_generate("a-host-name-that-is-longer-than-the-sixty-four-bytes-of-a-common-name.test");
    assert_non_null(key);
    assert_memory_equal(signing_key_certificate_pem(key, arena), "-----BEGIN CERTIFICATE-----\n", 28);
    assert_memory_equal(signing_key_pkcs7_pem(key, arena), "-----BEGIN PKCS7-----\n", 22);
    assert_int_equal(strlen(signing_key_fingerprint(key, arena)), 32 * 3 - 1);
    assert_int_equal(strlen(signing_key_thumbprint(key, arena)), 40);
    signing_key_free(&key);
}

static void a_certificate_of_another_key_is_refused(void **state)
{
    (void)state;
    struct signing_key *key = signing_key_generate("login.example.test");
    struct bytes other = signing_key_certificate_der(key, arena);
    assert_null(signing_key_load("k", decoded(private_key), other));
    assert_null(signing_key_load("k", bytes_of_text("no key"), other));
    assert_null(signing_key_load("k", signing_key_private_der(key, arena), bytes_of_text("no certificate")));
    signing_key_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_public_jwk_of_a_loaded_key_is_the_one_of_the_rfc, make_arena,
                                        drop_arena),
        cmocka_unit_test_setup_teardown(signing_gives_the_signature_of_the_rfc, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_generated_key_comes_back_from_its_der, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(the_certificate_shows_in_all_its_forms, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_certificate_of_another_key_is_refused, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
