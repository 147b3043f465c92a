#include "crypto/digest.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

/* FIPS 180-4, the examples published with it. */
static void digests_give_the_examples_of_fips_180(void **state)
{
    (void)state;
    uint8_t digest[32];
    sha256(bytes_of_text("abc"), digest);
    assert_string_equal(hex_encode(arena, (struct bytes){digest, 32}),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha1(bytes_of_text("abc"), digest);
    assert_string_equal(hex_encode(arena, (struct bytes){digest, 20}),
                        "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(token_hash(arena, ""),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231 test cases 2 and 6; and an empty key, which RFC 2104 allows. */
static void hmac_gives_the_vectors_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t mac[32];
    hmac_sha256(bytes_of_text("Jefe"), bytes_of_text("what do ya want for nothing?"), mac);
    assert_string_equal(hex_encode(arena, (struct bytes){mac, 32}),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    uint8_t key[131];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = 0xaa;
    hmac_sha256((struct bytes){key, sizeof key},
                bytes_of_text("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    assert_string_equal(hex_encode(arena, (struct bytes){mac, 32}),
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256((struct bytes){NULL, 0}, (struct bytes){NULL, 0}, mac);
    assert_string_equal(hex_encode(arena, (struct bytes){mac, 32}),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_give_the_examples_of_fips_180),
        cmocka_unit_test(hmac_gives_the_vectors_of_rfc_4231),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
