/* Whatever a client sends on a socket: read as it comes, in pieces. */
#include "http/websocket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct websocket websocket = {0};
    char *copy = malloc(size + 1);
    size_t at = 0, used = 1;
    enum websocket_event event = WEBSOCKET_NONE;
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    while (used > 0 && event != WEBSOCKET_WRONG) {
        struct bytes payload;
        unsigned status = 0;
        event = websocket_read(&websocket, copy + at, size - at, &used, &payload, &status);
        at += used;
        if (at > size || payload.size > WEBSOCKET_MOST_MESSAGE ||
            (event == WEBSOCKET_WRONG && (status < 1002 || status > 1009)))
            abort();
        if (event == WEBSOCKET_MESSAGE && strlen((const char *)payload.data) != payload.size)
            abort();
    }
    websocket_clear(&websocket);
    free(copy);
    return 0;
}
