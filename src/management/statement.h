/* SQL that is put together at run time, its values bound: never a value in its text. */
#ifndef COUNTERSIGN_MANAGEMENT_STATEMENT_H
#define COUNTERSIGN_MANAGEMENT_STATEMENT_H

#include "base/buffer.h"
#include "store/db.h"

enum { STATEMENT_VALUES = 600, STATEMENT_BYTES = 64 * 1024 };

struct statement {
    struct arena *arena;
    enum db_kind kind;
    struct buffer text;
    char *types; /* a letter a value, NUL-ended */
    struct db_value *values;
    size_t count;
    size_t room;
    bool overflowed; /* too long, or too many values */
};

struct statement *statement_create(struct arena *arena, enum db_kind kind) NODISCARD;

/* Adds constant SQL; a `?` in it is bound by the next calls of statement_bind_…, in order. */
void statement_add(struct statement *statement, const char *sql);
void statement_bind_text(struct statement *statement, const char *value);
void statement_bind_number(struct statement *statement, int64_t value);

/* Appends the text and values of `part`. */
void statement_append(struct statement *statement, const struct statement *part);

/* Adds an expression for the text of a member of `doc` by its path of names; NULL for what is absent or JSON null. */
void statement_add_member(struct statement *statement, const char *const *path, size_t length);

/* A name in double quotes, as the JSON paths of both stores take it. */
const char *statement_quoted(struct arena *arena, const char *name) NODISCARD;

/* Runs it. An overflowed statement gives DB_FAILED. */
enum db_result statement_run(struct statement *statement, struct db_tx *tx, struct db_rows *rows) NODISCARD;

#endif
