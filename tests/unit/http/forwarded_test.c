#include "http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What is read for a peer behind the proxies 10.0.0.0/8 and 2001:db8:1::/48; "conflict", "peer", or the address and s. */
static const char *read_as(struct arena *arena, const char *peer_text, const struct http_pair *items,
                           size_t count)
{
    struct networks trusted;
    struct address peer;
    struct forwarded forwarded;
    const char *wrong;
    const struct http_pairs headers = {.items = items, .count = count};
    char text[ADDRESS_TEXT_SIZE];

    assert_true(networks_parse(arena, "10.0.0.0/8, 2001:db8:1::/48", &trusted, &wrong));
    assert_true(address_parse(peer_text, &peer));
    switch (forwarded_read(arena, &trusted, &peer, &headers, &forwarded)) {
    case FORWARDED_NONE:
        return "peer";
    case FORWARDED_CONFLICT:
        return "conflict";
    case FORWARDED_CLIENT:
        break;
    }
    address_format(&forwarded.client, text);
    return arena_printf(arena, "%s%s", text, forwarded.is_tls ? " tls" : "");
}

struct example {
    const char *name;
    const char *value;
    const char *client;
};

static void check(const struct example *examples, size_t count)
{
    struct arena *arena = arena_create();
    for (size_t i = 0; i < count; i++) {
        const struct http_pair pair = {examples[i].name, examples[i].value};
        assert_string_equal(read_as(arena, "10.0.0.1", &pair, 1), examples[i].client);
    }
    arena_destroy(&arena);
}

