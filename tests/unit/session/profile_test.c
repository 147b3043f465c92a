#include "session/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void completes_what_a_new_profile_lacks(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "email", "Ada@Example.Test");
    const char *user_id = profile_complete(arena, doc, "People", NULL, 1767323045678);
    assert_int_equal(strlen(user_id), strlen("auth0|") + 24);
    assert_string_equal(json_mut_text(root, "user_id"), user_id);
    assert_string_equal(json_mut_text(root, "email"), "ada@example.test");
    assert_string_equal(json_mut_text(root, "name"), "ada@example.test");
    assert_string_equal(json_mut_text(root, "nickname"), "ada");
    assert_false(json_mut_bool(root, "email_verified", true));
    assert_string_equal(json_mut_text(root, "created_at"), "2026-01-02T03:04:05.678Z");
    yyjson_mut_val *identity = yyjson_mut_arr_get_first(json_mut_member(root, "identities"));
    assert_string_equal(json_mut_text(identity, "connection"), "People");
    assert_string_equal(json_mut_text(identity, "provider"), "auth0");
    assert_string_equal(json_mut_text(identity, "user_id"), user_id + strlen("auth0|"));
    arena_destroy(&arena);
}

static void keeps_what_was_given(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "email", "ada@example.test");
    json_set_bool(doc, root, "email_verified", true);
    json_set_text(doc, root, "name", "Ada Lovelace");
    json_set_text(doc, root, "picture", "https://pictures.test/ada.png");
    assert_string_equal(profile_complete(arena, doc, "People", "chosen", 0), "auth0|chosen");
    assert_string_equal(json_mut_text(root, "name"), "Ada Lovelace");
    assert_string_equal(json_mut_text(root, "picture"), "https://pictures.test/ada.png");
    assert_true(json_mut_bool(root, "email_verified", false));
    arena_destroy(&arena);
}

static void names_the_picture_by_the_folded_address(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    assert_string_equal(profile_picture(arena, "MyEmailAddress@example.com"),
                        "https://s.gravatar.com/avatar/0bc83cb571cd1c50ba6f3e8a78ef1346?s=480&r=pg&d="
                        "https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fmy.png");
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_what_a_new_profile_lacks),
        cmocka_unit_test(keeps_what_was_given),
        cmocka_unit_test(names_the_picture_by_the_folded_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
