#include "management/statement.h"

#include "base/log.h"

#include <string.h>

struct statement *statement_create(struct arena *arena, enum db_kind kind)
{
    struct statement *statement = arena_alloc(arena, sizeof(*statement));
    statement->arena = arena;
    statement->kind = kind;
    statement->text = buffer_create(arena, STATEMENT_BYTES);
    statement->types = arena_strdup(arena, "");
    return statement;
}

void statement_add(struct statement *statement, const char *sql)
{
    buffer_add(&statement->text, sql);
}

static void make_room(struct statement *statement)
{
    if (statement->count < statement->room) {
        return;
    }
    size_t room = statement->room == 0 ? 8 : statement->room * 2;
    struct db_value *values = arena_calloc(statement->arena, room, sizeof(*values));
    char *types = arena_alloc(statement->arena, room + 1);
    for (size_t i = 0; i < statement->count; i++) {
        values[i] = statement->values[i];
        types[i] = statement->types[i];
    }
    statement->values = values;
    statement->types = types;
    statement->room = room;
}

static void bind(struct statement *statement, char type, struct db_value value)
{
    if (statement->count >= STATEMENT_VALUES) {
        statement->overflowed = true;
        return;
    }
    make_room(statement);
    statement->types[statement->count] = type;
    statement->values[statement->count++] = value;
}

void statement_bind_text(struct statement *statement, const char *value)
{
    bind(statement, 't', (struct db_value){.text = value, .is_null = value == NULL});
}

void statement_bind_number(struct statement *statement, int64_t value)
{
    bind(statement, 'i', (struct db_value){.number = value});
}

void statement_append(struct statement *statement, const struct statement *part)
{
    struct buffer text = part->text;
    statement_add(statement, buffer_text(&text));
    statement->overflowed = statement->overflowed || part->overflowed || part->text.overflowed;
    for (size_t i = 0; i < part->count; i++) {
        bind(statement, part->types[i], part->values[i]);
    }
}

const char *statement_quoted(struct arena *arena, const char *name)
{
    struct buffer quoted = buffer_create(arena, 2048);
    buffer_add_char(&quoted, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            buffer_add_char(&quoted, '\\');
        }
        buffer_add_char(&quoted, *name);
    }
    buffer_add_char(&quoted, '"');
    return buffer_text(&quoted);
}

void statement_add_member(struct statement *statement, const char *const *names, size_t length)
{
    bool sqlite = statement->kind == DB_SQLITE;
    struct buffer path = buffer_create(statement->arena, 4096);
    buffer_add(&path, sqlite ? "$" : "{");
    for (size_t i = 0; i < length; i++) {
        buffer_add(&path, sqlite ? "." : i > 0 ? "," : "");
        buffer_add(&path, statement_quoted(statement->arena, names[i]));
    }
    buffer_add(&path, sqlite ? "" : "}");
    const char *text = buffer_text(&path);
    statement->overflowed = statement->overflowed || path.overflowed;
    if (!sqlite) {
        statement_add(statement, "(doc::jsonb #>> CAST(? AS text[]))");
        statement_bind_text(statement, text);
        return;
    }
    /* SQLite would give a boolean as 0 or 1, and a number with a type that no text equals. */
    statement_add(statement, "(CASE json_type(doc, ?) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
                             "ELSE CAST(doc ->> ? AS TEXT) END)");
    statement_bind_text(statement, text);
    statement_bind_text(statement, text);
}

enum db_result statement_run(struct statement *statement, struct db_tx *tx, struct db_rows *rows)
{
    if (statement->overflowed || statement->text.overflowed) {
        LOG_WARN("management.statement_too_long");
        return DB_FAILED;
    }
    return db_rows_dynamic(tx, statement->arena, rows, buffer_text(&statement->text), statement->types,
                           statement->values);
}
