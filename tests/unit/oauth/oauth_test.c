#include "oauth/oauth.h"

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

static void a_scope_is_a_whole_word(void **state)
{
    (void)state;
    assert_true(scope_has("openid profile email", "openid"));
    assert_true(scope_has("openid profile email", "email"));
    assert_true(scope_has("  openid   email ", "email"));
    assert_false(scope_has("openid profile", "open"));
    assert_false(scope_has("openid profile", "openid profile"));
    assert_false(scope_has("email_verified", "email"));
    assert_false(scope_has("", "openid"));
    assert_false(scope_has(NULL, "openid"));
    assert_string_equal(scope_add(arena, "a b", "b"), "a b");
    assert_string_equal(scope_add(arena, "a b", "c"), "a b c");
    assert_string_equal(scope_add(arena, NULL, "a"), "a");
}

static void a_parameter_joins_an_address_before_its_fragment(void **state)
{
    (void)state;
    static const struct {
        const char *url, *with;
    } pairs[] = {
        {"https://a.test/cb", "https://a.test/cb?k=x%20%26"},
        {"https://a.test/cb?a=1", "https://a.test/cb?a=1&k=x%20%26"},
        {"https://a.test/cb?", "https://a.test/cb?k=x%20%26"},
        {"https://a.test/cb?a=1&", "https://a.test/cb?a=1&k=x%20%26"},
        {"https://a.test/cb#top", "https://a.test/cb?k=x%20%26#top"},
        {"https://a.test/cb#?", "https://a.test/cb?k=x%20%26#?"},
        {"com.app://cb", "com.app://cb?k=x%20%26"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++)
        assert_string_equal(url_with_parameter(arena, pairs[i].url, "k", "x &"), pairs[i].with);
}

static void an_origin_is_scheme_host_and_port(void **state)
{
    (void)state;
    assert_string_equal(url_origin(arena, "https://a.test/cb?x=1"), "https://a.test");
    assert_string_equal(url_origin(arena, "http://localhost:3000"), "http://localhost:3000");
    assert_string_equal(url_origin(arena, "https://a.test?x=/"), "https://a.test");
    assert_null(url_origin(arena, "mailto:a@b.test"));
    assert_null(url_origin(arena, "://x"));
    assert_null(url_origin(arena, "https:///cb"));
}

static void a_name_sent_twice_is_found(void **state)
{
    (void)state;
    const struct http_pair pairs[] = {{"a", "1"}, {"b", "2"}, {"a", "1"}};
    assert_null(repeated_parameter(&(struct http_pairs){.items = pairs, .count = 2}));
    assert_string_equal(repeated_parameter(&(struct http_pairs){.items = pairs, .count = 3}), "a");
}

static struct client client_of(const char *doc)
{
    return (struct client){.client_id = "c", .doc = json_parse_own(arena, doc)};
}

static void public_clients_are_told_from_confidential_ones(void **state)
{
    (void)state;
    struct client client = client_of("{}");
    assert_true(client_is_confidential(&client));
    client = client_of("{\"token_endpoint_auth_method\":\"none\"}");
    assert_false(client_is_confidential(&client));
    client = client_of("{\"app_type\":\"spa\"}");
    assert_false(client_is_confidential(&client));
    client = client_of("{\"app_type\":\"native\",\"token_endpoint_auth_method\":\"client_secret_post\"}");
    assert_true(client_is_confidential(&client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scope_is_a_whole_word, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_parameter_joins_an_address_before_its_fragment, make_arena,
                                        drop_arena),
        cmocka_unit_test_setup_teardown(an_origin_is_scheme_host_and_port, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(a_name_sent_twice_is_found, make_arena, drop_arena),
        cmocka_unit_test_setup_teardown(public_clients_are_told_from_confidential_ones, make_arena,
                                        drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