static void the_standard_header_tells_the_client(void **state)
{
    static const struct example examples[] = {
        {"forwarded", "for=192.0.2.43", "192.0.2.43"},
        {"forwarded", "For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
        {"forwarded", "for=192.0.2.60;proto=https;by=203.0.113.43", "192.0.2.60 tls"},
        {"forwarded", "proto=HTTPS ; for = x", "10.0.0.1"},
        {"forwarded", "for=\"192.0.2.43:80\", for=10.2.2.2;proto=https", "192.0.2.43"},
        {"forwarded", "for=192.0.2.43;proto=https, for=\"[2001:db8:1::7]\"", "192.0.2.43 tls"},
        {"forwarded", "for=1.1.1.1, for=192.0.2.43, for=10.9.9.9", "192.0.2.43"},
        {"forwarded", "for=1.1.1.1, for=unknown, for=10.9.9.9", "10.9.9.9"},
        {"forwarded", "for=1.1.1.1, for=_hidden", "10.0.0.1"},
        {"forwarded", "for=1.1.1.1, for=\"un\\\"closed", "10.0.0.1"},
        {"forwarded", "for=\"1.1.1.\\1\"", "1.1.1.1"},
        {"forwarded", ",", "10.0.0.1"},
        {"forwarded", "", "10.0.0.1"},
    };
    (void)state;
    check(examples, ARRAY_LENGTH(examples));
}

static void the_usual_header_tells_the_client(void **state)
{
    static const struct example examples[] = {
        {"x-forwarded-for", "192.0.2.43", "192.0.2.43"},
        {"x-forwarded-for", "8.8.8.8, 192.0.2.43 , 10.1.1.1", "192.0.2.43"},
        {"x-forwarded-for", "2001:db8:cafe::17", "2001:db8:cafe::17"},
        {"x-forwarded-for", "192.0.2.43:5555", "192.0.2.43"},
        {"x-forwarded-for", "[2001:db8:cafe::17]:5555", "2001:db8:cafe::17"},
        {"x-forwarded-for", "::ffff:192.0.2.43", "192.0.2.43"},
        {"x-forwarded-for", "10.1.1.1", "10.1.1.1"},
        {"x-forwarded-for", "8.8.8.8, nonsense", "10.0.0.1"},
        {"x-forwarded-for", "8.8.8.8,", "10.0.0.1"},
        {"x-forwarded-for", "1.2.3.4:123456", "10.0.0.1"},
        {"x-forwarded-proto", "https", "10.0.0.1 tls"},
    };
    (void)state;
    check(examples, ARRAY_LENGTH(examples));
}

static void a_stranger_tells_nothing(void **state)
{
    static const struct http_pair pairs[] = {{"x-forwarded-for", "8.8.8.8"},
                                             {"forwarded", "for=8.8.8.8;proto=https"}};
    struct arena *arena = arena_create();
    (void)state;
    assert_string_equal(read_as(arena, "192.0.2.1", pairs, 2), "peer");
    assert_string_equal(read_as(arena, "::1", pairs, 2), "peer");
    arena_destroy(&arena);
}

static void the_protocol_is_the_client_s_own_hop(void **state)
{
    static const struct http_pair one_word[] = {{"x-forwarded-for", "192.0.2.1, 10.1.1.1"},
                                                {"x-forwarded-proto", "https"}};
    static const struct http_pair word_a_hop[] = {{"x-forwarded-for", "192.0.2.1, 10.1.1.1"},
                                                  {"x-forwarded-proto", "https, http"}};
    static const struct http_pair forged[] = {{"x-forwarded-for", "192.0.2.1"},
                                              {"x-forwarded-proto", "https, http"}};
    struct arena *arena = arena_create();
    (void)state;
    assert_string_equal(read_as(arena, "10.0.0.1", one_word, 2), "192.0.2.1 tls");
    assert_string_equal(read_as(arena, "10.0.0.1", word_a_hop, 2), "192.0.2.1 tls");
    assert_string_equal(read_as(arena, "10.0.0.1", forged, 2), "192.0.2.1");
    arena_destroy(&arena);
}

/* A proxy that writes one kind of header passes the other kind on as the client sent it. */
static void a_client_cannot_choose_its_address_by_the_other_header(void **state)
{
    static const struct http_pair forged[] = {{"x-forwarded-for", "192.0.2.1"}, {"forwarded", "for=8.8.8.8"}};
    static const struct http_pair agreeing[] = {{"x-forwarded-for", "192.0.2.1"},
                                                {"forwarded", "for=192.0.2.1;proto=https"}};
    static const struct http_pair inner[] = {{"x-forwarded-for", "192.0.2.1"}, {"forwarded", "for=10.7.7.7"}};
    struct arena *arena = arena_create();
    (void)state;
    assert_string_equal(read_as(arena, "10.0.0.1", forged, 2), "conflict");
    assert_string_equal(read_as(arena, "10.0.0.1", agreeing, 2), "192.0.2.1 tls");
    assert_string_equal(read_as(arena, "10.0.0.1", inner, 2), "192.0.2.1");
    arena_destroy(&arena);
}

static void several_header_lines_are_one_list(void **state)
{
    static const struct http_pair lines[] = {{"x-forwarded-for", "8.8.8.8"},
                                             {"x-forwarded-for", "192.0.2.1, 10.1.1.1"}};
    struct arena *arena = arena_create();
    (void)state;
    assert_string_equal(read_as(arena, "10.0.0.1", lines, 2), "192.0.2.1");
    arena_destroy(&arena);
}

static void networks_are_read_and_matched(void **state)
{
    static const char *const broken[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129",
                                         "10.0.0",      "a",         "[10.0.0.1]",  "1.2.3.4/8x"};
    struct arena *arena = arena_create();
    struct networks networks;
    struct address address;
    const char *wrong = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++)
        assert_false(networks_parse(arena, arena_printf(arena, "::1,%s", broken[i]), &networks, &wrong));
    assert_string_equal(wrong, "1.2.3.4/8x");
    assert_true(networks_parse(arena, "192.168.0.0/22 ::1,fc00::/7,0.0.0.0/0", &networks, &wrong));
    assert_int_equal(networks.count, 4);
    networks.count = 3;
    assert_true(address_parse("192.168.3.255", &address));
    assert_true(networks_hold(&networks, &address));
    assert_true(address_parse("192.168.4.0", &address));
    assert_false(networks_hold(&networks, &address));
    assert_true(address_parse("[fdff::1]", &address));
    assert_true(networks_hold(&networks, &address));
    assert_true(address_parse("::2", &address));
    assert_false(networks_hold(&networks, &address));
    networks.count = 4;
    assert_false(networks_hold(&networks, &address));
    assert_true(address_parse("8.8.8.8", &address));
    assert_true(networks_hold(&networks, &address));
    assert_true(networks_parse(arena, NULL, &networks, &wrong));
    assert_int_equal(networks.count, 0);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_header_tells_the_client),
        cmocka_unit_test(the_usual_header_tells_the_client),
        cmocka_unit_test(a_stranger_tells_nothing),
        cmocka_unit_test(the_protocol_is_the_client_s_own_hop),
        cmocka_unit_test(a_client_cannot_choose_its_address_by_the_other_header),
        cmocka_unit_test(several_header_lines_are_one_list),
        cmocka_unit_test(networks_are_read_and_matched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
