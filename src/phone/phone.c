#include "phone/routes.h"

#include "base/compiler.h"
#include "phone/assets.h"
#include "tenant/tenant.h"

#include <string.h>

/*
 * Scripts and styles are the server's own, and no script makes HTML of text. What it may speak to is any server that somebody
 * enrols with, so every https address; with --dev also those of this machine.
 */
#define POLICY_BEGINNING                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; "         \
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                       \
    "require-trusted-types-for 'script'; trusted-types countersign; connect-src 'self' https:"
static const char policy[] = POLICY_BEGINNING;
static const char dev_policy[] = POLICY_BEGINNING " http://127.0.0.1:* http://localhost:*";

static void reply_asset(struct http_exchange *x, const struct phone_asset *asset)
{
    struct bytes body = {.data = asset->content, .size = asset->size};
    if (asset->gzip != NULL) {
        http_set_header(x, "Vary", "Accept-Encoding");
        if (http_accepts_gzip(x)) {
            body = (struct bytes){.data = asset->gzip, .size = asset->gzip_size};
            http_set_header(x, "Content-Encoding", "gzip");
        }
    }
    /* The page and the service worker keep their names: browsers ask for them each time. */
    http_set_header(x, "Cache-Control",
                    asset->unchanging ? "public, max-age=31536000, immutable" : "no-cache");
    http_set_header(x, "Content-Security-Policy", tenant_of(x)->config->dev ? dev_policy : policy);
    http_set_header(x, "Cross-Origin-Resource-Policy", "same-origin");
    http_reply_bytes(x, 200, asset->type, body);
}

static const struct phone_asset *find_asset(const char *name)
{
    for (size_t i = 0; i < phone_assets_count; i++) {
        if (strcmp(phone_assets[i].name, name) == 0)
            return &phone_assets[i];
    }
    return NULL;
}

static void get_page(struct http_exchange *x)
{
    http_set_header(x, "Cross-Origin-Opener-Policy", "same-origin");
    http_set_header(x, "Permissions-Policy",
                    "camera=(self), clipboard-write=(self), geolocation=(), microphone=()");
    reply_asset(x, find_asset("index.html"));
}

static void get_asset(struct http_exchange *x)
{
    const char *name = http_parameter(x, "name");
    const struct phone_asset *asset = name != NULL ? find_asset(name) : NULL;
    if (asset == NULL) {
        http_reply(x, 404, "text/plain", "Not Found");
        return;
    }
    /* A worker in /phone/ serves the page at /phone, a level above. */
    if (strcmp(name, "sw.js") == 0)
        http_set_header(x, "Service-Worker-Allowed", "../phone");
    reply_asset(x, asset);
}

/* With a slash at its end the page's relative addresses would miss. */
static void redirect_to_page(struct http_exchange *x)
{
    http_redirect(x, 302, "../phone");
}

static const struct http_route routes[] = {
    {"GET", "/phone", get_page, HTTP_ON_LOOP, "phone"},
    {"GET", "/phone/", redirect_to_page, HTTP_ON_LOOP, "phone"},
    {"GET", "/phone/{name}", get_asset, HTTP_ON_LOOP, "phone"},
};

const struct http_routes phone_routes = {routes, ARRAY_LENGTH(routes)};
