#include "store/users.h"

#include "base/clock.h"
#include "base/log.h"

#define USER_COLUMNS "user_id, connection, doc, version, created_at"

static void read_user(struct arena *arena, const struct db_value *row, struct user *user)
{
    *user = (struct user){
        .user_id = row[0].text,
        .connection = row[1].text,
        .doc = json_parse_own(arena, row[2].text),
        .version = row[3].number,
        .created_at = row[4].number,
    };
}

static enum db_result one_user(struct arena *arena, enum db_result result, const struct db_value *row,
                               struct user *user)
{
    *user = (struct user){0};
    if (result == DB_OK)
        read_user(arena, row, user);
    return result;
}

enum db_result user_by_id(struct db_tx *tx, struct arena *arena, const char *user_id, struct user *user)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT " USER_COLUMNS " FROM users WHERE user_id = ?", "t", user_id);
    return one_user(arena, result, row, user);
}

enum db_result user_by_login(struct db_tx *tx, struct arena *arena, const char *connection,
                             const char *identifier, struct user *user)
{
    struct db_value *row = NULL;
    enum db_result result = DB_NOT_FOUND;
    *user = (struct user){0};
    const char *email = email_canonical(arena, identifier);
    if (email != NULL)
        result = db_row(tx, arena, &row,
                        "SELECT " USER_COLUMNS " FROM users WHERE connection = ? AND email_key = ?", "tt",
                        connection, email);
    const char *phone = phone_canonical(arena, identifier);
    if (result == DB_NOT_FOUND && phone != NULL)
        result = db_row(tx, arena, &row,
                        "SELECT " USER_COLUMNS " FROM users WHERE connection = ? AND phone_key = ?", "tt",
                        connection, phone);
    const char *username = username_canonical(arena, identifier);
    if (result == DB_NOT_FOUND && username != NULL)
        result = db_row(tx, arena, &row,
                        "SELECT " USER_COLUMNS " FROM users WHERE connection = ? AND username_key = ?", "tt",
                        connection, username);
    return one_user(arena, result, row, user);
}

enum db_result users_by_email(struct db_tx *tx, struct arena *arena, const char *email, struct user **users,
                              size_t *count)
{
    *users = NULL;
    *count = 0;
    const char *key = email_canonical(arena, email);
    if (key == NULL)
        return DB_OK;
    struct db_rows rows;
    enum db_result result = db_rows(
        tx, arena, &rows,
        "SELECT " USER_COLUMNS " FROM users WHERE email_key = ? ORDER BY created_at, user_id", "t", key);
    if (result != DB_OK)
        return result;
    *users = arena_calloc(arena, rows.count, sizeof **users);
    *count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        read_user(arena, db_at(&rows, i, 0), &(*users)[i]);
    return DB_OK;
}

struct user_keys {
    const char *email;
    const char *username;
    const char *phone;
    const char *name;
    const char *given_name;
    const char *family_name;
    const char *nickname;
};

/* The keys of a document; false where a member that needs a canonical form has none. */
static bool keys_of(struct arena *arena, yyjson_mut_doc *doc, const char *user_id, struct user_keys *keys)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *email = json_mut_text(root, "email");
    const char *username = json_mut_text(root, "username");
    keys->email = email_canonical(arena, email);
    keys->username = username_canonical(arena, username);
    keys->phone = phone_canonical(arena, json_mut_text(root, "phone_number"));
    keys->name = profile_key(arena, json_mut_text(root, "name"));
    keys->given_name = profile_key(arena, json_mut_text(root, "given_name"));
    keys->family_name = profile_key(arena, json_mut_text(root, "family_name"));
    keys->nickname = profile_key(arena, json_mut_text(root, "nickname"));
    if ((email == NULL || keys->email != NULL) && (username == NULL || keys->username != NULL))
        return true;
    LOG_ERROR("store.user_without_canonical_form", LOG_TEXT("user_id", user_id));
    return false;
}

/* Counters have a row for each slot, so that signups at the same time do not wait for one another's commit. */
static enum db_result count_users(struct db_tx *tx, const char *connection, int64_t change)
{
    return db_exec(
        tx, NULL,
        "INSERT INTO user_counts (connection, slot, total) VALUES (?, ?, ?) ON CONFLICT (connection, slot) DO"
        " UPDATE SET total = user_counts.total + excluded.total",
        "tii", connection, (int64_t)db_tx_slot(tx), change);
}

