#include "tenant/domain.h"

#include "base/log.h"
#include "store/settings.h"
#include "tenant/issuer.h"

#include <string.h>

struct remembered {
    const char *issuer; /* NULL: no tenant */
    bool given;
};

static enum db_result read_remembered(struct tenant *tenant, struct arena *arena,
                                      struct remembered *remembered)
{
    struct db_tx *tx;
    yyjson_val *doc = NULL;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result == DB_OK) {
        result = settings_get(tx, arena, "issuer", &doc);
        db_end(&tx);
    }
    *remembered =
        (struct remembered){.issuer = json_text(doc, "issuer"), .given = json_bool(doc, "given", false)};
    return result == DB_NOT_FOUND ? DB_OK : result;
}

/* The document with that member set to `value`. */
static const char *with_member(struct arena *arena, const char *text, const char *name, const char *value)
{
    yyjson_mut_doc *doc = json_thaw(arena, json_parse_own(arena, text));
    json_set_text(doc, yyjson_mut_doc_get_root(doc), name, value);
    return json_write_doc(arena, doc);
}

static enum db_result move_management_api(struct db_tx *tx, struct arena *arena, const char *from,
                                          const char *to)
{
    struct db_value *row;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT id, doc FROM resource_servers WHERE identifier = ?", "t", from);
    if (result != DB_OK)
        return result == DB_NOT_FOUND ? DB_OK : result;
    return db_exec(tx, NULL,
                   "UPDATE resource_servers SET identifier = ?, doc = ?, version = version + 1 WHERE id = ?",
                   "ttt", to, with_member(arena, row[1].text, "identifier", to), row[0].text);
}

static enum db_result move_grants(struct db_tx *tx, struct arena *arena, const char *from, const char *to)
{
    struct db_rows rows;
    enum db_result result =
        db_rows(tx, arena, &rows, "SELECT id, doc FROM client_grants WHERE audience = ?", "t", from);
    for (size_t i = 0; i < rows.count && result == DB_OK; i++)
        result = db_exec(tx, NULL,
                         "UPDATE client_grants SET audience = ?, doc = ?, version = version + 1 WHERE id = ?",
                         "ttt", to, with_member(arena, db_at(&rows, i, 1)->text, "audience", to),
                         db_at(&rows, i, 0)->text);
    return result;
}

static enum db_result move(struct tenant *tenant, struct arena *arena, const char *from)
{
    const char *to = tenant->config->issuer;
    const char *old_audience = arena_printf(arena, "%sapi/v2/", from);
    const char *audience = arena_printf(arena, "%sapi/v2/", to);
    yyjson_mut_doc *doc = json_new_object(arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "issuer", to);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), "given", tenant->config->issuer_given);
    struct db_tx *tx;
    enum db_result result = db_begin_write(tenant->db, &tx);
    if (result != DB_OK)
        return result;
    result = move_management_api(tx, arena, old_audience, audience);
    if (result == DB_OK)
        result = move_grants(tx, arena, old_audience, audience);
    if (result == DB_OK)
        result = settings_put(tx, "issuer", json_write_doc(arena, doc));
    if (result == DB_OK)
        return db_commit(&tx);
    db_rollback(&tx);
    return result;
}

/* The store's issuer in place of one that nobody named. */
static void take_remembered(struct tenant *tenant, struct arena *arena, const char *issuer)
{
    struct config *config = arena_copy(arena, tenant->config, sizeof *config);
    struct issuer parts;
    const char *error;
    if (!issuer_read(arena, issuer, true, &parts, &error))
        return;
    config->issuer = parts.url;
    config->host = parts.host;
    config->secure = parts.secure;
    config->issuer_given = true;
    tenant->config = config;
}

static const char *no_tenant(const struct tenant *tenant, struct arena *arena)
{
    const struct config *config = tenant->config;
    if (config->database != NULL)
        return "there is no tenant in the database yet: `countersign init` with the same settings makes one";
    return arena_printf(arena, "there is no tenant in %s yet: `countersign init --data %s` makes one",
                        config->data, config->data);
}

bool domain_settle(struct tenant *tenant, struct arena *arena, const char **error)
{
    struct remembered remembered;
    if (read_remembered(tenant, arena, &remembered) != DB_OK) {
        *error = "the store cannot be read";
        return false;
    }
    if (remembered.issuer == NULL) {
        *error = no_tenant(tenant, arena);
        return false;
    }
    if (!tenant->config->issuer_given && remembered.given)
        take_remembered(tenant, arena, remembered.issuer);
    const struct config *config = tenant->config;
    if (!config->dev && !config->secure) {
        *error =
            config->issuer_given
                ? arena_printf(arena, "issuer must begin with https:// (http is for --dev), but is \"%s\"",
                               config->issuer)
                : "issuer must be set: the https address at which people reach this server";
        return false;
    }
    if (strcmp(remembered.issuer, config->issuer) == 0)
        return true;
    if (move(tenant, arena, remembered.issuer) != DB_OK) {
        *error = "the tenant cannot be moved to its new issuer in the store";
        return false;
    }
    LOG_INFO("tenant.moved", LOG_TEXT("from", remembered.issuer), LOG_TEXT("to", config->issuer));
    return true;
}

/* Whether `authority` (of `length`) names this machine at the port of dev_tls_listen, or is the issuer's own. */
static bool is_dev_authority(const struct config *config, struct arena *arena, const char *authority,
                             size_t length)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *text = arena_strndup(arena, authority, length);
    if (strcmp(text, config->host) == 0)
        return true;
    if (config->dev_tls_listen == NULL)
        return false;
    const char *port = strrchr(config->dev_tls_listen, ':');
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(text, arena_printf(arena, "%s%s", names[i], port)) == 0)
            return true;
    }
    return false;
}

const char *domain_audience(const struct tenant *tenant, struct arena *arena, const char *audience)
{
    static const char scheme[] = "https://";
    const struct config *config = tenant->config;
    if (!config->dev || audience == NULL || strncmp(audience, scheme, strlen(scheme)) != 0)
        return audience;
    const char *authority = audience + strlen(scheme);
    size_t length = strcspn(authority, "/");
    if (authority[length] != '/' || !is_dev_authority(config, arena, authority, length))
        return audience;
    return arena_printf(arena, "%s%s", config->issuer, authority + length + 1);
}
