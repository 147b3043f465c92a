/* `user` and `context` as rules get them (Auth0's documents "User Object Properties in Rules", "Context Object"). */
#include "rules/program.h"

#include "base/clock.h"

#include <string.h>
#include <time.h>

struct building {
    yyjson_mut_doc *doc;
    const struct rules_login *login;
    const struct rules_place *place;
};

static yyjson_mut_val *copy_or_object(yyjson_mut_doc *doc, yyjson_val *value)
{
    return yyjson_is_obj(value) ? yyjson_val_mut_copy(doc, value) : yyjson_mut_obj(doc);
}

static yyjson_mut_val *copy_or_array(yyjson_mut_doc *doc, yyjson_val *value)
{
    return yyjson_is_arr(value) ? yyjson_val_mut_copy(doc, value) : yyjson_mut_arr(doc);
}

/* The members of app_metadata are at the root of `user` too, and win there. */
static void merge_app_metadata(yyjson_mut_doc *doc, yyjson_mut_val *user, yyjson_val *app_metadata)
{
    size_t index = 0;
    size_t size = 0;
    yyjson_val *name = NULL;
    yyjson_val *value = NULL;
    yyjson_obj_foreach(app_metadata, index, size, name, value)
    {
        const char *text = yyjson_get_str(name);
        if (strcmp(text, "app_metadata") != 0 && strcmp(text, "user_metadata") != 0 &&
            strcmp(text, "user_id") != 0)
            json_set(doc, user, text, yyjson_val_mut_copy(doc, value));
    }
}

static yyjson_mut_val *user_of(const struct building *b)
{
    yyjson_mut_val *user = copy_or_object(b->doc, b->login->user->doc);
    merge_app_metadata(b->doc, user, json_member(b->login->user->doc, "app_metadata"));
    if (b->login->client != NULL)
        json_set_text(b->doc, user, "clientID", b->login->client->client_id);
    if (b->place->has_factor && json_mut_member(user, "multifactor") == NULL) {
        yyjson_mut_val *providers = yyjson_mut_arr(b->doc);
        yyjson_mut_arr_add_str(b->doc, providers, "guardian");
        json_set(b->doc, user, "multifactor", providers);
    }
    rules_overlay_apply(b->doc, user, b->login->overlay);
    return user;
}

static void add_client(const struct building *b, yyjson_mut_val *context)
{
    const struct client *client = b->login->client;
    yyjson_val *doc = client != NULL ? client->doc : NULL;
    if (client != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, context, "clientID", client->client_id);
    const char *name = json_text(doc, "name");
    yyjson_mut_obj_add_strcpy(b->doc, context, "clientName", name != NULL ? name : "");
    yyjson_mut_obj_add_val(b->doc, context, "clientMetadata",
                           copy_or_object(b->doc, json_member(doc, "client_metadata")));
}

static void add_connection(const struct building *b, yyjson_mut_val *context)
{
    yyjson_val *connection = b->login->connection;
    const char *id = json_text(connection, "id");
    const char *name = json_text(connection, "name");
    const char *strategy = json_text(connection, "strategy");
    if (id != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, context, "connectionID", id);
    if (name != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, context, "connection", name);
    if (strategy != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, context, "connectionStrategy", strategy);
    yyjson_val *options = json_member(connection, "options");
    yyjson_mut_val *told = yyjson_mut_obj(b->doc);
    if (json_text(options, "tenant_domain") != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, told, "tenant_domain", json_text(options, "tenant_domain"));
    if (yyjson_is_arr(json_member(options, "domain_aliases")))
        yyjson_mut_obj_add_val(b->doc, told, "domain_aliases",
                               yyjson_val_mut_copy(b->doc, json_member(options, "domain_aliases")));
    yyjson_mut_obj_add_val(b->doc, context, "connectionOptions", told);
    yyjson_mut_obj_add_val(b->doc, context, "connectionMetadata",
                           copy_or_object(b->doc, json_member(connection, "metadata")));
}

/* A form without what must stay between the person, or the application, and the server. */
static yyjson_mut_val *body_without_secrets(yyjson_mut_doc *doc, yyjson_val *body)
{
    static const char *const secrets[] = {
        "password", "client_secret", "client_assertion", "code_verifier", "refresh_token", "mfa_token",
        "otp",      "oob_code",      "binding_code",     "recovery_code", "code"};
    yyjson_mut_val *told = copy_or_object(doc, body);
    for (size_t i = 0; i < ARRAY_LENGTH(secrets); i++)
        json_remove(told, secrets[i]);
    return told;
}

static void add_request(const struct building *b, yyjson_mut_val *context)
{
    const struct rules_login *login = b->login;
    yyjson_mut_val *request = yyjson_mut_obj(b->doc);
    if (b->place->user_agent != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, request, "userAgent", b->place->user_agent);
    if (b->place->ip != NULL)
        yyjson_mut_obj_add_strcpy(b->doc, request, "ip", b->place->ip);
    yyjson_mut_obj_add_strcpy(b->doc, request, "hostname", b->place->host);
    yyjson_mut_obj_add_val(b->doc, request, "query", copy_or_object(b->doc, login->query));
    yyjson_mut_obj_add_val(b->doc, request, "body", body_without_secrets(b->doc, login->body));
    yyjson_mut_obj_add_val(b->doc, request, "geoip", geoip_object(b->doc, &b->place->geoip));
    yyjson_mut_obj_add_val(b->doc, context, "request", request);
}

