#include "base/compiler.h"
#include "http/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool parse(struct arena *arena, const char *text, struct http_pairs *pairs)
{
    return form_parse(arena, text, strlen(text), pairs);
}

static void pairs_are_decoded_in_their_order(void **state)
{
    struct arena *arena = arena_create();
    struct http_pairs pairs;
    (void)state;
    assert_true(parse(arena, "a=1&b=x+y%2Bz&&a=%C3%BC&flag&=v&e=", &pairs));
    assert_int_equal(pairs.count, 6);
    assert_string_equal(http_pair(&pairs, "a"), "1");
    assert_string_equal(http_pair(&pairs, "b"), "x y+z");
    assert_string_equal(pairs.items[2].value, "\xc3\xbc");
    assert_string_equal(http_pair(&pairs, "flag"), "");
    assert_string_equal(http_pair(&pairs, ""), "v");
    assert_string_equal(http_pair(&pairs, "e"), "");
    assert_int_equal(http_pair_count(&pairs, "a"), 2);
    assert_null(http_pair(&pairs, "b "));
    assert_true(parse(arena, "", &pairs));
    assert_int_equal(pairs.count, 0);
    arena_destroy(&arena);
}

static void what_does_not_decode_is_refused(void **state)
{
    static const char *const broken[] = {"a=%", "a=%4", "a=%zz", "a=%00", "%00=a", "a=%ff", "a=%ed%a0%80"};
    struct arena *arena = arena_create();
    struct http_pairs pairs;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++)
        assert_false(parse(arena, broken[i], &pairs));
    assert_false(form_parse(arena, "a=b\0c", 5, &pairs));
    arena_destroy(&arena);
}

static void a_form_of_too_many_pairs_is_refused(void **state)
{
    struct arena *arena = arena_create();
    struct http_pairs pairs;
    char text[2 * HTTP_LARGEST_FORM + 1];
    (void)state;
    for (size_t i = 0; i < HTTP_LARGEST_FORM; i++)
        memcpy(text + 2 * i, "a&", 2);
    assert_false(form_parse(arena, text, 2 * HTTP_LARGEST_FORM, &pairs));
    assert_true(form_parse(arena, text, 2 * HTTP_LARGEST_FORM - 1, &pairs));
    assert_int_equal(pairs.count, HTTP_LARGEST_FORM);
    arena_destroy(&arena);
}

static void cookies_are_read_as_browsers_send_them(void **state)
{
    struct arena *arena = arena_create();
    struct http_pairs pairs;
    (void)state;
    cookies_parse(arena, " a=1; b=\"two\";c = 3 ;; junk; =x; d=a=b; e=", &pairs);
    assert_int_equal(pairs.count, 5);
    assert_string_equal(http_pair(&pairs, "a"), "1");
    assert_string_equal(http_pair(&pairs, "b"), "two");
    assert_string_equal(http_pair(&pairs, "c"), "3");
    assert_string_equal(http_pair(&pairs, "d"), "a=b");
    assert_string_equal(http_pair(&pairs, "e"), "");
    cookies_parse(arena, "", &pairs);
    assert_int_equal(pairs.count, 0);
    arena_destroy(&arena);
}

static void content_types_match_whole_and_in_any_case(void **state)
{
    (void)state;
    assert_true(content_type_is("application/json", "application/json"));
    assert_true(content_type_is("Application/JSON; charset=utf-8", "application/json"));
    assert_false(content_type_is("application/jsonp", "application/json"));
    assert_false(content_type_is("application", "application/json"));
    assert_false(content_type_is(NULL, "application/json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_decoded_in_their_order),
        cmocka_unit_test(what_does_not_decode_is_refused),
        cmocka_unit_test(a_form_of_too_many_pairs_is_refused),
        cmocka_unit_test(cookies_are_read_as_browsers_send_them),
        cmocka_unit_test(content_types_match_whole_and_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
