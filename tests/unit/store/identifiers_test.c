#include "store/identifiers.h"

#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

/* A13 */
static void spellings_of_one_address_have_one_canonical_form(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *canonical;
    } cases[] = {
        {"Vincent@Example.Test", "vincent@example.test"},
        {"vincent@EXAMPLE.test", "vincent@example.test"},
        {"u@b\xc3\xbc"
         "cher.test",
         "u@xn--bcher-kva.test"},
        {"u@B\xc3\x9c"
         "CHER.test",
         "u@xn--bcher-kva.test"},
        {"u@bu\xcc\x88"
         "cher.test",
         "u@xn--bcher-kva.test"},
        {"u@xn--bcher-kva.test", "u@xn--bcher-kva.test"},
        {"u@XN--BCHER-KVA.test", "u@xn--bcher-kva.test"},
        {"First.Last+Tag_x=y@sub.example.co.uk", "first.last+tag_x=y@sub.example.co.uk"},
        {"o'Brien!#$%&*/?^`{|}~-@x.test", "o'brien!#$%&*/?^`{|}~-@x.test"},
        {"M\xc3\x9cller@x.test", "m\xc3\xbcller@x.test"},
        {"mu\xcc\x88ller@x.test", "m\xc3\xbcller@x.test"},
        {"stra\xc3\x9f"
         "e+1@x.test",
         "stra\xc3\x9f"
         "e+1@x.test"},
        {"\xd0\x91\xd0\xbe\xd1\x80\xd0\xb8\xd1\x81@x.test",
         "\xd0\xb1\xd0\xbe\xd1\x80\xd0\xb8\xd1\x81@x.test"},
        {"\xe7\x94\xb0\xe4\xb8\xad.taro@x.test", "\xe7\x94\xb0\xe4\xb8\xad.taro@x.test"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *canonical = email_canonical(arena, cases[i].typed);
        if (canonical == NULL)
            fail_msg("refused: %s", cases[i].typed);
        assert_string_equal(canonical, cases[i].canonical);
        assert_string_equal(email_canonical(arena, canonical), canonical);
    }
}

/* A13: each of these would pass for another's address, or would become one by folding. */
static void what_could_imitate_another_address_is_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "\xcd\x8f@x.test", /* combining grapheme joiner, alone */
        "vin\xcd\x8f"
        "cent@x.test",
        "v\xd0\xbeva@x.test",              /* one Cyrillic o among Latin letters */
        "\xd0\xb0\xd1\x81\xd0\xb5@x.test", /* Cyrillic letters alone that read "ace" */
        "\xce\xbf.1@x.test",               /* Greek omicron */
        "vin\xe2\x80\x8b"
        "cent@x.test", /* zero-width space */
        "vin\xe2\x80\x8d"
        "cent@x.test", /* zero-width joiner */
        "vin\xc2\xad"
        "cent@x.test", /* soft hyphen */
        "\xe2\x80\xae"
        "vincent@x.test",         /* right-to-left override */
        "v\xc4\xb0ncent@x.test",  /* I with dot above */
        "v\xc4\xb1ncent@x.test",  /* dotless i */
        "vi\xcc\x87ncent@x.test", /* i and a dot above */
        "\xc5\xbf"
        "am@x.test", /* long s, which folds to s */
        "u\xcc\x88\xc5\xbf"
        "am@x.test",
        "\xe2\x84\xaa"
        "arl@x.test",                    /* Kelvin sign, which folds to k */
        "\xef\xbd\x96incent@x.test",     /* full-width v */
        "\xf0\x9d\x90\xafincent@x.test", /* mathematical bold v */
        "\xc7\xb0"
        "a\xc9\x91@x.test",       /* Latin alpha of phonetics */
        "\xc7\x80vincent@x.test", /* a click that looks like l */
        "\xc4\xb3@x.test",        /* the ligature ij, which folds to i and j */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
        if (email_canonical(arena, addresses[i]) != NULL)
            fail_msg("taken: %s as %s", addresses[i], email_canonical(arena, addresses[i]));
    }
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "",
        "@",
        "u",
        "u@",
        "@x.test",
        "u@x",
        "u@x.",
        "u@.test",
        "u@x..test",
        "u@-x.test",
        "u@x-.test",
        "u@x_y.test",
        "u@[127.0.0.1]",
        "u@x.test ",
        " u@x.test",
        "u u@x.test",
        "u\t@x.test",
        "u\n@x.test",
        "u@x.test\n",
        "a@b@x.test",
        "\"a b\"@x.test",
        "u,v@x.test",
        "u@x.test,v@x.test",
        "<u@x.test>",
        ".u@x.test",
        "u.@x.test",
        "u..v@x.test",
        "u@x\xff.test",
        "u@xn--a.test",
        "\xc3\xbc \xc3\xbc@x.test",
        "0123456789012345678901234567890123456789012345678901234567890123x@x.test",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
        if (email_canonical(arena, addresses[i]) != NULL)
            fail_msg("taken: '%s' as %s", addresses[i], email_canonical(arena, addresses[i]));
    }
    assert_null(email_canonical(arena, NULL));
}

