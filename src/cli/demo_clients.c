#include "cli/demo_clients.h"

#include "base/clock.h"
#include "base/random.h"
#include "store/settings.h"

#include <string.h>

const char *const demo_step_scopes[DEMO_STEPS][8] = {
    {"update:guardian_factors", "create:rules", "read:rules", "update:rules", NULL},
    {"update:users_app_metadata", NULL},
    {"create:guardian_enrollment_tickets", NULL},
};

static const char *const step_names[DEMO_STEPS] = {"Demo, step 1", "Demo, step 2", "Demo, step 3"};

static enum db_result insert_client(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                    yyjson_mut_doc *doc, const char *secret)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *id = json_mut_text(root, "client_id");
    const char *sealed = NULL;
    if (secret != NULL)
        sealed = keyring_seal(tenant->keyring, arena, arena_printf(arena, "clients:%s", id),
                              bytes_of_text(secret));
    /* A client of the server's own: the Management API's lists show a new tenant as Auth0 does, without it. */
    return db_exec(tx, NULL,
                   "INSERT INTO clients (id, name, is_system, sealed, doc, version, created_at) "
                   "VALUES (?, ?, 1, ?, ?, 1, ?)",
                   "tttti", id, json_mut_text(root, "name"), sealed, json_write_doc(arena, doc),
                   clock_now_ms());
}

static yyjson_mut_doc *client_doc(struct tenant *tenant, struct arena *arena, const char *id,
                                  const char *name, const char *grant_type)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *grants = yyjson_mut_arr(doc);
    yyjson_mut_val *jwt = yyjson_mut_obj(doc);

    yyjson_mut_arr_add_str(doc, grants, grant_type);
    json_set_text(doc, jwt, "alg", "RS256");
    json_set_int(doc, jwt, "lifetime_in_seconds", 36000);
    json_set_text(doc, root, "tenant", tenant_name(tenant, arena));
    json_set_text(doc, root, "client_id", id);
    json_set_text(doc, root, "name", name);
    json_set_bool(doc, root, "global", false);
    json_set_bool(doc, root, "is_first_party", true);
    json_set_bool(doc, root, "oidc_conformant", true);
    json_set(doc, root, "jwt_configuration", jwt);
    json_set(doc, root, "grant_types", grants);
    return doc;
}

static void set_url(yyjson_mut_doc *doc, const char *member, const char *url)
{
    yyjson_mut_val *urls = yyjson_mut_arr(doc);
    yyjson_mut_arr_add_strcpy(doc, urls, url);
    json_set(doc, yyjson_mut_doc_get_root(doc), member, urls);
}

static enum db_result insert_page(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                  const char *id)
{
    yyjson_mut_doc *doc = client_doc(tenant, arena, id, "Demo", "authorization_code");
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *page = arena_printf(arena, "%sdemo", tenant->config->issuer);
    const char *origin = arena_strndup(arena, tenant->config->issuer, strlen(tenant->config->issuer) - 1);

    json_set_text(doc, root, "app_type", "spa");
    json_set_text(doc, root, "token_endpoint_auth_method", "none");
    set_url(doc, "callbacks", page);
    set_url(doc, "allowed_logout_urls", page);
    set_url(doc, "web_origins", origin);
    return insert_client(tenant, tx, arena, doc, NULL);
}

static enum db_result insert_step(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                  enum demo_step step, const char *id)
{
    const char *audience = arena_printf(arena, "%sapi/v2/", tenant->config->issuer);
    const char *grant_id = random_id(arena, "cgr_", 16);
    yyjson_mut_doc *client = client_doc(tenant, arena, id, step_names[step], "client_credentials");
    yyjson_mut_doc *grant = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(grant);
    yyjson_mut_val *scopes = yyjson_mut_arr(grant);

