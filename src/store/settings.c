#include "store/settings.h"

#include "store/sealed.h"

enum db_result settings_get(struct db_tx *tx, struct arena *arena, const char *name, yyjson_val **doc)
{
    *doc = NULL;
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, arena, &row, "SELECT doc FROM settings WHERE name = ?", "t", name);
    if (result == DB_OK)
        *doc = json_parse_own(arena, row[0].text);
    return result;
}

enum db_result settings_put(struct db_tx *tx, const char *name, const char *doc)
{
    return db_exec(
        tx, NULL,
        "INSERT INTO settings (name, doc, version) VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE SET"
        " doc = excluded.doc, version = settings.version + 1",
        "tt", name, doc);
}

enum db_result settings_get_sealed(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                   const char *name, yyjson_val **doc)
{
    *doc = NULL;
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, arena, &row, "SELECT sealed FROM settings WHERE name = ?", "t", name);
    if (result != DB_OK || row[0].is_null)
        return result != DB_OK ? result : DB_NOT_FOUND;
    struct bytes text;
    result = sealed_open(keyring, arena, "settings", name, row[0].text, &text);
    if (result != DB_OK)
        return result;
    *doc = json_parse_own(arena, (const char *)text.data);
    return DB_OK;
}

enum db_result settings_put_sealed(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                   const char *name, const char *doc)
{
    const char *sealed = sealed_make(keyring, arena, "settings", name, bytes_of_text(doc));
    return db_exec(tx, NULL,
                   "INSERT INTO settings (name, doc, sealed, version) VALUES (?, '{}', ?, 1) ON CONFLICT "
                   "(name) DO UPDATE"
                   " SET sealed = excluded.sealed, version = settings.version + 1",
                   "tt", name, sealed);
}

enum db_result settings_lock(struct db_tx *tx, struct arena *arena, const char *name)
{
    struct db_value *row = NULL;
    enum db_result result = db_exec(
        tx, NULL, "INSERT INTO settings (name, doc, version) VALUES (?, '{}', 0) ON CONFLICT DO NOTHING", "t",
        name);
    if (result != DB_OK)
        return result;
    return db_row(tx, arena, &row, "SELECT version FROM settings WHERE name = ? FOR UPDATE", "t", name);
}
