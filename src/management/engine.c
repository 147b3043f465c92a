#include "management/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/router.h"
#include "management/audit.h"
#include "management/description.h"
#include "management/openapi.h"
#include "json/schema.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char api_root[] = "/api/v2";

/* An operation with what the description says about it. */
struct bound {
    const struct operation *operation;
    yyjson_val *description;
    yyjson_val *scopes;
    yyjson_val *path;
    yyjson_val *query;
    yyjson_val *body;
};

static pthread_once_t bind_once = PTHREAD_ONCE_INIT;
static struct bound *bounds;
static struct http_route *routes; /* routes[i] leads to bounds[i] */
static struct http_router *router;
static struct arena *bind_arena; /* of all that is bound; lives as long as the process */

static void bind_operation(const struct operation *operation, size_t at)
{
    yyjson_val *description = description_operation(operation->method, operation->path);
    if (description == NULL) {
        LOG_ERROR("management.operation_not_described", LOG_TEXT("method", operation->method),
                  LOG_TEXT("path", operation->path));
        abort();
    }
    bounds[at] = (struct bound){
        .operation = operation,
        .description = description,
        .scopes = json_member(description, "x-scopes"),
        .path = description_parameters(bind_arena, description, "path"),
        .query = description_parameters(bind_arena, description, "query"),
        .body = description_body(description),
    };
    routes[at] = (struct http_route){
        .method = operation->method,
        .pattern = arena_printf(bind_arena, "%s%s", api_root, operation->path),
        .handler = management_handle,
        .tag = "management",
    };
}

static void unbind_all(void)
{
    arena_destroy(&bind_arena);
}

static void bind_all(void)
{
    size_t count = 0;
    bind_arena = arena_create();
    (void)atexit(unbind_all);
    for (size_t i = 0; i < management_operations_count; i++) {
        count += management_operations[i]->count;
    }
    bounds = arena_calloc(bind_arena, count, sizeof(*bounds));
    routes = arena_calloc(bind_arena, count, sizeof(*routes));
    size_t at = 0;
    for (size_t i = 0; i < management_operations_count; i++) {
        for (size_t j = 0; j < management_operations[i]->count; j++) {
            bind_operation(&management_operations[i]->list[j], at++);
        }
    }
    router = http_router_create(&(struct http_routes){routes, count}, 1, management_handle);
}

static bool check_path(struct call *call, const struct bound *bound)
{
    yyjson_val *values = query_values(call->arena, &call->x->request.parameters, bound->path);
    const char *fault = schema_fault(call->arena, bound->path, description_schemas(), values);
    return fault == NULL || management_validation_error(call->x, "Path", fault);
}

static bool check_query(struct call *call, const struct bound *bound)
{
    call->query = query_values(call->arena, &call->x->request.query, bound->query);
    const char *fault = schema_fault(call->arena, bound->query, description_schemas(), call->query);
    if (fault != NULL) {
        return management_validation_error(call->x, "Query", fault);
    }
    return fields_check(call->x, bound->description, call->query);
}

static bool refuse_json(struct call *call, enum json_fault fault)
{
    if (fault == JSON_DUPLICATE_NAME) {
        return management_validation_error(call->x, "Payload", "'A member must not be named twice'.");
    }
    if (fault == JSON_TOO_LARGE && call->x->request.body.size > json_limits_body.bytes) {
        return management_error(call->x, 413, "Payload content length greater than maximum allowed: 1048576",
                                NULL);
    }
    if (fault == JSON_TOO_LARGE) {
        return management_validation_error(call->x, "Payload",
                                           "'The body is nested too deeply or has too many members'.");
    }
    return management_error(call->x, 400, "Invalid request payload JSON format", NULL);
}

static bool read_body(struct call *call, const struct bound *bound)
{
    const char *type = http_header(call->x, "content-type");
    if (type != NULL && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0) {
        struct http_pairs form;
        if (!http_form(call->x, &form)) {
            return management_error(call->x, 400, "Invalid request payload format", NULL);
        }
        yyjson_val *schema = bound->body;
        const char *reference = json_text(schema, "$ref");
        const char *slash = reference != NULL ? strrchr(reference, '/') : NULL;
        schema = slash != NULL ? json_member(description_schemas(), slash + 1) : schema;
        call->body = query_values(call->arena, &form, schema);
        return true;
    }
    if (type != NULL && *type != '\0' && strcasestr(type, "json") == NULL) {
        return management_error(call->x, 415, "Unsupported Media Type", NULL);
    }
    enum json_fault fault = http_json(call->x, &call->body);
    if (fault != JSON_FINE) {
        return refuse_json(call, fault);
    }
    if (call->body == NULL) {
        call->body = json_parse_own(call->arena, "null");
    }
    return true;
}

static bool check_body(struct call *call, const struct bound *bound)
{
    if (bound->body == NULL) {
        return true;
    }
    if (!read_body(call, bound)) {
        return false;
    }
    const char *fault = schema_fault(call->arena, bound->body, description_schemas(), call->body);
    return fault == NULL || management_validation_error(call->x, "Payload", fault);
}

/* The service's limits are the operator's own business: constants that clients find enough. */
static void add_rate_headers(struct http_exchange *x)
{
    http_set_header(x, "x-ratelimit-limit", "1000");
    http_set_header(x, "x-ratelimit-remaining", "999");
    http_set_header(x, "x-ratelimit-reset", arena_printf(x->arena, "%lld", (long long)clock_now() + 1));
}

static void serve(struct call *call, const struct bound *bound)
{
    if (bound->scopes != NULL) {
        if (!authorize(call->x, &call->caller) || !authorize_scopes(call->x, &call->caller, bound->scopes)) {
            return;
        }
    }
    if (!check_path(call, bound) || !check_query(call, bound) || !check_body(call, bound)) {
        return;
    }
    add_rate_headers(call->x);
    bound->operation->handle(call);
    if (strcmp(bound->operation->method, "GET") != 0 && call->x->response.status < 300) {
        audit_write(call);
    }
}

void management_handle(struct http_exchange *x)
{
    (void)pthread_once(&bind_once, bind_all);
    struct http_pairs parameters = {0};
    const struct http_route *route =
        http_router_match(router, x->arena, x->request.method, x->request.path, &parameters);
    if (route == NULL) {
        (void)management_error(x, 404, "Not Found", NULL);
        return;
    }
    const struct bound *bound = &bounds[route - routes];
    x->request.parameters = parameters;
    struct call call = {.x = x,
                        .arena = x->arena,
                        .tenant = tenant_of(x),
                        .operation = bound->operation,
                        .description = bound->description};
    serve(&call, bound);
}

bool call_read(struct call *call, struct db_tx **tx)
{
    call->is_writing = false;
    return db_begin_read(call->tenant->db, tx) == DB_OK || management_store_failed(call->x);
}

bool call_write(struct call *call, struct db_tx **tx)
{
    call->is_writing = true;
    return db_begin_write(call->tenant->db, tx) == DB_OK || management_store_failed(call->x);
}

bool call_commit(struct call *call, struct db_tx **tx)
{
    return db_commit(tx) == DB_OK || management_store_failed(call->x);
}
