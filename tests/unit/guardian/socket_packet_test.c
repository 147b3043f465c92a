#include "guardian/socket_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int enter(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int leave(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static struct socket_packet packet_of(const char *text)
{
    struct socket_packet packet;
    socket_packet_read(arena, text, &packet);
    return packet;
}

static void packets_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum socket_packet_kind kind;
    } cases[] = {
        {"", SOCKET_WRONG},
        {"0{}", SOCKET_WRONG}, /* only servers open */
        {"1", SOCKET_CLOSE},
        {"2probe", SOCKET_PING},
        {"3", SOCKET_PONG},
        {"40", SOCKET_CONNECT},
        {"40{\"token\":1}", SOCKET_CONNECT},
        {"41", SOCKET_DISCONNECT},
        {"42[\"a\"]", SOCKET_EVENT},
        {"4212[\"a\",1]", SOCKET_EVENT}, /* with an acknowledgement's number */
        {"42{\"a\":1}", SOCKET_WRONG},
        {"42[1]", SOCKET_WRONG},
        {"42[]", SOCKET_WRONG},
        {"42[\"a\"", SOCKET_WRONG},
        {"42[\"a\",{\"b\":1,\"b\":2}]", SOCKET_WRONG},
        {"42[[[[[[[[[[\"a\"]]]]]]]]]]", SOCKET_WRONG},
        {"431[]", SOCKET_OTHER},
        {"451-[\"a\"]", SOCKET_WRONG}, /* binary */
        {"47", SOCKET_WRONG},
        {"4", SOCKET_WRONG},
        {"5", SOCKET_UPGRADE},
        {"6", SOCKET_OTHER},
        {"b4AQ==", SOCKET_WRONG},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        if (packet_of(cases[i].text).kind != cases[i].kind)
            fail_msg("%s is read as %d", cases[i].text, (int)packet_of(cases[i].text).kind);
    assert_string_equal(packet_of("2probe").text, "probe");
}

static void an_event_has_a_name_and_an_argument(void **state)
{
    (void)state;
    struct socket_packet packet = packet_of("42[\"authenticate\",{\"token\":\"a.b.c\"}]");
    assert_string_equal(packet.name, "authenticate");
    assert_string_equal(json_text(packet.argument, "token"), "a.b.c");
    assert_null(packet_of("42[\"a\"]").argument);
}

static void another_namespace_is_noticed(void **state)
{
    (void)state;
    assert_null(packet_of("40/,").elsewhere);
    assert_string_equal(packet_of("40/admin,").elsewhere, "/admin");
    struct socket_packet packet = packet_of("42/admin,[\"a\"]");
    assert_int_equal(packet.kind, SOCKET_EVENT);
    assert_string_equal(packet.elsewhere, "/admin");
    /* What is said back must not be able to say anything else. */
    assert_int_equal(packet_of("40/\"},").kind, SOCKET_WRONG);
    char longest[80] = "40/";
    memset(longest + 3, 'a', sizeof longest - 4);
    assert_int_equal(packet_of(longest).kind, SOCKET_WRONG);
}

static void a_payload_holds_several(void **state)
{
    (void)state;
    const char *payload = "40\x1e"
                          "3\x1e"
                          "1";
    const char *packet;
    assert_true(socket_payload_next(arena, &payload, &packet));
    assert_string_equal(packet, "40");
    assert_true(socket_payload_next(arena, &payload, &packet));
    assert_string_equal(packet, "3");
    assert_true(socket_payload_next(arena, &payload, &packet));
    assert_string_equal(packet, "1");
    assert_false(socket_payload_next(arena, &payload, &packet));
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        HERE(packets_are_told_apart),
        HERE(an_event_has_a_name_and_an_argument),
        HERE(another_namespace_is_noticed),
        HERE(a_payload_holds_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
