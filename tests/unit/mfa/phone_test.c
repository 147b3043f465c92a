#include "mfa/mfa.h"

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

static void numbers_with_a_country_code_become_e164(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *number;
    } cases[] = {
        {"+447911123456", "+447911123456"},     {" +44 7911-123.456 ", "+447911123456"},
        {"+1 (415) 555-2671", "+14155552671"},  {"＋８１　９０－１２３４－５６７８", "+819012345678"},
        {"+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "+966501234567"},  {"\u202a+49\u00a0151 23456789\u202c", "+4915123456789"},
        {"+44207183875044", "+44207183875044"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *number = phone_e164(arena, cases[i].typed);
        assert_non_null(number);
        assert_string_equal(number, cases[i].number);
    }
}

/* A5: no country is ever guessed. */
static void numbers_without_a_country_code_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "07911 123456",
        "7911123456",
        "00447911123456",
        "+",
        "",
        "+07911123456",
        "+44",
        "+44791112x",
        "+4479111234567890",
        "447911+123",
        "++447911123456",
        "+999123456789",
        "+210123456",
        "+979123456789",
        "+88213123456",
        "+1415555267",
        "+141555526711",
        "+44 7911 123456é",
        "tel:+447911123456",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_null(phone_e164(arena, wrong[i]));
    assert_null(phone_e164(arena, NULL));
}

static void codes_are_read_as_people_type_them(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *code;
    } cases[] = {
        {"123456", "123456"},      {" 123 456 ", "123456"},
        {"123-456", "123456"},     {"１２３４５６", "123456"},
        {"١٢٣٤٥٦", "123456"},      {"۱۲۳۴۵۶", "123456"},
        {"abCD 1234", "abCD1234"}, {"ＡＢｃ", "ABc"},
        {"12345é", "12345?"},      {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_string_equal(code_typed(arena, cases[i].typed), cases[i].code);
}

static void masks_are_those_of_auth0(void **state)
{
    (void)state;
    assert_string_equal(mask_phone(arena, "+44207183875044"), "XXXXXXXXXXX5044");
    assert_string_equal(mask_phone(arena, "123"), "123");
    assert_string_equal(mask_email(arena, "chucknor@example.com"), "chuc****@exam*******");
    assert_string_equal(mask_email(arena, "chuck@example.com"), "chuc*@exam*******");
    assert_string_equal(mask_email(arena, "abcd@a.io"), "****@****");
    assert_string_equal(mask_email(arena, "a@example.com"), "****@exam*******");
    assert_string_equal(mask_email(arena, "nobody"), "nobo**");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_with_a_country_code_become_e164),
        cmocka_unit_test(numbers_without_a_country_code_are_refused),
        cmocka_unit_test(codes_are_read_as_people_type_them),
        cmocka_unit_test(masks_are_those_of_auth0),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
