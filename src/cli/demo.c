#include "cli/demo.h"

#include "base/clock.h"
#include "cli/demo_assets.h"
#include "cli/demo_steps.h"
#include "crypto/jwt.h"
#include "store/authenticators.h"
#include "store/settings.h"
#include "store/users.h"

#include <string.h>

/* Pages load nothing but their own; an SVG looked at by itself has its own style and nothing else. */
static const char *policy_of(const struct demo_asset *asset)
{
    if (strcmp(asset->type, "image/svg+xml") == 0)
        return "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
           "'self'; "
           "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
}

void demo_reply_asset(struct http_exchange *x, const char *name)
{
    for (size_t i = 0; i < demo_assets_count; i++) {
        const struct demo_asset *asset = &demo_assets[i];
        if (strcmp(asset->name, name) != 0)
            continue;
        http_set_header(x, "Cache-Control", "no-cache");
        http_set_header(x, "X-Content-Type-Options", "nosniff");
        http_set_header(x, "Referrer-Policy", "no-referrer");
        http_set_header(x, "Content-Security-Policy", policy_of(asset));
        http_reply_bytes(x, 200, asset->type, (struct bytes){.data = asset->content, .size = asset->size});
        return;
    }
    http_reply(x, 404, "text/plain", "Not Found");
}

static void reply_error(struct http_exchange *x, int status, const char *what)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "error", what);
    http_reply_json(x, status, doc);
}

static bool clients_of(struct http_exchange *x, struct demo_clients *clients)
{
    if (demo_clients_get(tenant_of(x), x->arena, clients) == DB_OK)
        return true;
    reply_error(x, 503, "the store is not reachable");
    return false;
}

static void get_page(struct http_exchange *x)
{
    demo_reply_asset(x, "index.html");
}

static void get_asset(struct http_exchange *x)
{
    demo_reply_asset(x, http_parameter(x, "name"));
}

static void get_config(struct http_exchange *x)
{
    struct demo_clients clients;
    if (!clients_of(x, &clients))
        return;
    const char *issuer = tenant_of(x)->config->issuer;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "domain", arena_strndup(x->arena, issuer, strlen(issuer) - 1));
    json_set_text(doc, root, "client_id", clients.page_id);
    http_reply_json(x, 200, doc);
}

/* The user whose ID token for the demo's page came as a bearer; NULL, answered, where it is none. */
static const char *signed_in_user(struct http_exchange *x, const struct demo_clients *clients)
{
    struct tenant *tenant = tenant_of(x);
    const char *token = http_credentials(x, "Bearer");
    struct jwt jwt;
    struct db_tx *tx;
    bool ok = token != NULL && jwt_parse(x->arena, token, &jwt) && jwt.kid != NULL &&
              db_begin_read(tenant->db, &tx) == DB_OK;
    if (ok) {
        const struct signing_key *key = tenant_key_by_kid(tenant, tx, jwt.kid);
        const char *issuer = json_text(jwt.claims, "iss");
        db_end(&tx);
        ok = key != NULL && jwt_verify_rs256(&jwt, key) && jwt_is_current(&jwt, clock_now(), 0) &&
             jwt_has_audience(&jwt, clients->page_id) && issuer != NULL &&
             strcmp(issuer, tenant->config->issuer) == 0;
    }
    const char *user_id = ok ? json_text(jwt.claims, "sub") : NULL;
    if (user_id == NULL)
        reply_error(x, 401, "sign in first");
    return user_id;
}

static bool factor_is_on(struct db_tx *tx, struct arena *arena, const char *name)
{
    yyjson_val *factors;
    return settings_get(tx, arena, "guardian.factors", &factors) == DB_OK && json_bool(factors, name, false);
}

