/* What a script worker sends may be under a rule's control: any bytes give frames that are permitted, or end the worker. */
#include "script/protocol.h"

#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the state; the rest comes in pieces, as a socket brings it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum frame_state states[] = {FRAME_TO_WORKER, FRAME_FROM_STARTING, FRAME_FROM_READY};
    int ends[2];
    if (size == 0 || pipe(ends) != 0)
        return 0;
    enum frame_state state = states[data[0] % ARRAY_LENGTH(states)];
    struct frame_reader reader = {.data = NULL};
    size_t at = 1;
    bool goes_on = true;
    while (goes_on && at < size) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        if (write(ends[1], data + at, piece) != (ssize_t)piece)
            break;
        at += piece;
        goes_on = frame_reader_fill(&reader, ends[0]) == FRAME_FINE;
        struct frame frame;
        enum frame_fault fault = FRAME_FINE;
        while (goes_on && (fault = frame_reader_next(&reader, state, &frame)) == FRAME_FINE) {
            if (!frame_is_permitted(frame.type, frame.size, state))
                abort();
            volatile char sum = 0;
            for (size_t i = 0; i < frame.size; i++)
                sum = (char)(sum + frame.data[i]);
        }
        goes_on = goes_on && fault == FRAME_MORE;
    }
    frame_reader_rest(&reader);
    frame_reader_free(&reader);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
