/* A new tenant, as Auth0 shows one (a new tenant's recorded answers). */
#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "store/settings.h"
#include "tenant/management_scopes.h"
#include "tenant/tenant.h"

#include <string.h>

enum {
    CLIENT_ID_LENGTH = 32,
    CLIENT_SECRET_LENGTH = 64,
    TICKET_BYTES = 43,
    LINK_LIFETIME_MS = 24 * 60 * 60 * 1000
};

#define REFRESH_TOKEN                                                                                        \
    "\"refresh_token\":{\"expiration_type\":\"non-expiring\",\"leeway\":0,\"infinite_token_lifetime\":true," \
    "\"infinite_idle_token_lifetime\":true,\"token_lifetime\":2592000,\"idle_token_lifetime\":1296000,"      \
    "\"rotation_type\":\"non-rotating\"}"
#define JWT_CONFIGURATION                                                                                    \
    "\"jwt_configuration\":{\"alg\":\"RS256\",\"lifetime_in_seconds\":36000,\"secret_encoded\":false}"

static const char global_client[] =
    "{\"global\":true,\"callbacks\":[],\"is_first_party\":true,\"name\":\"All Applications\"," REFRESH_TOKEN
    ",\"owners\":[],\"cross_origin_authentication\":true,\"custom_login_page_on\":true}";

static const char default_client[] =
    "{\"global\":false,\"is_token_endpoint_ip_header_trusted\":false,\"name\":\"Default "
    "App\",\"callbacks\":[],"
    "\"cross_origin_authentication\":false,\"is_first_party\":true,\"oidc_conformant\":true," REFRESH_TOKEN
    ",\"sso_disabled\":false,\"cross_origin_auth\":false,\"callback_url_template\":false," JWT_CONFIGURATION
    ",\"grant_types\":[\"authorization_code\",\"implicit\",\"refresh_token\",\"client_credentials\"],"
    "\"custom_login_page_on\":true}";

static const char management_client[] =
    "{\"global\":false,\"is_token_endpoint_ip_header_trusted\":false,\"name\":\"API Explorer Application\","
    "\"callbacks\":[],\"cross_origin_authentication\":false,\"is_first_party\":true,\"oidc_conformant\":"
    "true," REFRESH_TOKEN
    ",\"sso_disabled\":false,\"cross_origin_auth\":false,\"callback_url_template\":false," JWT_CONFIGURATION
    ",\"app_type\":\"non_interactive\",\"grant_types\":[\"client_credentials\"],"
    "\"custom_login_page_on\":true}";

static const char management_api[] =
    "{\"name\":\"Auth0 Management API\",\"allow_offline_access\":false,"
    "\"skip_consent_for_verifiable_first_party_clients\":false,\"subject_type_authorization\":{\"client\":"
    "{\"policy\":\"require_client_grant\"},\"user\":{\"policy\":\"allow_all\"}},\"token_lifetime\":86400,"
    "\"token_lifetime_for_web\":7200,\"signing_alg\":\"RS256\",\"is_system\":true}";

static const char users_connection[] =
    "{\"options\":{\"mfa\":{\"active\":true,\"return_enroll_settings\":true},\"passwordPolicy\":\"good\","
    "\"passkey_options\":{\"challenge_ui\":\"both\",\"local_enrollment_enabled\":true,"
    "\"progressive_enrollment_enabled\":true},\"strategy_version\":2,\"authentication_methods\":{\"passkey\":"
    "{\"enabled\":false},\"password\":{\"enabled\":true,\"api_behavior\":\"required\",\"signup_behavior\":"
    "\"allow\"}},"
    "\"brute_force_protection\":true,\"disable_self_service_change_password\":false},\"strategy\":\"auth0\","
    "\"name\":\"Username-Password-Authentication\",\"is_domain_connection\":false,\"authentication\":{"
    "\"active\":true},"
    "\"connected_accounts\":{\"active\":false},\"realms\":[\"Username-Password-Authentication\"]}";

