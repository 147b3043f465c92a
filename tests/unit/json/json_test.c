#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

static enum json_fault fault_of(const char *text)
{
    yyjson_val *root = NULL;
    enum json_fault fault = json_parse(arena, bytes_of_text(text), &json_limits_body, &root);
    assert_int_equal(fault == JSON_FINE, root != NULL);
    return fault;
}

static const char *round_trip(const char *text)
{
    yyjson_val *root = NULL;
    assert_int_equal(json_parse(arena, bytes_of_text(text), &json_limits_body, &root), JSON_FINE);
    return json_write(arena, root);
}

/* C4 */
static void numbers_come_back_digit_for_digit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"n\":9007199254740993}",
        "{\"n\":9223372036854775807,\"m\":-9223372036854775808,\"u\":18446744073709551615}",
        "{\"exp\":99999999999999999999}",
        "[-99999999999999999999,1.5,0,-1,1e400]",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        assert_string_equal(round_trip(texts[i]), texts[i]);
        yyjson_val *root = json_parse_own(arena, texts[i]);
        assert_string_equal(json_write_doc(arena, json_thaw(arena, root)), texts[i]);
    }
}

/* C4: libjwt clamped it and the token never expired. */
static void numbers_beyond_64_bits_are_not_integers(void **state)
{
    (void)state;
    yyjson_val *root = json_parse_own(arena, "{\"exp\":99999999999999999999,\"big\":18446744073709551615}");
    assert_true(yyjson_is_raw(json_member(root, "exp")));
    assert_int_equal(json_int(root, "exp", -7), -7);
    assert_int_equal(json_int(root, "big", -7), -7);
}

/* C4 */
static void a_name_given_twice_is_refused_at_any_level(void **state)
{
    (void)state;
    assert_int_equal(fault_of("{\"app_metadata\":{\"use_mfa\":true,\"use_mfa\":false}}"),
                     JSON_DUPLICATE_NAME);
    assert_int_equal(fault_of("[[{\"a\":1,\"\\u0061\":2}]]"), JSON_DUPLICATE_NAME);
    assert_int_equal(fault_of("{\"a\":{\"b\":1},\"c\":{\"b\":1}}"), JSON_FINE);
    char many[4096] = "{";
    for (int i = 0; i < 100; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "\"k%d\":%d,", i, i);
    char *end = many + strlen(many);
    strcpy(end, "\"last\":1}");
    assert_int_equal(fault_of(many), JSON_FINE);
    strcpy(end, "\"k42\":1}");
    assert_int_equal(fault_of(many), JSON_DUPLICATE_NAME);
}

/* C4 */
static void texts_that_are_no_text_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"\\u0000\":1}",
        "[\"a\\u0000b\"]",
        "[\"\\ud800\"]",
        "[\"\\udc00\\ud800\"]",
        "[\"\xff\"]",
        "[\"\xed\xa0\x80\"]",
        "",
        " ",
        "[1,]",
        "{\"a\":1,}",
        "[01]",
        "[NaN]",
        "['a']",
        "[1] x",
        "[\"\x01\"]",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_int_equal(fault_of(texts[i]), JSON_MALFORMED);
    yyjson_val *root = NULL;
    assert_int_equal(
        json_parse(arena, (struct bytes){(const uint8_t *)"[\"\0\"]", 5}, &json_limits_body, &root),
        JSON_MALFORMED);
}

/* C4 */
static void what_is_over_a_limit_is_refused_before_it_costs_anything(void **state)
{
    (void)state;
    char deep[100001];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    size_t used = arena_used(arena);
    assert_int_equal(fault_of(deep), JSON_TOO_LARGE);
    assert_true(arena_used(arena) - used < 1000);

    const struct json_limits small = {.bytes = 32, .depth = 2, .items = 4};
    yyjson_val *root = NULL;
    assert_int_equal(json_parse(arena, bytes_of_text("[[1,2],3]"), &small, &root), JSON_FINE);
    assert_int_equal(json_parse(arena, bytes_of_text("[[[1]]]"), &small, &root), JSON_TOO_LARGE);
    assert_int_equal(json_parse(arena, bytes_of_text("[1,2,3,4,5]"), &small, &root), JSON_TOO_LARGE);
    assert_int_equal(json_parse(arena, bytes_of_text("[\"[[[[,,,,,\\\"[[[\"]"), &small, &root), JSON_FINE);
    assert_int_equal(json_parse(arena, bytes_of_text("[                                 ]"), &small, &root),
                     JSON_TOO_LARGE);
}

static void members_are_read_by_type(void **state)
{
    (void)state;
    yyjson_val *root =
        json_parse_own(arena, "{\"t\":\"x\",\"n\":-3,\"b\":true,\"z\":null,\"a\":[\"p\",1,\"q\"]}");
    assert_string_equal(json_text(root, "t"), "x");
    assert_null(json_text(root, "n"));
    assert_null(json_text(root, "absent"));
    assert_null(json_text(NULL, "t"));
    assert_int_equal(json_int(root, "n", 9), -3);
    assert_int_equal(json_int(root, "t", 9), 9);
    assert_true(json_bool(root, "b", false));
    assert_true(json_bool(root, "z", true));
    assert_true(json_array_has_text(json_member(root, "a"), "q"));
    assert_false(json_array_has_text(json_member(root, "a"), "1"));
    assert_false(json_array_has_text(json_member(root, "t"), "x"));
    assert_false(json_array_has_text(NULL, "x"));
}

static void setting_a_member_keeps_its_place(void **state)
{
    (void)state;
    yyjson_mut_doc *doc = json_thaw(arena, json_parse_own(arena, "{\"a\":1,\"b\":2,\"c\":3}"));
    yyjson_mut_val *object = yyjson_mut_doc_get_root(doc);
    char text[] = "changed";
    json_set_text(doc, object, "b", text);
    text[0] = '!';
    json_set_int(doc, object, "d", INT64_MIN);
    json_set_bool(doc, object, "a", false);
    assert_string_equal(json_write_doc(arena, doc),
                        "{\"a\":false,\"b\":\"changed\",\"c\":3,\"d\":-9223372036854775808}");
    json_set_text(doc, object, "b", NULL);
    json_remove(object, "a");
    json_remove(object, "absent");
    assert_string_equal(json_write_doc(arena, doc), "{\"c\":3,\"d\":-9223372036854775808}");
    assert_int_equal(json_mut_int(object, "c", 0), 3);
    assert_int_equal(json_mut_int(object, "b", 5), 5);
    assert_null(json_mut_text(object, "c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back_digit_for_digit),
        cmocka_unit_test(numbers_beyond_64_bits_are_not_integers),
        cmocka_unit_test(a_name_given_twice_is_refused_at_any_level),
        cmocka_unit_test(texts_that_are_no_text_are_refused),
        cmocka_unit_test(what_is_over_a_limit_is_refused_before_it_costs_anything),
        cmocka_unit_test(members_are_read_by_type),
        cmocka_unit_test(setting_a_member_keeps_its_place),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
