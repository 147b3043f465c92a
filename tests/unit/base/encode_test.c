#include "base/encode.h"

#include "base/random.h"

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

/* RFC 4648 section 10. */
static void base64_and_base32_give_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *base64, *base32;
    } vectors[] = {
        {"", "", ""},
        {"f", "Zg==", "MY"},
        {"fo", "Zm8=", "MZXQ"},
        {"foo", "Zm9v", "MZXW6"},
        {"foob", "Zm9vYg==", "MZXW6YQ"},
        {"fooba", "Zm9vYmE=", "MZXW6YTB"},
        {"foobar", "Zm9vYmFy", "MZXW6YTBOI"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        assert_string_equal(base64_encode(arena, bytes_of_text(vectors[i].plain)), vectors[i].base64);
        assert_string_equal(base32_encode(arena, bytes_of_text(vectors[i].plain)), vectors[i].base32);
    }
}

static void every_encoding_decodes_to_what_went_in(void **state)
{
    (void)state;
    for (size_t size = 0; size < 200; size++) {
        uint8_t data[200];
        random_fill(data, size);
        struct bytes in = {data, size};
        struct bytes out;
        char *text = base64url_encode(arena, in);
        assert_true(base64url_decode(arena, text, strlen(text), &out) && bytes_equal_secret(in, out));
        text = base64_encode(arena, in);
        assert_true(base64_decode(arena, text, strlen(text), &out) && bytes_equal_secret(in, out));
        text = base32_encode(arena, in);
        assert_true(base32_decode(arena, text, strlen(text), &out) && bytes_equal_secret(in, out));
        text = hex_encode(arena, in);
        assert_true(hex_decode(arena, text, strlen(text), &out) && bytes_equal_secret(in, out));
    }
}

static void decoding_refuses_what_no_encoder_writes(void **state)
{
    (void)state;
    struct bytes out;
    static const char *const bad[] = {"A", "Zg==", "Zh", "Z+8", "Zm9v\n", "Z"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(base64url_decode(arena, bad[i], strlen(bad[i]), &out));
}

static void percent_decoding_refuses_broken_escapes_and_nul(void **state)
{
    (void)state;
    assert_string_equal(percent_decode(arena, "auth0%7C1+x", 11, false), "auth0|1+x");
    assert_string_equal(percent_decode(arena, "a+b", 3, true), "a b");
    assert_null(percent_decode(arena, "%", 1, false));
    assert_null(percent_decode(arena, "%4", 2, false));
    assert_null(percent_decode(arena, "%zz", 3, false));
    assert_null(percent_decode(arena, "a%00b", 5, false));
}

static void utf8_refuses_surrogates_overlong_forms_and_nul(void **state)
{
    (void)state;
    assert_true(utf8_valid("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 11));
    assert_false(utf8_valid("\xed\xa0\x80", 3));
    assert_false(utf8_valid("\xc0\xaf", 2));
    assert_false(utf8_valid("\xf4\x90\x80\x80", 4));
    assert_false(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("\xe2\x82", 2));
}

static void html_escape_leaves_nothing_that_ends_a_text_or_an_attribute(void **state)
{
    (void)state;
    assert_string_equal(html_escape(arena, "<a b=\"c\" d='e'>&"),
                        "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_and_base32_give_the_vectors_of_rfc_4648),
        cmocka_unit_test(every_encoding_decodes_to_what_went_in),
        cmocka_unit_test(decoding_refuses_what_no_encoder_writes),
        cmocka_unit_test(percent_decoding_refuses_broken_escapes_and_nul),
        cmocka_unit_test(utf8_refuses_surrogates_overlong_forms_and_nul),
        cmocka_unit_test(html_escape_leaves_nothing_that_ends_a_text_or_an_attribute),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