/* Administrators: a connection of the server's own, which the Management API's lists do not show. */
static const char administrators_connection[] =
    "{\"options\":{\"passwordPolicy\":\"good\",\"strategy_version\":2,\"brute_force_protection\":true,"
    "\"disable_signup\":true},\"strategy\":\"auth0\",\"name\":\"Administrators\",\"is_domain_connection\":"
    "false,"
    "\"realms\":[\"Administrators\"],\"enabled_clients\":[]}";

struct birth {
    struct tenant *tenant;
    struct arena *arena;
    struct db_tx *tx;
    int64_t now;
};

static enum db_result insert_client(struct birth *birth, const char *id, const char *secret,
                                    const char *template_text)
{
    yyjson_mut_doc *doc = json_thaw(birth->arena, json_parse_own(birth->arena, template_text));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "tenant", tenant_name(birth->tenant, birth->arena));
    json_set_text(doc, root, "client_id", id);
    const char *sealed = keyring_seal(birth->tenant->keyring, birth->arena,
                                      arena_printf(birth->arena, "clients:%s", id), bytes_of_text(secret));
    return db_exec(birth->tx, NULL,
                   "INSERT INTO clients (id, name, is_system, sealed, doc, version, created_at) "
                   "VALUES (?, ?, 0, ?, ?, 1, ?)",
                   "tttti", id, json_mut_text(root, "name"), sealed, json_write_doc(birth->arena, doc),
                   birth->now);
}

static enum db_result insert_management_api(struct birth *birth, const char *identifier)
{
    yyjson_mut_doc *doc = json_thaw(birth->arena, json_parse_own(birth->arena, management_api));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *scopes = yyjson_mut_arr(doc);
    const char *id = random_text(birth->arena, RANDOM_HEX, 24);

    for (size_t i = 0; i < management_scopes_count; i++) {
        yyjson_mut_val *scope = yyjson_mut_arr_add_obj(doc, scopes);
        json_set_text(doc, scope, "description", management_scopes[i].description);
        json_set_text(doc, scope, "value", management_scopes[i].value);
    }
    json_set_text(doc, root, "id", id);
    json_set_text(doc, root, "identifier", identifier);
    json_set(doc, root, "scopes", scopes);
    return db_exec(
        birth->tx, NULL,
        "INSERT INTO resource_servers (id, identifier, doc, version, created_at) VALUES (?, ?, ?, 1, ?)",
        "ttti", id, identifier, json_write_doc(birth->arena, doc), birth->now);
}

static enum db_result insert_management_grant(struct birth *birth, const char *client_id,
                                              const char *audience)
{
    yyjson_mut_doc *doc = json_new_object(birth->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *scopes = yyjson_mut_arr(doc);
    const char *id = random_id(birth->arena, "cgr_", 16);

    for (size_t i = 0; i < management_scopes_count; i++)
        yyjson_mut_arr_add_str(doc, scopes, management_scopes[i].value);
    json_set_text(doc, root, "id", id);
    json_set_text(doc, root, "client_id", client_id);
    json_set_text(doc, root, "audience", audience);
    json_set(doc, root, "scope", scopes);
    json_set_text(doc, root, "subject_type", "client");
    return db_exec(birth->tx, NULL,
                   "INSERT INTO client_grants (id, client_id, audience, doc, version, created_at) "
                   "VALUES (?, ?, ?, ?, 1, ?)",
                   "tttti", id, client_id, audience, json_write_doc(birth->arena, doc), birth->now);
}

static enum db_result insert_connection(struct birth *birth, const char *template_text,
                                        const char *enabled_client)
{
    yyjson_mut_doc *doc = json_thaw(birth->arena, json_parse_own(birth->arena, template_text));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *id = random_id(birth->arena, "con_", 16);

    json_set_text(doc, root, "id", id);
    if (enabled_client != NULL) {
        yyjson_mut_val *clients = yyjson_mut_arr(doc);
        yyjson_mut_arr_add_str(doc, clients, enabled_client);
        json_set(doc, root, "enabled_clients", clients);
    }
    return db_exec(birth->tx, NULL,
                   "INSERT INTO connections (id, name, is_system, strategy, doc, version, created_at) "
                   "VALUES (?, ?, ?, 'auth0', ?, 1, ?)",
                   "ttiti", id, json_mut_text(root, "name"), (int64_t)(enabled_client == NULL),
                   json_write_doc(birth->arena, doc), birth->now);
}

static enum db_result insert_sign_in_link(struct birth *birth, const char *ticket)
{
    return db_exec(birth->tx, NULL,
                   "INSERT INTO tickets (ticket_hash, kind, user_id, doc, created_at, expires_at) "
                   "VALUES (?, 'admin-sign-in', '', '{}', ?, ?)",
                   "tii", token_hash(birth->arena, ticket), birth->now, birth->now + LINK_LIFETIME_MS);
}

/* The row that makes a store a tenant's; a second one is the conflict that ends a second init. */
static enum db_result insert_issuer(struct birth *birth)
{
    yyjson_mut_doc *doc = json_new_object(birth->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "issuer", birth->tenant->config->issuer);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), "given", birth->tenant->config->issuer_given);
    return db_exec(birth->tx, NULL, "INSERT INTO settings (name, doc, version) VALUES ('issuer', ?, 1)", "t",
                   json_write_doc(birth->arena, doc));
}

