/* Which calls of scripts are this server's own. */
#include "http/home.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena *arena;
static const struct http_home home = {.host = "login.test", .listen = "0.0.0.0:3000"};

static void own_calls_go_to_the_listener(void **state)
{
    (void)state;
    assert_string_equal(home_address(arena, &home, "https://login.test/api/v2/users/auth0%7C1?fields=a%20b"),
                        "http://login.test/api/v2/users/auth0%7C1?fields=a%20b");
    assert_string_equal(home_listener(arena, &home), "::127.0.0.1:3000");
    struct http_home tls = {.host = "login.test:8443", .listen = "login.test:8443", .tls = true};
    assert_string_equal(home_address(arena, &tls, "https://LOGIN.test:8443/oauth/token"),
                        "https://LOGIN.test:8443/oauth/token");
    struct http_home dev = {.host = "localhost:3000", .listen = "[::]:3000"};
    assert_string_equal(home_address(arena, &dev, "https://localhost:3000/.well-known/jwks.json"),
                        "http://localhost:3000/.well-known/jwks.json");
    assert_string_equal(home_listener(arena, &dev), "::[::1]:3000");
}

static void other_hosts_and_ports_do_not(void **state)
{
    (void)state;
    static const char *const others[] = {
        "https://login.test:8443/api/v2/users",
        "http://login.test:3000/api/v2/users",
        "https://login.test.evil.test/api/v2/",
        "https://evil.test/api/v2/",
        "https://login.tes/api/v2/",
        "https://user:x@evil.test/@login.test/api/v2/",
        "ftp://login.test/api/v2/",
        "nonsense",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        assert_null(home_address(arena, &home, others[i]));
    struct http_home none = {.host = NULL};
    assert_null(home_address(arena, &none, "https://login.test/api/v2/users"));
}

static void other_paths_do_not(void **state)
{
    (void)state;
    static const char *const others[] = {"https://login.test/", "https://login.test/dev/outbox",
                                         "https://login.test/api/v2/../../dev/outbox",
                                         "https://login.test/u/login", "https://login.test/api/v1/x"};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        assert_null(home_address(arena, &home, others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_calls_go_to_the_listener),
        cmocka_unit_test(other_hosts_and_ports_do_not),
        cmocka_unit_test(other_paths_do_not),
    };
    arena = arena_create();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
