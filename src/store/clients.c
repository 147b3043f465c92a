#include "store/clients.h"

#include "store/doc_cache.h"
#include "store/sealed.h"

enum db_result client_by_id(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                            const char *client_id, struct client *client)
{
    *client = (struct client){0};
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT id, sealed, is_system, version, created_at FROM clients WHERE id = ?",
               "t", client_id);
    if (result != DB_OK)
        return result;
    *client = (struct client){
        .client_id = row[0].text,
        .is_system = row[2].number != 0,
        .version = row[3].number,
    };
    const struct doc_name name = {
        .table = "clients", .id = row[0].text, .version = row[3].number, .created_at = row[4].number};
    result = doc_cache_read(tx, arena, &name, "SELECT doc, version FROM clients WHERE id = ?", &client->doc);
    if (result != DB_OK || row[1].is_null)
        return result;
    struct bytes secret;
    result = sealed_open(keyring, arena, "clients", client->client_id, row[1].text, &secret);
    if (result == DB_OK)
        client->secret = (const char *)secret.data;
    return result;
}

/* The document of the row of id, version and created_at that was found in `table`, or was not. */
static enum db_result kept_doc(struct db_tx *tx, struct arena *arena, enum db_result result,
                               const struct db_value *row, const char *table, const char *sql,
                               yyjson_val **doc)
{
    *doc = NULL;
    if (result != DB_OK)
        return result;
    const struct doc_name name = {
        .table = table, .id = row[0].text, .version = row[1].number, .created_at = row[2].number};
    return doc_cache_read(tx, arena, &name, sql, doc);
}

enum db_result resource_server_by_identifier(struct db_tx *tx, struct arena *arena, const char *identifier,
                                             yyjson_val **doc)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT id, version, created_at FROM resource_servers WHERE identifier = ?",
               "t", identifier);
    return kept_doc(tx, arena, result, row, "resource_servers",
                    "SELECT doc, version FROM resource_servers WHERE id = ?", doc);
}

enum db_result resource_server_secret(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                      const char *id, const char **secret)
{
    *secret = NULL;
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT sealed FROM resource_servers WHERE id = ?", "t", id);
    if (result != DB_OK || row[0].is_null)
        return result == DB_OK ? DB_NOT_FOUND : result;
    struct bytes opened;
    result = sealed_open(keyring, arena, "resource_servers", id, row[0].text, &opened);
    if (result == DB_OK)
        *secret = (const char *)opened.data;
    return result;
}

enum db_result client_grant_for(struct db_tx *tx, struct arena *arena, const char *client_id,
                                const char *audience, yyjson_val **doc)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT id, version, created_at FROM client_grants WHERE client_id = ? AND audience = ?", "tt",
               client_id, audience);
    return kept_doc(tx, arena, result, row, "client_grants",
                    "SELECT doc, version FROM client_grants WHERE id = ?", doc);
}

enum db_result connection_by_name(struct db_tx *tx, struct arena *arena, const char *name, yyjson_val **doc)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT id, version, created_at FROM connections WHERE name = ? OR id = ?",
               "tt", name, name);
    return kept_doc(tx, arena, result, row, "connections",
                    "SELECT doc, version FROM connections WHERE id = ?", doc);
}

enum db_result connections_of_client(struct db_tx *tx, struct arena *arena, const char *client_id,
                                     yyjson_val ***docs, size_t *count)
{
    *count = 0;
    struct db_rows rows;
    enum db_result result = db_rows(
        tx, arena, &rows, "SELECT doc FROM connections WHERE strategy = 'auth0' ORDER BY created_at, id", "");
    if (result != DB_OK)
        return result;
    *docs = arena_calloc(arena, rows.count, sizeof **docs);
    for (size_t i = 0; i < rows.count; i++) {
        yyjson_val *doc = json_parse_own(arena, db_at(&rows, i, 0)->text);
        if (json_array_has_text(json_member(doc, "enabled_clients"), client_id))
            (*docs)[(*count)++] = doc;
    }
    return DB_OK;
}
