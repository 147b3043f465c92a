#include "login/assets.h"

#include "page/page.h"

void login_get_asset(struct http_exchange *x)
{
    const char *name = http_parameter(x, "name");
    const struct page_asset *asset = name != NULL ? page_asset(name) : NULL;
    if (asset == NULL) {
        http_reply(x, 404, "text/plain", "Not Found");
        return;
    }
    struct bytes body = {.data = asset->content, .size = asset->size};
    if (http_accepts_gzip(x)) {
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
