#include "management/audit.h"

#include <ctype.h>
#include <string.h>

enum { LOGGED_BYTES = 64 * 1024 };

/* Names under which bodies carry what nobody but their sender and receiver may see. */
static const char *const secret_members[] = {
    "password",
    "client_secret",
    "signing_secret",
    "signing_keys",
    "encryption_key",
    "auth_token",
    "skey",
    "p12",
    "server_key",
    "server_credentials",
    "recovery_code",
    "ticket_id",
    "ticket_url",
    "aws_secret_access_key",
    "totp_secret",
    "secret",
    "value",
    "access_token",
    "refresh_token",
    "password_hash",
    "client_authentication_methods",
};

static bool is_secret(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(secret_members); i++) {
        if (strcmp(secret_members[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Values that are still to be looked at. */
struct waiting {
    struct arena *arena;
    yyjson_mut_val **values;
    size_t count;
    size_t room;
};

static void wait_for(struct waiting *waiting, yyjson_mut_val *value)
{
    if (!yyjson_mut_is_ctn(value)) {
        return;
    }
    if (waiting->count == waiting->room) {
        size_t room = waiting->room == 0 ? 32 : waiting->room * 2;
        yyjson_mut_val **values = arena_calloc(waiting->arena, room, sizeof(*values));
        for (size_t i = 0; i < waiting->count; i++) {
            values[i] = waiting->values[i];
        }
        waiting->values = values;
        waiting->room = room;
    }
    waiting->values[waiting->count++] = value;
}

void audit_strip(struct arena *arena, yyjson_mut_val *root)
{
    struct waiting waiting = {.arena = arena};
    wait_for(&waiting, root);
    while (waiting.count > 0) {
        yyjson_mut_val *value = waiting.values[--waiting.count];
        size_t index, count;
        yyjson_mut_val *element;
        yyjson_mut_arr_foreach(value, index, count, element)
        {
            wait_for(&waiting, element);
        }
        yyjson_mut_obj_iter members = yyjson_mut_obj_iter_with(value);
        for (yyjson_mut_val *name; (name = yyjson_mut_obj_iter_next(&members)) != NULL;) {
            if (is_secret(yyjson_mut_get_str(name))) {
                (void)yyjson_mut_obj_iter_remove(&members);
            } else {
                wait_for(&waiting, yyjson_mut_obj_iter_get_val(name));
            }
        }
    }
}

/* A body for the log: null where it is not JSON, or longer than an entry should be. */
static yyjson_mut_val *logged(struct call *call, yyjson_mut_doc *doc, yyjson_val *body)
{
    if (body == NULL) {
        return yyjson_mut_null(doc);
    }
    yyjson_mut_val *copy = yyjson_val_mut_copy(doc, body);
    audit_strip(call->arena, copy);
    return copy;
}

static yyjson_mut_val *request_of(struct call *call, yyjson_mut_doc *doc)
{
    const struct http_request *request = &call->x->request;
    yyjson_mut_val *details = yyjson_mut_obj(doc);
    char *method = arena_strdup(call->arena, request->method);
    for (char *c = method; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    json_set_text(doc, details, "method", method);
    json_set_text(doc, details, "path", request->path);
    json_set(doc, details, "query", yyjson_val_mut_copy(doc, call->query));
    json_set_text(doc, details, "userAgent", http_header(call->x, "user-agent"));
    json_set(doc, details, "body", logged(call, doc, request->body.size <= LOGGED_BYTES ? call->body : NULL));
    json_set_text(doc, details, "channel", "api");
    json_set_text(doc, details, "ip", request->client_ip);
    yyjson_mut_val *auth = yyjson_mut_obj_add_obj(doc, details, "auth");
    yyjson_mut_val *user = yyjson_mut_obj_add_obj(doc, auth, "user");
    json_set_text(doc, user, "user_id", call->caller.user_id);
    json_set_text(doc, auth, "strategy", "jwt");
    yyjson_mut_val *scopes =
        yyjson_mut_obj_add_arr(doc, yyjson_mut_obj_add_obj(doc, auth, "credentials"), "scopes");
    for (size_t i = 0; i < call->caller.scope_count; i++) {
        yyjson_mut_arr_add_str(doc, scopes, call->caller.scopes[i]);
    }
    return details;
}

void audit_write(struct call *call)
{
    yyjson_mut_doc *doc = call->audit != NULL ? call->audit : json_new_object(call->arena);
    yyjson_mut_val *details = yyjson_mut_doc_get_root(doc);
    json_set(doc, details, "request", request_of(call, doc));
    yyjson_mut_val *response = yyjson_mut_obj_add_obj(doc, details, "response");
    json_set_int(doc, response, "statusCode", call->x->response.status);
    struct bytes body = call->x->response.body;
    yyjson_val *answer = NULL;
    if (body.size == 0 || body.size > LOGGED_BYTES ||
        json_parse(call->arena, body, &json_limits_body, &answer) != JSON_FINE) {
        answer = NULL;
    }
    json_set(doc, response, "body", logged(call, doc, answer));
    tenant_log(call->tenant, call->x,
               (struct log_entry){.type = "sapi",
                                  .description = json_text(call->description, "summary"),
                                  .client_id = call->caller.client_id,
                                  .user_id = call->user_id,
                                  .details = details});
}
