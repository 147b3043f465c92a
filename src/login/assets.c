#include "login/assets.h"

#include "page/page.h"

#include <string.h>

/* Whether an Accept-Encoding allows gzip (RFC 9110 section 12.5.3): named, and not with q=0. */
static bool accepts_gzip(const char *header)
{
    const char *found = header != NULL ? strstr(header, "gzip") : NULL;
    if (found == NULL)
        return false;
    const char *rest = found + 4;
    rest += strspn(rest, " ");
    return strncmp(rest, ";q=0", 4) != 0 ||
           (rest[4] == '.' && strspn(rest + 5, "0") != strcspn(rest + 5, ", "));
}

void login_get_asset(struct http_exchange *x)
{
    const char *name = http_parameter(x, "name");
    const struct page_asset *asset = name != NULL ? page_asset(name) : NULL;
    if (asset == NULL) {
        http_reply(x, 404, "text/plain", "Not Found");
        return;
    }
    struct bytes body = {.data = asset->content, .size = asset->size};
    if (accepts_gzip(http_header(x, "accept-encoding"))) {
        body = (struct bytes){.data = asset->gzip, .size = asset->gzip_size};
        http_set_header(x, "Content-Encoding", "gzip");
    }
    http_set_header(x, "Vary", "Accept-Encoding");
    http_set_header(x, "Cache-Control", "public, max-age=31536000, immutable");
    http_set_header(x, "X-Content-Type-Options", "nosniff");
    http_set_header(x, "Cross-Origin-Resource-Policy", "same-origin");
    /* The mark is an SVG: looked at by itself it is a document, so it gets a policy too. */
    http_set_header(x, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    http_reply_bytes(x, 200, asset->type, body);
}