static void add_user_state(struct tenant *tenant, struct db_tx *tx, struct arena *arena, yyjson_mut_doc *doc,
                           const char *user_id)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *kinds = yyjson_mut_arr(doc);
    struct user user;
    struct authenticator *list;
    size_t count = 0;

    if (user_by_id(tx, arena, user_id, &user) == DB_OK) {
        yyjson_val *metadata = json_member(user.doc, "app_metadata");
        json_set_bool(doc, root, "use_mfa", json_bool(metadata, "use_mfa", false));
    }
    if (authenticators_of_user(tx, arena, tenant->keyring, user_id, &list, &count) != DB_OK)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].confirmed)
            yyjson_mut_arr_add_strcpy(doc, kinds, list[i].kind);
    }
    json_set(doc, root, "enrolled", kinds);
}

/* Where the tutorial stands: factors, rule, and for who is signed in the flag and the enrolled factors. */
static void get_state(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    struct demo_clients clients;
    if (!clients_of(x, &clients))
        return;
    const char *user_id = NULL;
    if (http_header(x, "authorization") != NULL) {
        user_id = signed_in_user(x, &clients);
        if (user_id == NULL)
            return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    struct db_tx *tx;
    struct db_value *row;
    if (db_begin_read(tenant->db, &tx) != DB_OK) {
        reply_error(x, 503, "the store is not reachable");
        return;
    }
    json_set_bool(doc, root, "factors",
                  factor_is_on(tx, x->arena, "sms") || factor_is_on(tx, x->arena, "otp"));
    json_set_bool(doc, root, "rule",
                  db_row(tx, x->arena, &row, "SELECT id FROM rules WHERE name = ? AND enabled = 1", "t",
                         demo_rule_name) == DB_OK);
    if (user_id != NULL)
        add_user_state(tenant, tx, x->arena, doc, user_id);
    db_end(&tx);
    http_reply_json(x, 200, doc);
}

static void reply_transcript(struct http_exchange *x, const struct demo_transcript *transcript)
{
    http_reply_json(x, transcript->ok ? 200 : 502, transcript->doc);
}

static void post_factors(struct http_exchange *x)
{
    struct demo_clients clients;
    struct demo_transcript transcript;
    if (!clients_of(x, &clients) || signed_in_user(x, &clients) == NULL)
        return;
    demo_turn_on_factors(tenant_of(x), x->arena, &clients, &transcript);
    reply_transcript(x, &transcript);
}

static void post_flag(struct http_exchange *x)
{
    struct demo_clients clients;
    struct demo_transcript transcript;
    yyjson_val *body = NULL;
    if (!clients_of(x, &clients))
        return;
    const char *user_id = signed_in_user(x, &clients);
    if (user_id == NULL)
        return;
    if (http_json(x, &body) != JSON_FINE) {
        reply_error(x, 400, "send {\"on\": true}");
        return;
    }
    demo_flag_user(tenant_of(x), x->arena, &clients, user_id, json_bool(body, "on", true), &transcript);
    reply_transcript(x, &transcript);
}

static void post_ticket(struct http_exchange *x)
{
    struct demo_clients clients;
    struct demo_transcript transcript;
    if (!clients_of(x, &clients))
        return;
    const char *user_id = signed_in_user(x, &clients);
    if (user_id == NULL)
        return;
    demo_make_ticket(tenant_of(x), x->arena, &clients, user_id, &transcript);
    reply_transcript(x, &transcript);
}

static const struct http_route routes[] = {
    {"GET", "/demo", get_page, HTTP_ON_LOOP, "demo"},
    {"GET", "/demo/config", get_config, 0, "demo"},
    {"GET", "/demo/state", get_state, 0, "demo"},
    {"GET", "/demo/assets/{name}", get_asset, HTTP_ON_LOOP, "demo"},
    {"POST", "/demo/steps/factors", post_factors, 0, "demo"},
    {"POST", "/demo/steps/flag", post_flag, 0, "demo"},
    {"POST", "/demo/steps/ticket", post_ticket, 0, "demo"},
};

const struct http_routes demo_routes = {.routes = routes, .count = ARRAY_LENGTH(routes)};
