#include "http/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
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

/* A client's frame, masked. */
static size_t frame(char *out, unsigned first, const char *payload, size_t size)
{
    static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d};
    size_t at = 0;
    out[at++] = (char)first;
    if (size <= 125) {
        out[at++] = (char)(0x80 | size);
    } else {
        out[at++] = (char)(0x80 | 126);
        out[at++] = (char)(size >> 8);
        out[at++] = (char)size;
    }
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++)
        out[at++] = (char)(payload[i] ^ mask[i % 4]);
    return at;
}

static void the_example_of_the_rfc_is_answered(void **state)
{
    (void)state;
    assert_string_equal(websocket_accept(arena, "dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_null(websocket_accept(arena, NULL));
    assert_null(websocket_accept(arena, "dGhlIHNhbXBsZSBub25jZQ"));
    assert_null(websocket_accept(arena, "dGhlIHNhbXBsZSBub25jZSE="));
}

static void a_message_may_come_in_pieces(void **state)
{
    struct websocket websocket = {0};
    char data[256];
    size_t used;
    struct bytes payload;
    unsigned status;
    (void)state;
    /* "Hello" of RFC 6455 section 5.7. */
    memcpy(data, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    for (size_t size = 0; size < 11; size++) {
        assert_int_equal(websocket_read(&websocket, data, size, &used, &payload, &status), WEBSOCKET_NONE);
        assert_int_equal(used, 0);
    }
    assert_int_equal(websocket_read(&websocket, data, 11, &used, &payload, &status), WEBSOCKET_MESSAGE);
    assert_int_equal(used, 11);
    assert_string_equal((const char *)payload.data, "Hello");

    size_t size = frame(data, 0x01, "Hel", 3);
    assert_int_equal(websocket_read(&websocket, data, size, &used, &payload, &status), WEBSOCKET_NONE);
    assert_int_equal(used, size);
    size = frame(data, 0x89, "ping", 4);
    assert_int_equal(websocket_read(&websocket, data, size, &used, &payload, &status), WEBSOCKET_PING);
    assert_int_equal(payload.size, 4);
    size = frame(data, 0x80, "lo", 2);
    assert_int_equal(websocket_read(&websocket, data, size, &used, &payload, &status), WEBSOCKET_MESSAGE);
    assert_string_equal((const char *)payload.data, "Hello");
    websocket_clear(&websocket);
}

static unsigned status_of(const char *data, size_t size)
{
    struct websocket websocket = {0};
    char *copy = arena_copy(arena, data, size);
    size_t used;
    struct bytes payload;
    unsigned status = 0;
    enum websocket_event event = websocket_read(&websocket, copy, size, &used, &payload, &status);
    websocket_clear(&websocket);
    return event == WEBSOCKET_WRONG ? status : 0;
}

static void what_breaks_the_protocol_or_a_limit_is_told(void **state)
{
    char data[WEBSOCKET_MOST_MESSAGE + 64];
    char *large = arena_alloc(arena, WEBSOCKET_MOST_MESSAGE + 1);
    (void)state;
    memset(large, 'x', WEBSOCKET_MOST_MESSAGE + 1);
    assert_int_equal(status_of("\x81\x05Hello", 7), 1002);              /* not masked */
    assert_int_equal(status_of(data, frame(data, 0xc1, "a", 1)), 1002); /* an extension's bit */
    assert_int_equal(status_of(data, frame(data, 0x80, "a", 1)), 1002); /* goes on with nothing */
    assert_int_equal(status_of(data, frame(data, 0x82, "a", 1)), 1003); /* binary */
    assert_int_equal(status_of(data, frame(data, 0x8b, "a", 1)), 1002); /* an unknown control frame */
    assert_int_equal(status_of(data, frame(data, 0x09, "a", 1)), 1002); /* a control frame in pieces */
    assert_int_equal(status_of(data, frame(data, 0x89, large, 126)), 1002);
    assert_int_equal(status_of(data, frame(data, 0x81, "\xff", 1)), 1007);
    assert_int_equal(status_of(data, frame(data, 0x81, "a\0b", 3)), 1007);
    assert_int_equal(status_of(data, frame(data, 0x81, large, WEBSOCKET_MOST_MESSAGE)), 0);
    assert_int_equal(status_of(data, frame(data, 0x81, large, WEBSOCKET_MOST_MESSAGE + 1)), 1009);
    assert_int_equal(status_of("\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05", 10), 1009);
}

static void pieces_together_are_bounded_too(void **state)
{
    struct websocket websocket = {0};
    char data[20000];
    char *piece = arena_alloc(arena, 16000);
    size_t used;
    struct bytes payload;
    unsigned status = 0;
    (void)state;
    memset(piece, 'x', 16000);
    enum websocket_event event = WEBSOCKET_NONE;
    for (int i = 0; i < 3 && event == WEBSOCKET_NONE; i++) {
        size_t size = frame(data, i == 0 ? 0x01 : 0x00, piece, 16000);
        event = websocket_read(&websocket, data, size, &used, &payload, &status);
    }
    assert_int_equal(event, WEBSOCKET_WRONG);
    assert_int_equal(status, 1009);
    websocket_clear(&websocket);
}

static void frames_of_ours_are_not_masked(void **state)
{
    struct buffer out = buffer_create(arena, 1 << 17);
    char *large = arena_alloc(arena, 300);
    (void)state;
    websocket_write(&out, WEBSOCKET_TEXT, "Hello", 5);
    assert_memory_equal(out.data, "\x81\x05Hello", 7);
    out = buffer_create(arena, 1 << 17);
    websocket_write(&out, WEBSOCKET_TEXT, large, 300);
    assert_memory_equal(out.data, "\x81\x7e\x01\x2c", 4);
    assert_int_equal(out.size, 304);
    out = buffer_create(arena, 1 << 17);
    websocket_write_close(&out, 1002);
    assert_memory_equal(out.data, "\x88\x02\x03\xea", 4);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        HERE(the_example_of_the_rfc_is_answered),
        HERE(a_message_may_come_in_pieces),
        HERE(what_breaks_the_protocol_or_a_limit_is_told),
        HERE(pieces_together_are_bounded_too),
        HERE(frames_of_ours_are_not_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
