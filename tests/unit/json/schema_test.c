#include "json/format.h"
#include "json/pattern.h"
#include "json/schema.h"

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

/* The members of PATCH /users/{id} that the tutorial's body has. */
static const char update_user[] =
    "{\"type\":\"object\",\"additionalProperties\":false,"
    "\"x-additional-properties-hint\":\"consider storing them in app_metadata or user_metadata. See "
    "\\\"Users Metadata\\\" in "
    "https://auth0.com/docs/api/v2/changes for more details\",\"properties\":{"
    "\"blocked\":{\"type\":\"boolean\",\"description\":\"Blocked.\"},"
    "\"email\":{\"type\":[\"string\",\"null\"],\"description\":\"Email address of this "
    "user.\",\"format\":\"email\"},"
    "\"phone_number\":{\"type\":[\"string\",\"null\"],\"description\":\"The user's phone number.\","
    "\"pattern\":\"^\\\\+[0-9]{1,15}$\"},"
    "\"password\":{\"type\":[\"string\",\"null\"],\"description\":\"New password.\",\"minLength\":1},"
    "\"user_metadata\":{\"$ref\":\"#/components/schemas/UserMetadata\"},"
    "\"app_metadata\":{\"$ref\":\"#/components/schemas/AppMetadata\",\"description\":\"Read-only for the "
    "user.\"},"
    "\"connection\":{\"type\":\"string\",\"description\":\"Name of the connection.\",\"minLength\":1},"
    "\"username\":{\"type\":[\"string\",\"null\"],\"description\":\"The user's "
    "username.\",\"minLength\":1,\"maxLength\":128},"
    "\"client_id\":{\"type\":\"string\",\"minLength\":1}}}";

static const char definitions[] = "{\"UserMetadata\":{\"type\":\"object\",\"description\":\"Data of the "
                                  "user.\",\"additionalProperties\":true},"
                                  "\"AppMetadata\":{\"type\":\"object\",\"description\":\"Data of the "
                                  "application.\",\"additionalProperties\":true},"
                                  "\"Loop\":{\"$ref\":\"#/components/schemas/Loop\"}}";

static const char *fault_of(const char *schema, const char *value)
{
    yyjson_val *body = NULL;
    assert_int_equal(json_parse(arena, bytes_of_text(value), &json_limits_body, &body), JSON_FINE);
    return schema_fault(arena, json_parse_own(arena, schema), json_parse_own(arena, definitions), body);
}

static void a_body_that_fits_has_no_fault(void **state)
{
    (void)state;
    assert_null(fault_of(update_user, "{}"));
    assert_null(
        fault_of(update_user, "{\"app_metadata\":{\"use_mfa\":true,\"a\":[1,{\"b\":null}]},\"email\":null}"));
}

static void the_tutorials_body_as_printed_names_the_last_faulty_member(void **state)
{
    (void)state;
    assert_string_equal(
        fault_of(update_user, "{\"blocked\":false,\"email\":\"\",\"phone_number\":\"\",\"password\":\"\","
                              "\"user_metadata\":{},\"app_metadata\":{\"use_mfa\":true},"
                              "\"connection\":\"\",\"username\":\"\",\"client_id\":\"DaM8...rdyX\"}"),
        "'String is too short (0 chars), minimum 1' on property username (The user's username.).");
    assert_string_equal(fault_of(update_user, "{\"email\":\"\"}"),
                        "'Object didn't pass validation for format email: ' on property email "
                        "(Email address of this user.).");
    assert_string_equal(fault_of(update_user, "{\"phone_number\":\"\"}"),
                        "'String does not match pattern ^\\+[0-9]{1,15}$: ' on property phone_number "
                        "(The user's phone number.).");
}

static void unknown_members_are_listed_with_the_schemas_hint(void **state)
{
    (void)state;
    assert_string_equal(
        fault_of(update_user, "{\"created_at\":1,\"email\":\"\",\"user_id\":2}"),
        "'Additional properties not allowed: created_at,user_id (consider storing them in app_metadata or "
        "user_metadata. See \"Users Metadata\" in https://auth0.com/docs/api/v2/changes for more "
        "details)'.");
}

