#include "store/clients.h"

#include "store/sealed.h"

enum db_result client_by_id(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                            const char *client_id, struct client *client)
{
    *client = (struct client){0};
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT id, sealed, doc, is_system, version FROM clients WHERE id = ?", "t",
               client_id);
    if (result != DB_OK)
        return result;
    *client = (struct client){
        .client_id = row[0].text,
        .doc = json_parse_own(arena, row[2].text),
        .is_system = row[3].number != 0,
        .version = row[4].number,
    };
    if (row[1].is_null)
        return DB_OK;
    struct bytes secret;
    result = sealed_open(keyring, arena, "clients", client->client_id, row[1].text, &secret);
    if (result == DB_OK)
        client->secret = (const char *)secret.data;
    return result;
}

/* The one column `doc` of a row that was found, or was not. */
static enum db_result doc_of(struct arena *arena, enum db_result result, const struct db_value *row,
                             yyjson_val **doc)
{
    *doc = result == DB_OK ? json_parse_own(arena, row[0].text) : NULL;
    return result;
}

enum db_result resource_server_by_identifier(struct db_tx *tx, struct arena *arena, const char *identifier,
                                             yyjson_val **doc)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT doc FROM resource_servers WHERE identifier = ?", "t", identifier);
    return doc_of(arena, result, row, doc);
}

enum db_result client_grant_for(struct db_tx *tx, struct arena *arena, const char *client_id,
                                const char *audience, yyjson_val **doc)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT doc FROM client_grants WHERE client_id = ? AND audience = ?", "tt",
               client_id, audience);
    return doc_of(arena, result, row, doc);
}

enum db_result connection_by_name(struct db_tx *tx, struct arena *arena, const char *name, yyjson_val **doc)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT doc FROM connections WHERE name = ? OR id = ?", "tt", name, name);
    return doc_of(arena, result, row, doc);
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
