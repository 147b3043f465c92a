#include "crypto/digest.h"
#include "store/authenticators.h"

#define TICKET_COLUMNS "id, user_id, doc, created_at, expires_at, used_at, voided_at"

static void read_ticket(struct arena *arena, const struct db_value *row, struct enrollment_ticket *out)
{
    *out = (struct enrollment_ticket){
        .id = row[0].text,
        .user_id = row[1].text,
        .doc = json_parse_own(arena, row[2].text),
        .created_at = row[3].number,
        .expires_at = row[4].number,
        .used_at = row[5].number,
        .voided_at = row[6].number,
    };
}

enum db_result enrollment_ticket_insert(struct db_tx *tx, const char *ticket,
                                        const struct enrollment_ticket *values, const char *doc)
{
    struct arena *arena = arena_create();
    enum db_result result =
        db_exec(tx, NULL,
                "INSERT INTO enrollment_tickets (ticket_hash, id, user_id, doc, created_at, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                "ttttii", token_hash(arena, ticket), values->id, values->user_id, doc, values->created_at,
                values->expires_at);
    arena_destroy(&arena);
    return result;
}

enum db_result enrollment_ticket_by_secret(struct db_tx *tx, struct arena *arena, const char *ticket,
                                           struct enrollment_ticket *out)
{
    *out = (struct enrollment_ticket){0};
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT " TICKET_COLUMNS " FROM enrollment_tickets WHERE ticket_hash = ?",
               "t", token_hash(arena, ticket));
    if (result == DB_OK)
        read_ticket(arena, row, out);
    return result;
}

enum db_result enrollment_ticket_use(struct db_tx *tx, const char *ticket_hash, int64_t now)
{
    struct arena *arena = arena_create();
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row,
               "UPDATE enrollment_tickets SET used_at = ? WHERE ticket_hash = ? AND used_at IS NULL"
               " AND voided_at IS NULL AND expires_at > ? RETURNING user_id, doc",
               "iti", now, ticket_hash, now);
    if (result == DB_OK &&
        !json_bool(json_parse_own(arena, row[1].text), "allow_multiple_enrollments", false))
        result = db_exec(tx, NULL,
                         "UPDATE enrollment_tickets SET voided_at = ? WHERE user_id = ? AND used_at IS NULL"
                         " AND voided_at IS NULL",
                         "it", now, row[0].text);
    arena_destroy(&arena);
    return result;
}

enum db_result enrollment_tickets_open(struct db_tx *tx, struct arena *arena, const char *user_id,
                                       int64_t now, struct enrollment_ticket **list, size_t *count)
{
    *list = NULL;
    *count = 0;
    struct db_rows rows;
    enum db_result result =
        db_rows(tx, arena, &rows,
                "SELECT " TICKET_COLUMNS " FROM enrollment_tickets WHERE user_id = ? AND used_at IS NULL"
                " AND voided_at IS NULL AND expires_at > ? ORDER BY created_at, id",
                "ti", user_id, now);
    if (result != DB_OK)
        return result;
    *list = arena_calloc(arena, rows.count, sizeof **list);
    *count = rows.count;
    for (size_t i = 0; i < rows.count; i++)
        read_ticket(arena, db_at(&rows, i, 0), &(*list)[i]);
    return DB_OK;
}

enum db_result enrollment_ticket_void(struct db_tx *tx, const char *id, int64_t now)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed,
                "UPDATE enrollment_tickets SET voided_at = ? WHERE id = ? AND used_at IS NULL"
                " AND voided_at IS NULL",
                "it", now, id);
    return result == DB_OK && changed == 0 ? DB_NOT_FOUND : result;
}
