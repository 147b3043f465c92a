/* What a worker announces and sends ahead, before it was judged. */
#include "script/protocol.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { AHEAD = 3 * 64 * 1024 };

static void write_whole(int fd, const void *data, size_t size)
{
    assert_int_equal(write(fd, data, size), (ssize_t)size);
}

static void an_announcement_alone_gets_no_memory(void **state)
{
    (void)state;
    int ends[2];
    uint8_t header[FRAME_HEADER_BYTES];
    struct frame_reader reader = {.data = NULL};
    assert_int_equal(pipe(ends), 0);
    frame_write_header(header, &(struct frame){.type = FRAME_LOG, .size = UINT32_MAX});
    write_whole(ends[1], header, sizeof header);
    assert_int_equal(frame_reader_fill(&reader, ends[0]), FRAME_FINE);
    write_whole(ends[1], "more", 4);
    /* As the server does while it waits to send: it reads on before it looks at what came. */
    assert_int_equal(frame_reader_fill(&reader, ends[0]), FRAME_CLOSED);
    assert_true(reader.capacity <= FRAME_HEADER_BYTES + FRAME_INPUT_BYTES);
    frame_reader_free(&reader);
    close(ends[0]);
    close(ends[1]);
}

static void what_is_sent_ahead_is_read_whole(void **state)
{
    (void)state;
    int ends[2];
    uint8_t line[FRAME_HEADER_BYTES + 1000];
    size_t sent = 0;
    size_t read_again = 0;
    struct frame frame;
    struct frame_reader reader = {.data = NULL};
    assert_int_equal(pipe(ends), 0);
    memset(line, 'x', sizeof line);
    frame_write_header(line, &(struct frame){.type = FRAME_LOG, .size = sizeof line - FRAME_HEADER_BYTES});
    for (; sent * sizeof line < AHEAD; sent++) {
        write_whole(ends[1], line, sizeof line);
        assert_int_equal(frame_reader_fill(&reader, ends[0]), FRAME_FINE);
    }
    while (frame_reader_next(&reader, FRAME_FROM_READY, &frame) == FRAME_FINE)
        read_again++;
    assert_int_equal(read_again, sent);
    frame_reader_free(&reader);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_announcement_alone_gets_no_memory),
        cmocka_unit_test(what_is_sent_ahead_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
