#include "oauth/token_request.h"

#include "base/buffer.h"
#include "base/encode.h"

#include <string.h>
#include <strings.h>

/* scope in a JSON body may be an array of texts; anything else than that or a text is refused. */
static bool read_scope(struct http_exchange *x, struct token_request *request)
{
    const char *type = http_header(x, "content-type");
    request->scope = given_parameter(&request->form, "scope");
    if (type == NULL || strncasecmp(type, "application/json", 16) != 0)
        return true;
    yyjson_val *root = NULL;
    yyjson_val *scope = http_json(x, &root) == JSON_FINE ? json_member(root, "scope") : NULL;
    if (scope == NULL || yyjson_is_null(scope) || yyjson_is_str(scope))
        return true;
    size_t index, count;
    yyjson_val *word;
    bool words = yyjson_is_arr(scope);
    request->scope = NULL;
    yyjson_arr_foreach(scope, index, count, word)
    {
        words = words && yyjson_is_str(word);
        if (words)
            request->scope = scope_add(x->arena, request->scope, yyjson_get_str(word));
    }
    if (!words)
        oauth_fail(x, 400, "invalid_scope", "Scope must be an array or a string");
    return words;
}

bool token_request_read_form(struct http_exchange *x, struct token_request *request)
{
    *request = (struct token_request){.x = x};
    if (!http_form(x, &request->form)) {
        oauth_fail(x, 400, "invalid_request", "The request body must be a form or a JSON object");
        return false;
    }
    const char *repeated = repeated_parameter(&request->form);
    if (repeated != NULL) {
        oauth_fail(x, 400, "invalid_request", arena_printf(x->arena, "Duplicate parameter: %s", repeated));
        return false;
    }
    return read_scope(x, request);
}

bool token_request_read(struct http_exchange *x, struct token_request *request)
{
    if (!token_request_read_form(x, request))
        return false;
    request->grant_type = token_request_need(request, "grant_type");
    return request->grant_type != NULL;
}

const char *token_request_need(struct token_request *request, const char *name)
{
    const char *value = given_parameter(&request->form, name);
    if (value == NULL)
        oauth_fail(request->x, 400, "invalid_request",
                   arena_printf(request->x->arena, "Missing required parameter: %s", name));
    return value;
}

/* What a client says it is, and by which secret. */
struct credentials {
    const char *client_id;
    const char *secret;       /* NULL: none was sent */
    const char *secret_plain; /* of the header, as it stands there without percent-decoding; else NULL */
    bool by_header;
};

/* "Basic" credentials (RFC 7617), whose halves are form-encoded (RFC 6749 section 2.3.1); false where malformed. */
static bool read_basic(struct arena *arena, const char *header, struct credentials *credentials)
{
    struct bytes decoded;
    const char *text = header + strlen("Basic ");
    text += strspn(text, " ");
    if (!base64_decode(arena, text, strlen(text), &decoded))
        return false;
    const char *pair = arena_strndup(arena, (const char *)decoded.data, decoded.size);
    const char *colon = strchr(pair, ':');
    if (colon == NULL || strlen(pair) != decoded.size)
        return false;
    credentials->by_header = true;
    credentials->client_id = percent_decode(arena, pair, (size_t)(colon - pair), true);
    credentials->secret = percent_decode(arena, colon + 1, strlen(colon + 1), true);
    credentials->secret_plain = colon + 1;
    return credentials->client_id != NULL;
}

static void refuse_client(struct token_request *request, bool by_header)
{
    if (by_header)
        http_set_header(request->x, "WWW-Authenticate", "Basic realm=\"token\"");
    oauth_fail(request->x, 401, "access_denied", "Unauthorized");
}

/* Gathers the credentials; false where the answer is made. */
static bool read_credentials(struct token_request *request, struct credentials *credentials)
{
    struct http_exchange *x = request->x;
    const char *header = http_header(x, "authorization");
    *credentials = (struct credentials){.by_header = false};
    if (header == NULL || strncasecmp(header, "Basic ", 6) != 0) {
        credentials->secret = given_parameter(&request->form, "client_secret");
        credentials->client_id = token_request_need(request, "client_id");
        return credentials->client_id != NULL;
    }
    const char *other = given_parameter(&request->form, "client_id");
    if (!read_basic(x->arena, header, credentials)) {
        refuse_client(request, true);
        return false;
    }
    if (given_parameter(&request->form, "client_secret") != NULL ||
        (other != NULL && strcmp(other, credentials->client_id) != 0)) {
        oauth_fail(x, 400, "invalid_request", "A client proves itself in one way only");
        return false;
    }
    return true;
}

static bool proof_is_right(const struct client *client, const struct credentials *credentials)
{
    if (credentials->secret == NULL && credentials->secret_plain == NULL)
        return !client_is_confidential(client);
    bool decoded = text_equal_secret(client->secret, credentials->secret);
    bool plain = text_equal_secret(client->secret, credentials->secret_plain);
    return decoded || plain;
}

bool token_request_authenticate(struct token_request *request, struct db_tx *tx)
{
    struct http_exchange *x = request->x;
    struct credentials credentials;
    if (!read_credentials(request, &credentials))
        return false;
    enum db_result found =
        client_by_id(tx, x->arena, tenant_of(x)->keyring, credentials.client_id, &request->client);
    if (found != DB_OK && found != DB_NOT_FOUND) {
        oauth_fail_internally(x);
        return false;
    }
    if (found == DB_NOT_FOUND || json_bool(request->client.doc, "global", false) ||
        !proof_is_right(&request->client, &credentials)) {
        refuse_client(request, credentials.by_header);
        return false;
    }
    cors_allow_client(x, &request->client);
    return true;
}

bool token_request_allowed(struct token_request *request)
{
    if (client_may_use(&request->client, request->grant_type))
        return true;
    oauth_fail(
        request->x, 403, "unauthorized_client",
        arena_printf(request->x->arena, "Grant type '%s' not allowed for the client.", request->grant_type));
    return false;
}

void token_request_refuse(struct token_request *request, const char *type, int status, const char *error,
                          const char *description, const char *user_id)
{
    tenant_log(tenant_of(request->x), request->x,
               (struct log_entry){
                   .type = type,
                   .description = description,
                   .client_id = request->client.client_id,
                   .client_name = json_text(request->client.doc, "name"),
                   .audience = given_parameter(&request->form, "audience"),
                   .scope = request->scope,
                   .user_id = user_id,
               });
    oauth_fail(request->x, status, error, description);
}

void token_request_reply(struct token_request *request, const struct token_reply *reply)
{
    yyjson_mut_doc *doc = json_new_object(request->x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_obj_add_str(doc, root, "access_token", reply->access_token);
    if (reply->id_token != NULL)
        yyjson_mut_obj_add_str(doc, root, "id_token", reply->id_token);
    if (reply->scope != NULL && *reply->scope != '\0')
        yyjson_mut_obj_add_str(doc, root, "scope", reply->scope);
    yyjson_mut_obj_add_int(doc, root, "expires_in", reply->expires_in);
    yyjson_mut_obj_add_str(doc, root, "token_type", "Bearer");
    json_set_text(doc, root, "recovery_code", reply->recovery_code);
    http_reply_json(request->x, 200, doc);
    http_set_header(request->x, "Pragma", "no-cache");
}
