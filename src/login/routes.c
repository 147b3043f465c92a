#include "login/routes.h"

#include "base/compiler.h"
#include "login/assets.h"

static const struct http_route routes[] = {
    {"GET", "/u/assets/{name}", login_get_asset, HTTP_ON_LOOP, "assets"},
};

const struct http_routes login_routes = {routes, ARRAY_LENGTH(routes)};