static enum db_result insert_all(struct birth *birth, const struct tenant_birth *names, const char *ticket,
                                 const struct signing_key *current, const struct signing_key *next)
{
    const char *audience = arena_printf(birth->arena, "%sapi/v2/", names->issuer);
    const char *global_id = random_text(birth->arena, RANDOM_ALPHANUMERIC, CLIENT_ID_LENGTH);
    const char *global_secret = random_text(birth->arena, RANDOM_ALPHANUMERIC, CLIENT_SECRET_LENGTH);
    enum db_result result = insert_issuer(birth);

    if (result == DB_OK)
        result = tenant_store_key(birth->tenant, birth->tx, birth->arena, current, "current");
    if (result == DB_OK)
        result = tenant_store_key(birth->tenant, birth->tx, birth->arena, next, "next");
    if (result == DB_OK)
        result = insert_client(birth, global_id, global_secret, global_client);
    if (result == DB_OK)
        result = insert_client(birth, names->default_client_id, names->default_client_secret, default_client);
    if (result == DB_OK)
        result = insert_client(birth, names->management_client_id, names->management_client_secret,
                               management_client);
    if (result == DB_OK)
        result = insert_management_api(birth, audience);
    if (result == DB_OK)
        result = insert_management_grant(birth, names->management_client_id, audience);
    if (result == DB_OK)
        result = insert_connection(birth, users_connection, names->default_client_id);
    if (result == DB_OK)
        result = insert_connection(birth, administrators_connection, NULL);
    if (result == DB_OK)
        result = insert_sign_in_link(birth, ticket);
    return result;
}

enum db_result tenant_create(struct tenant *tenant, struct arena *arena, struct tenant_birth *names)
{
    struct birth birth = {.tenant = tenant, .arena = arena, .now = clock_now_ms()};
    const char *ticket = random_text(arena, RANDOM_ALPHANUMERIC, TICKET_BYTES);
    *names = (struct tenant_birth){
        .issuer = tenant->config->issuer,
        .management_client_id = random_text(arena, RANDOM_ALPHANUMERIC, CLIENT_ID_LENGTH),
        .management_client_secret = random_text(arena, RANDOM_ALPHANUMERIC, CLIENT_SECRET_LENGTH),
        .default_client_id = random_text(arena, RANDOM_ALPHANUMERIC, CLIENT_ID_LENGTH),
        .default_client_secret = random_text(arena, RANDOM_ALPHANUMERIC, CLIENT_SECRET_LENGTH),
        .admin_sign_in_url = arena_printf(arena, "%sadmin/sign-in?ticket=%s", tenant->config->issuer, ticket),
    };
    struct signing_key *current = signing_key_generate(tenant->config->host);
    struct signing_key *next = signing_key_generate(tenant->config->host);
    enum db_result result =
        current != NULL && next != NULL ? db_begin_write(tenant->db, &birth.tx) : DB_FAILED;
    if (result == DB_OK) {
        result = insert_all(&birth, names, ticket, current, next);
        if (result == DB_OK)
            result = db_commit(&birth.tx);
        else
            db_rollback(&birth.tx);
    }
    signing_key_free(&current);
    signing_key_free(&next);
    return result;
}