static void user_names_fold_as_addresses_do(void **state)
{
    (void)state;
    assert_string_equal(username_canonical(arena, "Jane_Doe-1"), "jane_doe-1");
    assert_string_equal(username_canonical(arena, "J.O'Neil@home"), "j.o'neil@home");
    assert_null(username_canonical(arena, ""));
    assert_null(username_canonical(arena, NULL));
    assert_null(username_canonical(arena, "jane doe"));
    assert_null(username_canonical(arena, "jane\xc2\xa0"
                                          "doe"));
    assert_null(username_canonical(arena, "j\xd0\xb0ne"));
    assert_null(username_canonical(arena, "jane\xf0\x9f\x98\x80"));
}

static void phone_numbers_are_e164_or_none(void **state)
{
    (void)state;
    assert_string_equal(phone_canonical(arena, "+447911123456"), "+447911123456");
    static const char *const numbers[] = {"",       "447911123456",      "+0447911123456", "+44 7911 123456",
                                          "+44791", "+1234567890123456", "+44791112345x"};
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
        assert_null(phone_canonical(arena, numbers[i]));
}

/* Whatever the bytes: a canonical form is its own canonical form, and is no longer than it may be. */
static void folding_twice_changes_nothing(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",
                                         "Z",
                                         "9",
                                         ".",
                                         "-",
                                         "+",
                                         "\xc3\x9c",
                                         "\xcc\x88",
                                         "\xc5\xbf",
                                         "\xd0\xb6",
                                         "\xe7\x94\xb0",
                                         "\xd7\x90",
                                         "\xef\xbc\xa1",
                                         "\xe2\x80\x8d",
                                         "\xe0\xa4\x95",
                                         "\xe0\xa5\x8d",
                                         "\xc7\x86",
                                         "\xea\xb0\x80",
                                         "@",
                                         "x.test"};
    for (int round = 0; round < 20000; round++) {
        struct arena *scratch = arena_create();
        const char *text = "";
        uint8_t draw[8];
        random_fill(draw, sizeof draw);
        for (size_t i = 0; i < 1U + draw[7] % 6U; i++)
            text = arena_printf(scratch, "%s%s", text, pieces[draw[i] % ARRAY_LENGTH(pieces)]);
        const char *email = email_canonical(scratch, arena_printf(scratch, "%s@x.test", text));
        if (email != NULL)
            assert_string_equal(email_canonical(scratch, email), email);
        const char *username = username_canonical(scratch, text);
        if (username != NULL)
            assert_string_equal(username_canonical(scratch, username), username);
        arena_destroy(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_one_address_have_one_canonical_form),
        cmocka_unit_test(what_could_imitate_another_address_is_refused),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(user_names_fold_as_addresses_do),
        cmocka_unit_test(phone_numbers_are_e164_or_none),
        cmocka_unit_test(folding_twice_changes_nothing),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
