#include "session/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void keys_ipv4_whole_and_ipv6_by_its_48(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    assert_string_equal(address_key(arena, "192.0.2.7"), "192.0.2.7");
    assert_string_equal(address_key(arena, "::ffff:192.0.2.7"), "192.0.2.7");
    assert_string_equal(address_key(arena, "2001:db8:7:1::1"), "2001:db8:7::/48");
    assert_string_equal(address_key(arena, "2001:db8:7:ffff:1:2:3:4"), "2001:db8:7::/48");
    assert_string_equal(address_key(arena, "2001:db8:8::1"), "2001:db8:8::/48");
    assert_string_equal(address_key(arena, "nonsense"), "?");
    assert_string_equal(address_key(arena, NULL), "?");
    arena_destroy(&arena);
}

static void finds_addresses_in_lists_of_networks(void **state)
{
    (void)state;
    static const char text[] =
        "[\"192.0.2.0/24\", \"198.51.100.7\", \"2001:db8::/33\", \"10.0.0.0/8x\", \"10.0.0.0/99\", 7]";
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    yyjson_val *list = yyjson_doc_get_root(doc);
    assert_true(address_listed(list, "192.0.2.255"));
    assert_true(address_listed(list, "::ffff:192.0.2.1"));
    assert_false(address_listed(list, "192.0.3.0"));
    assert_true(address_listed(list, "198.51.100.7"));
    assert_false(address_listed(list, "198.51.100.8"));
    assert_true(address_listed(list, "2001:db8:7fff::1"));
    assert_false(address_listed(list, "2001:db8:8000::1"));
    assert_false(address_listed(list, "10.1.2.3"));
    assert_false(address_listed(list, "nonsense"));
    assert_false(address_listed(list, NULL));
    assert_false(address_listed(NULL, "192.0.2.1"));
    yyjson_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_ipv4_whole_and_ipv6_by_its_48),
        cmocka_unit_test(finds_addresses_in_lists_of_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