    json_set_text(client, yyjson_mut_doc_get_root(client), "app_type", "non_interactive");
    for (size_t i = 0; demo_step_scopes[step][i] != NULL; i++)
        yyjson_mut_arr_add_str(grant, scopes, demo_step_scopes[step][i]);
    json_set_text(grant, root, "id", grant_id);
    json_set_text(grant, root, "client_id", id);
    json_set_text(grant, root, "audience", audience);
    json_set(grant, root, "scope", scopes);
    json_set_text(grant, root, "subject_type", "client");
    enum db_result result =
        insert_client(tenant, tx, arena, client, random_text(arena, RANDOM_ALPHANUMERIC, 64));
    if (result != DB_OK)
        return result;
    return db_exec(tx, NULL,
                   "INSERT INTO client_grants (id, client_id, audience, doc, version, created_at) "
                   "VALUES (?, ?, ?, ?, 1, ?)",
                   "tttti", grant_id, id, audience, json_write_doc(arena, grant), clock_now_ms());
}

/* People of the default connection may sign in to the demo. */
static enum db_result enable_connection(struct db_tx *tx, struct arena *arena, const char *client_id)
{
    struct db_value *row;
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT id, doc FROM connections WHERE name = 'Username-Password-Authentication' "
               "FOR UPDATE",
               "");
    if (result != DB_OK)
        return result == DB_NOT_FOUND ? DB_OK : result;
    yyjson_mut_doc *doc = json_thaw(arena, json_parse_own(arena, row[1].text));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *clients = json_mut_member(root, "enabled_clients");
    if (clients == NULL) {
        clients = yyjson_mut_arr(doc);
        json_set(doc, root, "enabled_clients", clients);
    }
    yyjson_mut_arr_add_strcpy(doc, clients, client_id);
    return db_exec(tx, NULL, "UPDATE connections SET doc = ?, version = version + 1 WHERE id = ?", "tt",
                   json_write_doc(arena, doc), row[0].text);
}

static enum db_result insert_all(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                 struct demo_clients *clients)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *steps = yyjson_mut_arr(doc);

    clients->page_id = random_text(arena, RANDOM_ALPHANUMERIC, 32);
    enum db_result result = insert_page(tenant, tx, arena, clients->page_id);
    if (result == DB_OK)
        result = enable_connection(tx, arena, clients->page_id);
    for (int step = 0; result == DB_OK && step < DEMO_STEPS; step++) {
        clients->step_ids[step] = random_text(arena, RANDOM_ALPHANUMERIC, 32);
        yyjson_mut_arr_add_str(doc, steps, clients->step_ids[step]);
        result = insert_step(tenant, tx, arena, (enum demo_step)step, clients->step_ids[step]);
    }
    json_set_text(doc, root, "issuer", tenant->config->issuer);
    json_set_text(doc, root, "page", clients->page_id);
    json_set(doc, root, "steps", steps);
    return result == DB_OK ? settings_put(tx, "dev.demo", json_write_doc(arena, doc)) : result;
}

static bool read_names(const struct tenant *tenant, yyjson_val *doc, struct demo_clients *clients)
{
    const char *issuer = json_text(doc, "issuer");
    yyjson_val *steps = json_member(doc, "steps");
    clients->page_id = json_text(doc, "page");
    for (size_t i = 0; i < DEMO_STEPS; i++)
        clients->step_ids[i] = yyjson_get_str(yyjson_arr_get(steps, i));
    /* Made for another address, they name the wrong callbacks: new ones take their place. */
    return issuer != NULL && strcmp(issuer, tenant->config->issuer) == 0 && clients->page_id != NULL &&
           clients->step_ids[DEMO_STEPS - 1] != NULL;
}

enum db_result demo_clients_get(struct tenant *tenant, struct arena *arena, struct demo_clients *clients)
{
    struct db_tx *tx;
    yyjson_val *doc = NULL;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result != DB_OK)
        return result;
    result = settings_get(tx, arena, "dev.demo", &doc);
    db_end(&tx);
    if (result == DB_FAILED || (result == DB_OK && read_names(tenant, doc, clients)))
        return result;

    result = db_begin_write(tenant->db, &tx);
    if (result != DB_OK)
        return result;
    /* Read again: another request may have been first. */
    if (settings_get(tx, arena, "dev.demo", &doc) == DB_OK && read_names(tenant, doc, clients)) {
        db_rollback(&tx);
        return DB_OK;
    }
    result = insert_all(tenant, tx, arena, clients);
    if (result == DB_OK)
        return db_commit(&tx);
    db_rollback(&tx);
    return result;
}