static void types_are_told_in_z_schemas_words(void **state)
{
    (void)state;
    assert_string_equal(
        fault_of(update_user, "{\"email\":1}"),
        "'Expected type string,null but found type integer' on property email (Email address of this "
        "user.).");
    assert_string_equal(fault_of(update_user, "{\"blocked\":1.5}"),
                        "'Expected type boolean but found type number' on property blocked (Blocked.).");
    assert_string_equal(fault_of(update_user, "[]"), "'Expected type object but found type array'.");
    assert_string_equal(
        fault_of(update_user, "{\"app_metadata\":\"x\"}"),
        "'Expected type object but found type string' on property app_metadata (Read-only for the user.).");
    assert_string_equal(
        fault_of(update_user, "{\"user_metadata\":null}"),
        "'Expected type object but found type null' on property user_metadata (Data of the user.).");
}

static void a_missing_property_stands_at_the_root(void **state)
{
    (void)state;
    assert_string_equal(fault_of("{\"type\":\"object\",\"required\":[\"connection\"]}", "{}"),
                        "'Missing required property: connection'.");
}

static void paths_lead_through_arrays_and_objects(void **state)
{
    (void)state;
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"groups\":{\"type\":\"array\",\"maxItems\":2,\"items\":{"
        "\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"email\":{\"type\":\"string\","
        "\"format\":\"email\",\"description\":\"E-mail\"}}}}}}";
    assert_string_equal(
        fault_of(schema, "{\"groups\":[{\"id\":1,\"email\":\"x\"}]}"),
        "'Object didn't pass validation for format email: x' on property groups[0].email (E-mail).");
    assert_string_equal(fault_of(schema, "{\"groups\":[{\"id\":1},{}]}"),
                        "'Missing required property: id' on property groups[1].");
    assert_string_equal(fault_of(schema, "{\"groups\":[1,2,3]}"),
                        "'Array is too long (3), maximum 2' on property groups.");
}

static void numbers_enums_and_sizes_have_their_reasons(void **state)
{
    (void)state;
    assert_string_equal(fault_of("{\"minimum\":4,\"maximum\":10}", "3"), "'Value 3 is less than minimum 4'.");
    assert_string_equal(fault_of("{\"minimum\":4,\"maximum\":10}", "11"),
                        "'Value 11 is greater than maximum 10'.");
    assert_string_equal(fault_of("{\"enum\":[\"a\",\"b\"]}", "\"c\""), "'No enum match for: c'.");
    assert_string_equal(fault_of("{\"type\":\"object\",\"minProperties\":1}", "{}"),
                        "'Too few properties defined (0), minimum 1'.");
    assert_string_equal(fault_of("{\"maxLength\":2}", "\"äöü\""),
                        "'String is too long (3 chars), maximum 2'.");
    assert_null(fault_of("{\"type\":\"integer\"}", "2.0"));
    assert_null(fault_of("{\"type\":\"integer\"}", "99999999999999999999"));
}

static void any_of_lists_the_inner_faults(void **state)
{
    (void)state;
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"a\":{\"anyOf\":[{\"type\":"
                                 "\"string\"},{\"type\":\"boolean\"}]}}}";
    assert_null(fault_of(schema, "{\"a\":true}"));
    assert_string_equal(
        fault_of(schema, "{\"a\":1}"),
        "'None of the valid schemas were met'. Inner errors: [ 'Expected type string but found type integer' "
        "on property a (also) 'Expected type boolean but found type integer' on property a ].");
    assert_string_equal(fault_of("{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":0}]}", "1"),
                        "'Data is valid against more than one schema from 'oneOf''.");
}

static void a_reference_in_a_circle_ends(void **state)
{
    (void)state;
    assert_null(fault_of("{\"$ref\":\"Loop\"}", "{\"a\":1}"));
}

static bool matches(const char *pattern, const char *text)
{
    struct pattern *compiled = pattern_compile(arena, pattern);
    assert_non_null(compiled);
    return pattern_matches(compiled, arena, text);
}

