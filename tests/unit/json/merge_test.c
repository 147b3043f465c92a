#include "json/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
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

/* The user after a PATCH of app_metadata by `patch`. */
static const char *merged(const char *user, const char *patch)
{
    yyjson_mut_doc *doc = json_thaw(arena, json_parse_own(arena, user));
    json_merge_metadata(doc, yyjson_mut_doc_get_root(doc), "app_metadata", json_parse_own(arena, patch));
    return json_write_doc(arena, doc);
}

/* A10 */
static void only_an_explicit_null_removes_a_key_and_only_at_the_first_level(void **state)
{
    (void)state;
    const char *user = "{\"app_metadata\":{\"a\":[\"x\"],\"b\":{\"c\":1,\"d\":2}}}";
    assert_string_equal(merged(user, "{\"b\":{\"c\":3}}"),
                        "{\"app_metadata\":{\"a\":[\"x\"],\"b\":{\"c\":3}}}");
    assert_string_equal(merged("{\"app_metadata\":{\"a\":[\"x\"],\"b\":{\"c\":3}}}", "{\"a\":null}"),
                        "{\"app_metadata\":{\"b\":{\"c\":3}}}");
    assert_string_equal(merged(user, "{\"b\":{\"c\":null}}"),
                        "{\"app_metadata\":{\"a\":[\"x\"],\"b\":{\"c\":null}}}");
}

/* A11 */
static void an_empty_object_or_null_empties_the_metadata(void **state)
{
    (void)state;
    const char *user = "{\"name\":\"u\",\"app_metadata\":{\"use_mfa\":true}}";
    assert_string_equal(merged(user, "{}"), "{\"name\":\"u\",\"app_metadata\":{}}");
    assert_string_equal(merged(user, "null"), "{\"name\":\"u\",\"app_metadata\":{}}");
}

static void the_first_metadata_is_the_patch_without_its_nulls(void **state)
{
    (void)state;
    assert_string_equal(merged("{}", "{\"z\":1,\"a\":null,\"b\":2}"), "{\"app_metadata\":{\"z\":1,\"b\":2}}");
}

/* C7: such names are data as all others. */
static void names_that_javascript_treats_apart_are_kept_as_data(void **state)
{
    (void)state;
    assert_string_equal(
        merged("{\"app_metadata\":{\"x\":1}}", "{\"__proto__\":{\"use_mfa\":false},\"constructor\":1}"),
        "{\"app_metadata\":{\"x\":1,\"__proto__\":{\"use_mfa\":false},\"constructor\":1}}");
}

enum { NAMES = 12 };

/* Random members out of NAMES names; values 0 to 3, where in a patch 0 is null and 1 an object. */
static void draw(int values[NAMES], unsigned *seed)
{
    for (int i = 0; i < NAMES; i++)
        values[i] = rand_r(seed) % 3 == 0 ? rand_r(seed) % 4 : -1;
}

static const char *object_of(const int values[NAMES], bool is_patch)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    for (int i = 0; i < NAMES; i++) {
        const char *name = arena_printf(arena, "n%d", (i * 7) % NAMES);
        if (values[i] == 0 && is_patch)
            json_set(doc, root, name, yyjson_mut_null(doc));
        else if (values[i] == 1)
            json_set(doc, root, name, yyjson_mut_obj(doc));
        else if (values[i] >= 0)
            json_set_int(doc, root, name, values[i]);
    }
    return json_write_doc(arena, doc);
}

/* The rule said once more, member by member: what the patch names wins, what it leaves out stays, {} empties.
 */
static void every_member_follows_the_rule(void **state)
{
    (void)state;
    unsigned seed = 20240711;
    for (int round = 0; round < 5000; round++) {
        int before[NAMES];
        int patch[NAMES];
        draw(before, &seed);
        draw(patch, &seed);
        int expected[NAMES];
        int named = 0;
        for (int i = 0; i < NAMES; i++)
            named += patch[i] >= 0 ? 1 : 0;
        for (int i = 0; i < NAMES; i++)
            expected[i] = named == 0 ? -1 : patch[i] == 0 ? -1 : patch[i] > 0 ? patch[i] : before[i];
        const char *user = arena_printf(arena, "{\"app_metadata\":%s}", object_of(before, false));
        yyjson_val *after =
            json_member(json_parse_own(arena, merged(user, object_of(patch, true))), "app_metadata");
        assert_true(yyjson_equals(after, json_parse_own(arena, object_of(expected, false))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_an_explicit_null_removes_a_key_and_only_at_the_first_level),
        cmocka_unit_test(an_empty_object_or_null_empties_the_metadata),
        cmocka_unit_test(the_first_metadata_is_the_patch_without_its_nulls),
        cmocka_unit_test(names_that_javascript_treats_apart_are_kept_as_data),
        cmocka_unit_test(every_member_follows_the_rule),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
