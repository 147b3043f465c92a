#include "tenant/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct toml_pair *pairs;
static size_t count;
static const char *error;

static bool parse(struct arena *arena, const char *text)
{
    return toml_parse(arena, bytes_of_text(text), &pairs, &count, &error);
}

static void reads_texts_numbers_and_truths(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    assert_true(parse(
        arena,
        "# a comment\n\nlisten = \"[::1]:3000\" # here\r\nworkers=1_024\n dev\t= true\npath = 'C:\\x'"));
    assert_int_equal(count, 4);
    assert_string_equal(pairs[0].key, "listen");
    assert_string_equal(pairs[0].value, "[::1]:3000");
    assert_int_equal(pairs[0].line, 3);
    assert_int_equal(pairs[1].kind, TOML_NUMBER);
    assert_string_equal(pairs[1].value, "1024");
    assert_int_equal(pairs[2].kind, TOML_TRUTH);
    assert_string_equal(pairs[3].value, "C:\\x");
    arena_destroy(&arena);
}

static void reads_escapes(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    assert_true(parse(arena, "a = \"\\\"\\\\\\t\\u00e9\\U0001F600\""));
    assert_string_equal(pairs[0].value, "\"\\\t\xc3\xa9\xf0\x9f\x98\x80");
    arena_destroy(&arena);
}

static void refuses_with_the_line(void **state)
{
    static const char *const wrong[] = {
        "[server]",
        "a",
        "a =",
        "a = 1.5",
        "a = 01",
        "a = \"x",
        "a = \"\\q\"",
        "a = 'x' 'y'",
        "a = [1]",
        "a = 1__0",
        "a = 1_",
        "a = \"\\u0000\"",
        "a = \"\\ud800\"",
        "= 1",
        "a = truee",
        "a = 99999999999999999999",
        "a.b = 1",
        "a = 1\rb = 2",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        struct arena *arena = arena_create();
        if (parse(arena, arena_printf(arena, "ok = 1\n%s\n", wrong[i])))
            fail_msg("accepted: %s", wrong[i]);
        assert_memory_equal(error, "line 2: ", 8);
        arena_destroy(&arena);
    }
}

static void refuses_a_key_that_is_set_twice(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    assert_false(parse(arena, "a = 1\nb = 2\na = 3\n"));
    assert_string_equal(error, "line 3: a was set on line 1 already");
    arena_destroy(&arena);
}

static void refuses_bytes_that_are_no_text(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    assert_false(parse(arena, "a = \"\xff\""));
    assert_false(toml_parse(arena, (struct bytes){.data = (const uint8_t *)"a = 1\0b", .size = 7}, &pairs,
                            &count, &error));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_texts_numbers_and_truths), cmocka_unit_test(reads_escapes),
        cmocka_unit_test(refuses_with_the_line),          cmocka_unit_test(refuses_a_key_that_is_set_twice),
        cmocka_unit_test(refuses_bytes_that_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
