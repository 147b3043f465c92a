#include "crypto/password_policy.h"

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

static struct password_policy policy_of(const char *connection)
{
    return password_policy_of(json_parse_own(arena, connection));
}

static void expect(const char *level, const char *password, enum password_fault fault)
{
    struct password_policy policy =
        policy_of(arena_printf(arena, "{\"options\":{\"passwordPolicy\":\"%s\"}}", level));
    assert_int_equal(password_policy_check(&policy, arena, password, NULL), fault);
}

static void each_level_has_its_rules(void **state)
{
    (void)state;
    expect("none", "a", PASSWORD_FITS);
    expect("none", "", PASSWORD_TOO_WEAK);
    expect("low", "abcde", PASSWORD_TOO_WEAK);
    expect("low", "abcdef", PASSWORD_FITS);
    expect("fair", "abcdefg1", PASSWORD_TOO_WEAK);
    expect("fair", "Abcdefg1", PASSWORD_FITS);
    expect("good", "abcdefgh", PASSWORD_TOO_WEAK);
    expect("good", "abcdef1!", PASSWORD_FITS);
    expect("good", "Abcde1!", PASSWORD_TOO_WEAK);
    expect("excellent", "Abcdefgh1!", PASSWORD_FITS);
    expect("excellent", "Abcccfgh1!", PASSWORD_TOO_WEAK);
    expect("excellent", "Abcdef1!", PASSWORD_TOO_WEAK);
}

static void a_silent_connection_has_the_policy_good(void **state)
{
    (void)state;
    assert_string_equal(password_policy_of(NULL).level, "good");
    assert_string_equal(policy_of("{\"options\":{}}").level, "good");
}

static void the_minimum_length_of_the_connection_counts_characters(void **state)
{
    (void)state;
    struct password_policy policy =
        policy_of("{\"options\":{\"passwordPolicy\":\"low\",\"password_complexity_options\":"
                  "{\"min_length\":3}}}");
    assert_int_equal(password_policy_check(&policy, arena, "ab", NULL), PASSWORD_TOO_WEAK);
    assert_int_equal(password_policy_check(&policy, arena, "äöü", NULL), PASSWORD_FITS);
    assert_int_equal(password_policy_check(&policy, arena, "äö", NULL), PASSWORD_TOO_WEAK);
}

static void personal_and_common_passwords_are_told_apart(void **state)
{
    (void)state;
    struct password_policy policy =
        policy_of("{\"options\":{\"passwordPolicy\":\"low\",\"password_no_personal_info\":{\"enable\":true},"
                  "\"password_dictionary\":{\"enable\":true,\"dictionary\":[\"countersign\"]}}}");
    yyjson_val *user = json_parse_own(arena, "{\"email\":\"marjorie@x.test\"}");
    assert_int_equal(password_policy_check(&policy, arena, "xMARJORIE99x", user), PASSWORD_PERSONAL);
    assert_int_equal(password_policy_check(&policy, arena, "Countersign", user), PASSWORD_TOO_COMMON);
    assert_int_equal(password_policy_check(&policy, arena, "password1", user), PASSWORD_TOO_COMMON);
    assert_int_equal(password_policy_check(&policy, arena, "correct horse battery", user), PASSWORD_FITS);
}

/* A14: one limit in bytes at every entry that sets. */
static void a_password_over_the_limit_in_bytes_is_refused(void **state)
{
    (void)state;
    char *longest = arena_alloc(arena, 4097 + 1);
    memset(longest, 'a', 4096);
    expect("low", longest, PASSWORD_FITS);
    longest[4096] = 'a';
    expect("low", longest, PASSWORD_TOO_LONG);
}

static void the_error_tells_which_rules_were_broken(void **state)
{
    (void)state;
    struct password_policy policy = policy_of("{\"options\":{\"passwordPolicy\":\"good\"}}");
    const char *text = json_write_doc(arena, password_strength_error(&policy, arena, "abc"));
    assert_non_null(strstr(text,
                           "{\"name\":\"PasswordStrengthError\",\"message\":\"Password is too weak\","
                           "\"code\":\"invalid_password\",\"description\":{\"rules\":["
                           "{\"code\":\"lengthAtLeast\",\"message\":\"At least %d characters in length\","
                           "\"verified\":false,\"format\":[8]}"));
    assert_non_null(strstr(text, "\"code\":\"containsAtLeast\""));
    assert_non_null(strstr(text, "\"format\":[3,4]"));
    assert_non_null(
        strstr(text, "{\"code\":\"lowerCase\",\"message\":\"lower case letters (a-z)\",\"verified\":true}"));
    assert_non_null(strstr(
        text, "\"policy\":\"* At least 8 characters in length\\n* Contain at least 3 of the following 4"));
    assert_non_null(strstr(text, "\"statusCode\":400}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_level_has_its_rules, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_silent_connection_has_the_policy_good, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(the_minimum_length_of_the_connection_counts_characters, make_arena,
                                        drop_arena),
        cmocka_unit_test_setup_teardown(personal_and_common_passwords_are_told_apart, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_password_over_the_limit_in_bytes_is_refused, make_arena,
                                        drop_arena),
        cmocka_unit_test_setup_teardown(the_error_tells_which_rules_were_broken, make_arena, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
