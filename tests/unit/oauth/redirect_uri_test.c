#include "oauth/redirect_uri.h"

#include "base/arena.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void an_address_matches_itself_alone(void **state)
{
    (void)state;
    assert_true(redirect_uri_matches("https://app.test/cb", "https://app.test/cb"));
    assert_true(redirect_uri_matches("com.app.ios://login.test/ios/callback",
                                     "com.app.ios://login.test/ios/callback"));
    static const char *const others[] = {
        "https://app.test/cb/",  "https://app.test/cb?x=1",  "https://app.test/cb/../x",
        "https://app.test/CB",   "http://app.test/cb",       "https://app.test:443/cb",
        "https://app.test/c",    "https://app.test",         "https://app.test/cb#",
        "https://app.test/cb#x", "https://user@app.test/cb", " https://app.test/cb",
        "https://app.test\\/cb", "HTTPS://app.test/cb",      "",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(redirect_uri_matches("https://app.test/cb", others[i]));
}

/* A15: a wildcard is one whole leftmost DNS label and nothing else. */
static void a_wildcard_stands_for_one_leftmost_label(void **state)
{
    (void)state;
    static const char allowed[] = "https://*.app.test/cb";
    assert_true(redirect_uri_matches(allowed, "https://a.app.test/cb"));
    assert_true(redirect_uri_matches(allowed, "https://tenant-7.app.test/cb"));
    static const char *const others[] = {
        "https://a.app.test.evil.test/cb",
        "https://aapp.test/cb",
        "https://a.b.app.test/cb",
        "https://a.app.test:444/cb",
        "https://a.app.test/cb/../x",
        "https://app.test/cb",
        "https://.app.test/cb",
        "https://*.app.test/cb",
        "https://-a.app.test/cb",
        "https://a-.app.test/cb",
        "https://a.app.test/cb#f",
        "http://a.app.test/cb",
        "https://evil.test/a.app.test/cb",
        "https://evil.test#.app.test/cb",
        "https://evil.test?.app.test/cb",
        "https://evil.test\\.app.test/cb",
        "https://user:a@b.app.test/cb",
        "https://evil@a.app.test/cb",
        "https://%61.app.test/cb",
        "https://a_b.app.test/cb",
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.app.test/cb",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(redirect_uri_matches(allowed, others[i]));
}

static void a_star_anywhere_else_is_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *allowed, *uri;
    } pairs[] = {
        {"https://app.test/*", "https://app.test/cb"},
        {"https://app.*/cb", "https://app.test/cb"},
        {"https://*/cb", "https://app.test/cb"},
        {"https://a*.app.test/cb", "https://ab.app.test/cb"},
        {"https://a.*.test/cb", "https://a.b.test/cb"},
        {"https://app.test:*/cb", "https://app.test:1/cb"},
        {"*://app.test/cb", "https://app.test/cb"},
        {"com.app://*.app.test/cb", "com.app://a.app.test/cb"},
        {"https://*.*.app.test/cb", "https://a.b.app.test/cb"},
        {"https://app.test*", "https://app.test.evil.test/"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_false(redirect_uri_matches(pairs[i].allowed, pairs[i].uri));
}

/* Whatever matches the wildcard is its text with a label in the place of the star: no input may say otherwise. */
static void what_matches_a_wildcard_is_always_of_its_form(void **state)
{
    (void)state;
    static const char allowed[] = "https://*.app.test/cb";
    static const char *const pieces[] = {"https://", "a",  "b-c",       ".",    ".app.test", "app.test",
                                         "/cb",      "/",  "evil.test", ":444", "#x",        "?x=1",
                                         "@",        "\\", "%2f",       "..",   "xn--a",     "*"};
    struct arena *arena = arena_create();
    size_t matched = 0;
    for (int round = 0; round < 200000; round++) {
        unsigned char dice[8];
        random_fill(dice, sizeof dice);
        const char *uri = round % 2 == 0 ? "https://" : "";
        for (size_t i = 0; i < 2U + dice[0] % 5U; i++)
            uri = arena_printf(arena, "%s%s", uri, pieces[dice[i + 1] % (sizeof pieces / sizeof *pieces)]);
        if (redirect_uri_matches(allowed, uri)) {
            size_t label = strcspn(uri + 8, ".");
            assert_memory_equal(uri, "https://", 8);
            assert_true(label > 0 && strcspn(uri + 8, "/:@#?\\%*") >= label);
            assert_string_equal(uri + 8 + label, ".app.test/cb");
            matched++;
        }
        if (round % 1000 == 0) {
            arena_destroy(&arena);
            arena = arena_create();
        }
    }
    assert_true(matched > 0);
    arena_destroy(&arena);
}

static void logout_addresses_are_compared_without_their_queries(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    yyjson_val *list = json_parse_own(arena, "[\"https://app.test/bye?a=1\",\"https://*.app.test/bye\",7]");
    assert_true(logout_url_allowed(arena, list, "https://app.test/bye"));
    assert_true(logout_url_allowed(arena, list, "https://app.test/bye?x=2#top"));
    assert_true(logout_url_allowed(arena, list, "https://a.app.test/bye?x=2"));
    assert_false(logout_url_allowed(arena, list, "https://app.test/bye/"));
    assert_false(logout_url_allowed(arena, list, "https://evil.test/?https://app.test/bye"));
    assert_false(logout_url_allowed(arena, NULL, "https://app.test/bye"));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_matches_itself_alone),
        cmocka_unit_test(a_wildcard_stands_for_one_leftmost_label),
        cmocka_unit_test(a_star_anywhere_else_is_a_character),
        cmocka_unit_test(what_matches_a_wildcard_is_always_of_its_form),
        cmocka_unit_test(logout_addresses_are_compared_without_their_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
