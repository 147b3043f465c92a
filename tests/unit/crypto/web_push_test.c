/* Encryption of Web Push messages, by the example of RFC 8291 (section 5 and appendix A), and what is refused. */
#include "crypto/web_push.h"

#include "base/encode.h"
#include "crypto/device_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct bytes decode(const char *text)
{
    struct bytes bytes;
    assert_true(base64url_decode(arena, text, strlen(text), &bytes));
    return bytes;
}

static struct web_push_receiver receiver(void)
{
    return (struct web_push_receiver){
        .public_key =
            decode("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        .auth = decode("BTBZMqHH6r4Tts7J_aSIgg"),
    };
}

static struct p256_pair sender(void)
{
    struct p256_pair pair;
    struct bytes private_key = decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
    struct bytes public_key =
        decode("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
    memcpy(pair.private_key, private_key.data, sizeof pair.private_key);
    memcpy(pair.public_key, public_key.data, sizeof pair.public_key);
    return pair;
}

static void the_example_of_the_standard_comes_out(void **state)
{
    (void)state;
    struct web_push_receiver to = receiver();
    struct p256_pair from = sender();
    struct bytes body;
    assert_true(web_push_encrypt(arena, bytes_of_text("When I grow up, I want to be a watermelon"), &to,
                                 &from, decode("DGv6ra1nlYgDCS1FRnbzlw").data, &body));
    assert_string_equal(base64url_encode(arena, body),
                        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc"
                        "InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLV"
                        "WGNWQexSgSxsj_Qulcy4a-fN");
}

static void both_sides_agree_on_one_secret(void **state)
{
    (void)state;
    struct p256_pair a, b;
    uint8_t of_a[32], of_b[32];
    assert_true(p256_generate(&a) && p256_generate(&b));
    assert_true(p256_agree(&a, (struct bytes){b.public_key, P256_PUBLIC_BYTES}, of_a));
    assert_true(p256_agree(&b, (struct bytes){a.public_key, P256_PUBLIC_BYTES}, of_b));
    assert_memory_equal(of_a, of_b, sizeof of_a);
}

static void a_key_off_the_curve_and_wrong_sizes_are_refused(void **state)
{
    (void)state;
    uint8_t salt[WEB_PUSH_SALT_BYTES] = {0}, point[P256_PUBLIC_BYTES];
    struct p256_pair from = sender();
    struct web_push_receiver to = receiver();
    struct bytes body, text = bytes_of_text("hello");
    memcpy(point, to.public_key.data, sizeof point);
    point[64] ^= 1;
    to.public_key.data = point;
    assert_false(web_push_encrypt(arena, text, &to, &from, salt, &body));
    to = receiver();
    to.public_key.size = 33;
    assert_false(web_push_encrypt(arena, text, &to, &from, salt, &body));
    to = receiver();
    to.auth.size = 15;
    assert_false(web_push_encrypt(arena, text, &to, &from, salt, &body));
    to = receiver();
    text = (struct bytes){arena_alloc(arena, 4096), WEB_PUSH_LARGEST_TEXT};
    assert_true(web_push_encrypt(arena, text, &to, &from, salt, &body));
    assert_int_equal(body.size, 4096);
    text.size++;
    assert_false(web_push_encrypt(arena, text, &to, &from, salt, &body));
}

static void a_signed_token_is_verified_by_the_public_key(void **state)
{
    (void)state;
    struct p256_pair pair;
    assert_true(p256_generate(&pair));
    yyjson_mut_doc *claims = json_new_object(arena);
    json_set_text(claims, yyjson_mut_doc_get_root(claims), "aud", "https://push.test");
    const char *token = jwt_sign_es256(arena, &pair, NULL, yyjson_mut_doc_get_root(claims));
    struct jwt jwt;
    assert_true(jwt_parse(arena, token, &jwt));
    struct device_key key = {"ES256", {pair.public_key + 1, 32}, {pair.public_key + 33, 32}};
    assert_true(device_key_verify(&key, &jwt));
    struct p256_pair another;
    assert_true(p256_generate(&another));
    struct device_key other = {"ES256", {another.public_key + 1, 32}, {another.public_key + 33, 32}};
    assert_false(device_key_verify(&other, &jwt));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_standard_comes_out),
        cmocka_unit_test(both_sides_agree_on_one_secret),
        cmocka_unit_test(a_key_off_the_curve_and_wrong_sizes_are_refused),
        cmocka_unit_test(a_signed_token_is_verified_by_the_public_key),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
