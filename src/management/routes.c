#include "management/routes.h"

#include "management/openapi.h"
#include "management/resources.h"

const struct operations *const management_operations[] = {
    &openapi_operations,       &users_operations,
    &user_factors_operations,  &factors_operations,
    &enrollments_operations,   &rules_try_operations,
    &rules_operations,         &clients_operations,
    &client_grants_operations, &resource_servers_operations,
    &connections_operations,   &tenant_settings_operations,
    &factor_duo_operations,    &actions_operations,
};
const size_t management_operations_count = ARRAY_LENGTH(management_operations);

/* One route a method: the engine matches on, so that an unknown path gets its own 404. */
static const struct http_route routes[] = {
    {"GET", "/api/v2/{path*}", management_handle, HTTP_CORS, "management"},
    {"POST", "/api/v2/{path*}", management_handle, HTTP_CORS, "management"},
    {"PUT", "/api/v2/{path*}", management_handle, HTTP_CORS, "management"},
    {"PATCH", "/api/v2/{path*}", management_handle, HTTP_CORS, "management"},
    {"DELETE", "/api/v2/{path*}", management_handle, HTTP_CORS, "management"},
};
const struct http_routes management_routes = {routes, ARRAY_LENGTH(routes)};