enum db_result users_count(struct db_tx *tx, struct arena *arena, int64_t *count)
{
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, arena, &row,
                                   "SELECT COALESCE(SUM(total), 0) FROM user_counts WHERE connection NOT IN"
                                   " (SELECT name FROM connections WHERE is_system = 1)",
                                   "");
    *count = result == DB_OK ? row[0].number : 0;
    return result;
}

enum db_result user_insert(struct db_tx *tx, struct arena *arena, const char *user_id, const char *connection,
                           yyjson_mut_doc *doc)
{
    struct user_keys keys;
    if (!keys_of(arena, doc, user_id, &keys))
        return DB_FAILED;
    enum db_result result =
        db_exec(tx, NULL,
                "INSERT INTO users (user_id, connection, email_key, username_key, phone_key, name_key, "
                "given_name_key,"
                " family_name_key, nickname_key, doc, version, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
                "?, ?, 1, ?)",
                "tttttttttti", user_id, connection, keys.email, keys.username, keys.phone, keys.name,
                keys.given_name, keys.family_name, keys.nickname, json_write_doc(arena, doc), clock_now_ms());
    return result == DB_OK ? count_users(tx, connection, 1) : result;
}

enum db_result user_update(struct db_tx *tx, struct arena *arena, const char *user_id, int64_t version,
                           yyjson_mut_doc *doc)
{
    struct user_keys keys;
    if (!keys_of(arena, doc, user_id, &keys))
        return DB_FAILED;
    int64_t changed = 0;
    enum db_result result = db_exec(
        tx, &changed,
        "UPDATE users SET email_key = ?, username_key = ?, phone_key = ?, name_key = ?, given_name_key = ?,"
        " family_name_key = ?, nickname_key = ?, doc = ?, version = version + 1 WHERE user_id = ? AND "
        "version = ?",
        "ttttttttti", keys.email, keys.username, keys.phone, keys.name, keys.given_name, keys.family_name,
        keys.nickname, json_write_doc(arena, doc), user_id, version);
    return result == DB_OK && changed == 0 ? DB_NOT_FOUND : result;
}

enum db_result user_delete(struct db_tx *tx, const char *user_id)
{
    static const char *const statements[] = {
        "DELETE FROM passwords WHERE user_id = ?",
        "DELETE FROM authenticators WHERE user_id = ?",
        "DELETE FROM challenges WHERE user_id = ?",
        "DELETE FROM push_challenges WHERE user_id = ?",
        "DELETE FROM enrollment_tickets WHERE user_id = ?",
        "DELETE FROM remembered_browsers WHERE user_id = ?",
        "DELETE FROM mfa_transactions WHERE user_id = ?",
        "DELETE FROM mfa_tokens WHERE user_id = ?",
        "DELETE FROM oob_codes WHERE user_id = ?",
        "DELETE FROM backchannel_logins WHERE user_id = ?",
        "DELETE FROM sessions WHERE user_id = ?",
        "DELETE FROM access_tokens WHERE user_id = ?",
        "DELETE FROM tickets WHERE user_id = ?",
    };
    struct arena *arena = arena_create();
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "DELETE FROM users WHERE user_id = ? RETURNING connection", "t", user_id);
    if (result == DB_OK)
        result = count_users(tx, row[0].text, -1);
    for (size_t i = 0; i < ARRAY_LENGTH(statements) && result == DB_OK; i++)
        result = db_exec(tx, NULL, statements[i], "t", user_id);
    arena_destroy(&arena);
    return result;
}

enum db_result user_password(struct db_tx *tx, struct arena *arena, const char *user_id, const char **hash)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT hash FROM passwords WHERE user_id = ?", "t", user_id);
    *hash = result == DB_OK ? row[0].text : NULL;
    return result;
}

enum db_result user_password_put(struct db_tx *tx, const char *user_id, const char *hash)
{
    return db_exec(tx, NULL,
                   "INSERT INTO passwords (user_id, hash, changed_at) VALUES (?, ?, ?) ON CONFLICT (user_id) "
                   "DO UPDATE SET"
                   " hash = excluded.hash, changed_at = excluded.changed_at",
                   "tti", user_id, hash, clock_now_ms());
}