static void patterns_match_as_ecmascript_does(void **state)
{
    (void)state;
    assert_true(matches("^.+\\|.+$", "auth0|1"));
    assert_false(matches("^.+\\|.+$", "123"));
    assert_true(matches("^[a-zA-Z0-9]([ \\-a-zA-Z0-9]*[a-zA-Z0-9])?$", "my-rule 2"));
    assert_false(matches("^[a-zA-Z0-9]([ \\-a-zA-Z0-9]*[a-zA-Z0-9])?$", "my-rule-"));
    assert_true(matches("^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", "a"));
    assert_true(matches("^(a|bc|def)+$", "abcdefa"));
    assert_false(matches("^(a|bc|def)+$", "abcde"));
    assert_true(matches("^([0-9a-zA-Z-_]{10,64})$", "DaM8_bokEX-"));
    assert_false(matches("^([0-9a-zA-Z-_]{10,64})$", "DaM8_bokE"));
    assert_true(matches("^[^<>]+$", "äöü 漢字"));
    assert_true(matches("^.{2}$", "漢字"));
    assert_false(matches("^\\S*$", "a b"));
    assert_true(matches("^[\\x20-\\x7E]+$", "~ ~"));
    assert_true(matches("b+c", "abbbc"));
    assert_true(matches("^$|^x$", ""));
    assert_true(matches("^(([a-zA-Z0-9_\\\\.]+))\\:(1|-1)$", "created_at:-1"));
    assert_true(matches("a.$", "aä"));
    assert_null(pattern_compile(arena, "ä"));
    assert_null(pattern_compile(arena, "(?=x)"));
    assert_null(pattern_compile(arena, "a(b"));
    assert_null(pattern_compile(arena, "[a"));
}

/* Two quantifiers on one text are where backtracking matchers take exponential time. */
static void a_hostile_text_cannot_make_a_pattern_slow(void **state)
{
    (void)state;
    char *text = arena_alloc(arena, 20001);
    memset(text, 'a', 20000);
    assert_false(matches("^(a*)*(a|aa)*b$", text));
}

static void formats_know_what_they_name(void **state)
{
    (void)state;
    assert_true(format_fits("email", "a.b+c@x.test"));
    assert_true(format_fits("email", "u@bücher.test"));
    assert_false(format_fits("email", "a@b"));
    assert_false(format_fits("email", "a..b@x.test"));
    assert_false(format_fits("email", "a@x.test@"));
    assert_false(format_fits("email", "a b@x.test"));
    assert_true(format_fits("user-id", "auth0|1"));
    assert_false(format_fits("user-id", ""));
    assert_false(format_fits("user-id", "auth0|"));
    assert_true(format_fits("callback-url", "com.app.test://cb"));
    assert_false(format_fits("callback-url", "JavaScript:alert(1)"));
    assert_true(format_fits("strict-uri", "https://x.test/a?b=c"));
    assert_false(format_fits("strict-uri", "x.test"));
    assert_true(format_fits("uuid", "123e4567-e89b-12d3-a456-426614174000"));
    assert_false(format_fits("uuid", "123e4567"));
    assert_true(format_fits("date-time", "2026-01-02T03:04:05.678Z"));
    assert_true(format_fits("date-time", "2026-01-02T03:04:05+01:00"));
    assert_false(format_fits("date-time", "2026-01-02"));
    assert_true(format_fits("cidr", "10.0.0.0/8"));
    assert_false(format_fits("cidr", "10.0.0.0/33"));
    assert_true(format_fits("a format that nobody knows", "x"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)
    const struct CMUnitTest tests[] = {
        TEST(a_body_that_fits_has_no_fault),
        TEST(the_tutorials_body_as_printed_names_the_last_faulty_member),
        TEST(unknown_members_are_listed_with_the_schemas_hint),
        TEST(types_are_told_in_z_schemas_words),
        TEST(a_missing_property_stands_at_the_root),
        TEST(paths_lead_through_arrays_and_objects),
        TEST(numbers_enums_and_sizes_have_their_reasons),
        TEST(any_of_lists_the_inner_faults),
        TEST(a_reference_in_a_circle_ends),
        TEST(patterns_match_as_ecmascript_does),
        TEST(a_hostile_text_cannot_make_a_pattern_slow),
        TEST(formats_know_what_they_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
