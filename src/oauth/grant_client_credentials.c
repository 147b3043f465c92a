/* The grant client_credentials (RFC 6749 section 4.4): a machine's own token for an API. */
#include "oauth/token_request.h"

#include "base/buffer.h"
#include "oauth/tokens.h"
#include "store/settings.h"
#include "tenant/domain.h"

#include <string.h>

struct machine {
    const char *audience;
    yyjson_val *api;
    yyjson_val *grant; /* NULL where the API asks for none */
    const char *scope;
    struct token_signer signer;
};

static void refuse(struct token_request *request, int status, const char *error, const char *description)
{
    token_request_refuse(request, "feccft", status, error, description, NULL);
}

/* The audience asked for, else the tenant's default; NULL where the answer is made. */
static const char *read_audience(struct token_request *request, struct db_tx *tx)
{
    const char *audience = given_parameter(&request->form, "audience");
    if (audience == NULL)
        audience = given_parameter(&request->form, "resource");
    if (audience != NULL)
        return domain_audience(tenant_of(request->x), request->x->arena, audience);
    yyjson_val *settings = NULL;
    enum db_result found = settings_get(tx, request->x->arena, "tenant", &settings);
    if (found != DB_OK && found != DB_NOT_FOUND) {
        oauth_fail_internally(request->x);
        return NULL;
    }
    audience = json_text(settings, "default_audience");
    return audience != NULL && *audience != '\0' ? audience : token_request_need(request, "audience");
}

/* Whether the API takes machines at all, and this one; false where the answer is made. */
static bool read_grant(struct token_request *request, struct db_tx *tx, struct machine *machine)
{
    struct arena *arena = request->x->arena;
    enum db_result found = resource_server_by_identifier(tx, arena, machine->audience, &machine->api);
    if (found == DB_NOT_FOUND) {
        refuse(request, 403, "access_denied",
               arena_printf(arena, "Service not enabled within domain: %s", machine->audience));
        return false;
    }
    const char *policy =
        json_text(json_member(json_member(machine->api, "subject_type_authorization"), "client"), "policy");
    bool open = policy != NULL && strcmp(policy, "allow_all") == 0;
    bool closed = policy != NULL && strcmp(policy, "deny_all") == 0;
    if (found == DB_OK && !closed)
        found = client_grant_for(tx, arena, request->client.client_id, machine->audience, &machine->grant);
    /* What was granted for people's tokens is no machine's own. */
    const char *subject = json_text(machine->grant, "subject_type");
    if (subject != NULL && strcmp(subject, "client") != 0)
        machine->grant = NULL;
    if (found != DB_OK && found != DB_NOT_FOUND) {
        oauth_fail_internally(request->x);
        return false;
    }
    if (closed || (machine->grant == NULL && !open)) {
        refuse(
            request, 403, "access_denied",
            arena_printf(arena,
                         "Client is not authorized to access \"%s\". You need to create a \"client-grant\" "
                         "associated to this API.",
                         machine->audience));
        return false;
    }
    return true;
}

/* Whether the machine may have the scope: by its grant, or any of the API's where the grant, or the API, says all. */
static bool may_have(const struct machine *machine, const char *scope)
{
    if (machine->grant != NULL && !json_bool(machine->grant, "allow_all_scopes", false))
        return json_array_has_text(json_member(machine->grant, "scope"), scope);
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(json_member(machine->api, "scopes"), index, count, entry)
    {
        if (yyjson_equals_str(json_member(entry, "value"), scope))
            return true;
    }
    return false;
}

enum { SCOPE_MAXIMUM = 64 * 1024 };

static void add_word(struct buffer *scope, const char *word)
{
    if (scope->size > 0)
        buffer_add_char(scope, ' ');
    buffer_add(scope, word);
}

/* All that the machine was granted, where it asked for nothing in particular. */
static const char *all_scopes(struct arena *arena, const struct machine *machine)
{
    bool by_grant = machine->grant != NULL && !json_bool(machine->grant, "allow_all_scopes", false);
    yyjson_val *list = by_grant ? json_member(machine->grant, "scope") : json_member(machine->api, "scopes");
    struct buffer scope = buffer_create(arena, SCOPE_MAXIMUM);
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(list, index, count, entry)
    {
        const char *word = yyjson_get_str(by_grant ? entry : json_member(entry, "value"));
        if (word != NULL)
            add_word(&scope, word);
    }
    return buffer_text(&scope);
}

/* What the machine asked for; NULL where the answer is made: something in it was not granted. */
static const char *asked_scopes(struct token_request *request, const struct machine *machine)
{
    struct arena *arena = request->x->arena;
    struct buffer scope = buffer_create(arena, SCOPE_MAXIMUM);
    const char *at = request->scope;
    for (const char *word; (word = scope_next(arena, &at)) != NULL;) {
        if (!may_have(machine, word)) {
            refuse(request, 403, "access_denied",
                   arena_printf(arena, "Client has not been granted scopes: %s", word));
            return NULL;
        }
        if (!scope_has(buffer_text(&scope), word))
            add_word(&scope, word);
    }
    return buffer_text(&scope);
}

/* All that is read from the store, in one go; false where the answer is made. */
static bool read_machine(struct token_request *request, struct db_tx *tx, struct machine *machine)
{
    if (!token_request_authenticate(request, tx) || !token_request_allowed(request))
        return false;
    machine->audience = read_audience(request, tx);
    if (machine->audience == NULL || !read_grant(request, tx, machine))
        return false;
    machine->scope =
        request->scope != NULL ? asked_scopes(request, machine) : all_scopes(request->x->arena, machine);
    if (machine->scope == NULL)
        return false;
    bool signs = token_signer_read(tenant_of(request->x), tx, request->x->arena, machine->api,
                                   &machine->signer) == DB_OK;
    if (!signs)
        oauth_fail_internally(request->x);
    return signs;
}

void grant_client_credentials(struct token_request *request)
{
    struct http_exchange *x = request->x;
    struct machine machine = {.audience = NULL};
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) != DB_OK) {
        oauth_fail_internally(x);
        return;
    }
    bool found = read_machine(request, tx, &machine);
    db_end(&tx);
    if (!found)
        return;
    struct access_token_claims claims = {
        .api = machine.api,
        .client_id = request->client.client_id,
        .subject = arena_printf(x->arena, "%s@clients", request->client.client_id),
        .scope = machine.scope,
        .gty = "client-credentials",
    };
    const char *token = access_token_make(x, &machine.signer, &claims);
    if (token == NULL) {
        oauth_fail_internally(x);
        return;
    }
    tenant_log(tenant_of(x), x,
               (struct log_entry){
                   .type = "seccft",
                   .client_id = request->client.client_id,
                   .client_name = json_text(request->client.doc, "name"),
                   .audience = machine.audience,
                   .scope = machine.scope,
               });
    token_request_reply(request, &(struct token_reply){.access_token = token,
                                                       .scope = machine.scope,
                                                       .expires_in = access_token_seconds(machine.api)});
}
