#include "base/buffer.h"
#include "page/page.h"

#include <qrencode.h>
#include <string.h>

enum {
    QUIET_ZONE = 4 /* modules; ISO/IEC 18004 asks for as many */,
    QR_LARGEST_TEXT = 1024,
    QR_LARGEST_SVG = 256 * 1024
};

/* One path: a horizontal run of dark modules is one rectangle, so the picture stays small. */
static void add_runs(struct buffer *svg, const QRcode *code)
{
    for (int y = 0; y < code->width; y++) {
        const unsigned char *row = code->data + (size_t)y * (size_t)code->width;
        for (int x = 0; x < code->width;) {
            int start = x;
            while (x < code->width && (row[x] & 1) != 0)
                x++;
            if (x > start)
                buffer_printf(svg, "M%d %dh%dv1h-%dz", start + QUIET_ZONE, y + QUIET_ZONE, x - start,
                              x - start);
            else
                x++;
        }
    }
}

const char *qr_svg(struct arena *arena, const char *text)
{
    if (strlen(text) > QR_LARGEST_TEXT)
        return NULL;
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (code == NULL)
        return NULL;
    struct buffer svg = buffer_create(arena, QR_LARGEST_SVG);
    int side = code->width + 2 * QUIET_ZONE;
    buffer_printf(&svg,
                  "<svg class=\"qr\" viewBox=\"0 0 %d %d\" xmlns=\"http://www.w3.org/2000/svg\" "
                  "shape-rendering=\"crispEdges\" aria-hidden=\"true\" focusable=\"false\">"
                  "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"",
                  side, side, side, side);
    add_runs(&svg, code);
    buffer_add(&svg, "\"/></svg>");
    QRcode_free(code);
    return svg.overflowed ? NULL : buffer_text(&svg);
}