static void add_sso(const struct building *b, yyjson_mut_val *context)
{
    const struct rules_login *login = b->login;
    const char *strategy = json_text(login->connection, "strategy");
    yyjson_mut_val *sso = yyjson_mut_obj(b->doc);
    bool is_sso = login->session_id != NULL;
    yyjson_mut_obj_add_bool(b->doc, sso, "with_auth0", is_sso);
    yyjson_mut_obj_add_bool(b->doc, sso, "with_dbconn",
                            is_sso && strategy != NULL && strcmp(strategy, "auth0") == 0);
    yyjson_mut_val *clients = copy_or_array(b->doc, login->session_clients);
    if (login->client != NULL && !json_array_has_text(login->session_clients, login->client->client_id))
        yyjson_mut_arr_add_strcpy(b->doc, clients, login->client->client_id);
    yyjson_mut_obj_add_val(b->doc, sso, "current_clients", clients);
    yyjson_mut_obj_add_val(b->doc, context, "sso", sso);
}

static void add_jwt_configuration(const struct building *b, yyjson_mut_val *context)
{
    const struct client *client = b->login->client;
    yyjson_mut_val *configuration = yyjson_mut_obj_add_obj(b->doc, context, "jwtConfiguration");
    yyjson_val *settings = client != NULL ? json_member(client->doc, "jwt_configuration") : NULL;
    if (yyjson_is_int(json_member(settings, "lifetime_in_seconds")))
        yyjson_mut_obj_add_int(b->doc, configuration, "lifetimeInSeconds",
                               json_int(settings, "lifetime_in_seconds", 0));
    yyjson_mut_obj_add_val(b->doc, configuration, "scopes",
                           copy_or_object(b->doc, json_member(settings, "scopes")));
}

/* Roles stand where Auth0's Authorization Extension keeps them, as long as there are none of the server's own. */
static void add_authorization(const struct building *b, yyjson_mut_val *context)
{
    yyjson_val *app_metadata = json_member(b->login->user->doc, "app_metadata");
    yyjson_val *stored = json_member(json_member(app_metadata, "authorization"), "roles");
    yyjson_mut_val *authorization = yyjson_mut_obj_add_obj(b->doc, context, "authorization");
    yyjson_mut_val *roles = yyjson_mut_obj_add_arr(b->doc, authorization, "roles");
    size_t index, count;
    yyjson_val *role;
    if (!yyjson_is_arr(stored))
        return;
    yyjson_arr_foreach(stored, index, count, role)
    {
        if (yyjson_is_str(role))
            yyjson_mut_arr_add_val(roles, yyjson_val_mut_copy(b->doc, role));
    }
}

static yyjson_mut_val *context_of(const struct building *b)
{
    yyjson_mut_doc *doc = b->doc;
    const struct rules_login *login = b->login;
    yyjson_mut_val *context = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_strcpy(doc, context, "tenant", b->place->tenant);
    add_client(b, context);
    add_connection(b, context);
    yyjson_mut_obj_add_obj(doc, context, "samlConfiguration");
    add_jwt_configuration(b, context);
    yyjson_mut_obj_add_strcpy(doc, context, "protocol", login->protocol);
    yyjson_mut_val *stats = yyjson_mut_obj_add_obj(doc, context, "stats");
    yyjson_mut_obj_add_int(doc, stats, "loginsCount", login->logins_count);
    add_sso(b, context);
    yyjson_mut_obj_add_obj(doc, context, "accessToken");
    yyjson_mut_obj_add_obj(doc, context, "idToken");
    if (login->session_id != NULL)
        yyjson_mut_obj_add_strcpy(doc, context, "sessionID", login->session_id);
    add_request(b, context);
    yyjson_mut_val *authentication = yyjson_mut_obj_add_obj(doc, context, "authentication");
    yyjson_mut_obj_add_val(doc, authentication, "methods", copy_or_array(doc, login->authentication_methods));
    add_authorization(b, context);
    return context;
}

/* How far the server's clock was moved; the workers read the machine's. */
static int64_t moved_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t moved = clock_now_ms() - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    return moved > -2 && moved < 2 ? 0 : moved;
}

yyjson_mut_doc *rules_input(struct arena *arena, const struct rules_login *login,
                            const struct rules_place *place)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    struct building b = {.doc = doc, .login = login, .place = place};
    yyjson_mut_obj_add_val(doc, root, "user", user_of(&b));
    yyjson_mut_obj_add_val(doc, root, "context", context_of(&b));
    yyjson_mut_obj_add_strcpy(doc, root, "domain", place->host);
    const char *base_url = arena_printf(arena, "%sapi/v2", place->issuer);
    yyjson_mut_obj_add_strcpy(doc, root, "base_url", base_url);
    yyjson_mut_obj_add_int(doc, root, "clock_ms", moved_ms());
    return doc;
}
