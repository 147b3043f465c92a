/* What a searched field means in SQL, on both stores. Values are always bound; only names from the lists here are not. */
#include "management/search.h"
#include "management/users.h"
#include "store/users.h"

#include <stdlib.h>
#include <string.h>

enum { MAXIMUM_PATH = 8 };

static const struct {
    const char *name;
    bool folded; /* compares without case */
    bool is_time;
    bool is_number;
} fields[] = {
    {"user_id", false, false, false},        {"email", true, false, false},
    {"email_verified", false, false, false}, {"name", true, false, false},
    {"given_name", true, false, false},      {"family_name", true, false, false},
    {"nickname", true, false, false},        {"username", false, false, false},
    {"phone_number", false, false, false},   {"phone_verified", false, false, false},
    {"blocked", false, false, false},        {"created_at", false, true, false},
    {"updated_at", false, true, false},      {"last_login", false, true, false},
    {"last_ip", false, false, false},        {"logins_count", false, false, true},
};

/* Members that a term without a field is compared with: never metadata. */
static const char *const profile_fields[] = {"name",        "email",    "nickname",     "given_name",
                                             "family_name", "username", "phone_number", "user_id"};

static const char *const nested[] = {"identities.", "app_metadata.", "user_metadata."};

static int field_index(const char *field)
{
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        if (strcmp(fields[i].name, field) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_nested(const char *field)
{
    for (size_t i = 0; i < ARRAY_LENGTH(nested); i++) {
        if (strncmp(field, nested[i], strlen(nested[i])) == 0 && field[strlen(nested[i])] != '\0') {
            return true;
        }
    }
    return false;
}

bool search_field_known(const char *field)
{
    return field_index(field) >= 0 || strcmp(field, "email.domain") == 0 ||
           (is_nested(field) && strpbrk(field, "\"\\") == NULL);
}

static const char *fault_of_field(struct arena *arena, const char *field)
{
    return arena_printf(arena, "Users cannot be searched by the field %.100s.", field);
}

static size_t split_path(struct arena *arena, const char *field, const char *names[MAXIMUM_PATH])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(arena_strdup(arena, field), ".", &rest); name != NULL && count < MAXIMUM_PATH;
         name = strtok_r(NULL, ".", &rest)) {
        names[count++] = name;
    }
    return count;
}

/* --- what is compared: an expression, and around it what finds it --- */

/*
 * Opens "EXISTS (SELECT 1 FROM … WHERE " for a field inside identities or metadata, looking through arrays on the way; the
 * text found is the expression `item` of either store, and the caller closes the parenthesis.
 */
static void open_nested(struct statement *sql, const char *field)
{
    const char *names[MAXIMUM_PATH];
    size_t count = split_path(sql->arena, field, names);
    statement_add(sql, "EXISTS (SELECT 1 FROM ");
    if (sql->kind == DB_POSTGRES) {
        struct buffer path = buffer_create(sql->arena, 4096);
        buffer_add(&path, "lax $");
        for (size_t i = 0; i < count; i++) {
            buffer_printf(&path, ".%s", statement_quoted(sql->arena, names[i]));
        }
        buffer_add(&path, "[*]");
        statement_add(sql, "jsonb_path_query(doc::jsonb, CAST(? AS jsonpath)) AS item(value) WHERE ");
        statement_bind_text(sql, buffer_text(&path));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(sql->arena, "$.%s", statement_quoted(sql->arena, names[i]));
        if (i == 0) {
            statement_add(sql, "json_tree('[' || (doc -> ?) || ']') AS item0");
        } else {
            statement_add(
                sql,
                arena_printf(sql->arena,
                             ", json_tree('[' || CASE item%zu.type WHEN 'object' THEN item%zu.value -> ? END "
                             "|| ']') AS item%zu",
                             i - 1, i - 1, i));
        }
        statement_bind_text(sql, path);
    }
    statement_add(sql, " WHERE ");
    for (size_t i = 0; i < count; i++) {
        statement_add(
            sql,
            arena_printf(sql->arena,
                         "((item%zu.path = '$' AND item%zu.type <> 'array') OR (item%zu.path = '$[0]' AND "
                         "typeof(item%zu.key) = 'integer')) AND ",
                         i, i, i, i));
    }
}

static void add_nested_text(struct statement *sql, const char *field)
{
    const char *names[MAXIMUM_PATH];
    size_t last = split_path(sql->arena, field, names) - 1;
    if (sql->kind == DB_POSTGRES) {
        statement_add(sql, "(item.value #>> '{}')");
        return;
    }
    statement_add(
        sql, arena_printf(
                 sql->arena,
                 "(CASE item%zu.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN NULL "
                 "ELSE CAST(item%zu.value AS TEXT) END)",
                 last, last));
}

/* The field's text as an expression. */
static void add_text(struct statement *sql, const char *field, bool folded)
{
    statement_add(sql, folded ? "lower(" : "");
    if (strcmp(field, "user_id") == 0) {
        statement_add(sql, "user_id");
    } else if (is_nested(field)) {
        add_nested_text(sql, field);
    } else {
        statement_add_member(sql, &field, 1);
    }
    statement_add(sql, folded ? ")" : "");
}

static void open_field(struct statement *sql, const char *field)
{
    if (is_nested(field)) {
        open_nested(sql, field);
    } else {
        statement_add(sql, "COALESCE((");
    }
}

static void close_field(struct statement *sql, const char *field)
{
    statement_add(sql, is_nested(field) ? ")" : "), FALSE)");
}

/* --- conditions --- */

static bool has_wildcard(struct search_value value)
{
    for (size_t i = 0; value.wildcards != NULL && value.text[i] != '\0'; i++) {
        if (value.wildcards[i]) {
            return true;
        }
    }
    return false;
}

/* A LIKE pattern in which only the query's own `*` is a wildcard (known-faults A12). */
static const char *like_pattern(struct arena *arena, struct search_value value)
{
    struct buffer pattern = buffer_create(arena, 16 * 1024);
    for (size_t i = 0; value.text[i] != '\0'; i++) {
        if (value.wildcards != NULL && value.wildcards[i]) {
            buffer_add_char(&pattern, '%');
            continue;
        }
        if (strchr("%_\\", value.text[i]) != NULL) {
            buffer_add_char(&pattern, '\\');
        }
        buffer_add_char(&pattern, value.text[i]);
    }
    return buffer_text(&pattern);
}

static bool check_wildcard(const char *field, struct search_value value, const char **fault)
{
    if (strncmp(field, "user_metadata", 13) == 0) {
        *fault = "Wildcards cannot be used with user_metadata.";
        return false;
    }
    if (value.wildcards == NULL) {
        return true;
    }
    size_t literal = 0;
    for (size_t i = 1; value.text[i] != '\0'; i++) {
        literal += !value.wildcards[i];
    }
    if (value.wildcards[0] && literal < 3) {
        *fault = "A leading wildcard needs at least three characters after it.";
        return false;
    }
    return true;
}

/* The column, with an index, that holds a field in small letters; NULL where there is none. */
static const char *key_column(const char *field, struct search_value value)
{
    static const char *const names[] = {"name", "given_name", "family_name", "nickname"};
    static const char *const columns[] = {"name_key", "given_name_key", "family_name_key", "nickname_key"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(field, names[i]) == 0) {
            return columns[i];
        }
    }
    /* An address's host is kept in its ASCII form: a pattern that may reach into it looks at the address itself. */
    bool is_start = has_wildcard(value) && !value.wildcards[0] && strchr(value.text, '@') == NULL;
    return strcmp(field, "email") == 0 && is_start ? "email_key" : NULL;
}

/* Conditions that a column answers; false where the document has to. */
static bool add_equals_by_column(struct statement *sql, const char *field, struct search_value value)
{
    bool wildcard = has_wildcard(value);
    const char *column = key_column(field, value);
    const char *text = column != NULL ? profile_key(sql->arena, value.text) : value.text;
    if (!wildcard && strcmp(field, "email") == 0) {
        column = "email_key";
        text = email_canonical(sql->arena, value.text);
    } else if (!wildcard && strcmp(field, "user_id") == 0) {
        column = "user_id";
    } else if (!wildcard && strcmp(field, "identities.connection") == 0) {
        column = "connection"; /* a user has one identity, that of its connection */
    }
    if (column == NULL || text == NULL) {
        return false;
    }
    if (wildcard) {
        text = like_pattern(sql->arena, (struct search_value){text, value.wildcards});
    }
    statement_add(sql, arena_printf(sql->arena, "(%s IS NOT NULL AND %s %s)", column, column,
                                    wildcard ? "LIKE ? ESCAPE '\\'" : "= ?"));
    statement_bind_text(sql, text);
    return true;
}

/* Whether a user may have that value there: what has no canonical form is no address, user name or number of anyone. */
static bool may_match(struct arena *arena, const char *field, struct search_value value)
{
    if (has_wildcard(value)) {
        return true;
    }
    return strcmp(field, "email") == 0          ? email_canonical(arena, value.text) != NULL
           : strcmp(field, "username") == 0     ? username_canonical(arena, value.text) != NULL
           : strcmp(field, "phone_number") == 0 ? phone_canonical(arena, value.text) != NULL
                                                : true;
}

/* Names that people log in by compare exactly, but are found by their keys. */
static void narrow_by_key(struct statement *sql, const char *field, struct search_value value)
{
    bool is_username = strcmp(field, "username") == 0;
    bool is_phone = strcmp(field, "phone_number") == 0;
    if (has_wildcard(value) || (!is_username && !is_phone)) {
        return;
    }
    const char *column = is_username ? "username_key" : "phone_key";
    statement_add(sql, arena_printf(sql->arena, "%s IS NOT NULL AND %s = ? AND ", column, column));
    statement_bind_text(sql, is_username ? username_canonical(sql->arena, value.text)
                                         : phone_canonical(sql->arena, value.text));
}

static void add_equals(struct statement *sql, const char *field, struct search_value value)
{
    int index = field_index(field);
    bool folded = index >= 0 && fields[index].folded;
    bool wildcard = has_wildcard(value);
    if (!may_match(sql->arena, field, value)) {
        statement_add(sql, "FALSE");
        return;
    }
    if (add_equals_by_column(sql, field, value)) {
        return;
    }
    statement_add(sql, "(");
    narrow_by_key(sql, field, value);
    open_field(sql, field);
    add_text(sql, field, folded);
    statement_add(sql, wildcard ? (folded ? " LIKE lower(?) ESCAPE '\\'" : " LIKE ? ESCAPE '\\'")
                       : folded ? " = lower(?)"
                                : " = ?");
    statement_bind_text(sql, wildcard ? like_pattern(sql->arena, value) : value.text);
    close_field(sql, field);
    statement_add(sql, ")");
}

/* email.domain: what follows the @, whole or with wildcards. */
static void add_domain(struct statement *sql, struct search_value value)
{
    size_t length = strlen(value.text);
    bool *wildcards = arena_calloc(sql->arena, length + 3, sizeof(*wildcards));
    wildcards[0] = true;
    for (size_t i = 0; value.wildcards != NULL && i < length; i++) {
        wildcards[i + 2] = value.wildcards[i];
    }
    add_equals(sql, "email", (struct search_value){arena_printf(sql->arena, "*@%s", value.text), wildcards});
}

static struct statement *equals_any(struct arena *arena, enum db_kind kind, struct search_value value,
                                    const char **fault)
{
    struct statement *sql = statement_create(arena, kind);
    if (has_wildcard(value) && !check_wildcard("", value, fault)) {
        return NULL;
    }
    statement_add(sql, "(");
    const char *separator = "";
    for (size_t i = 0; i < ARRAY_LENGTH(profile_fields); i++) {
        if (may_match(arena, profile_fields[i], value)) {
            statement_add(sql, separator);
            add_equals(sql, profile_fields[i], value);
            separator = " OR ";
        }
    }
    statement_add(sql, ")");
    return sql;
}

struct statement *search_equals(struct arena *arena, enum db_kind kind, const char *field,
                                struct search_value value, const char **fault)
{
    if (field == NULL) {
        return equals_any(arena, kind, value, fault);
    }
    if (!search_field_known(field)) {
        *fault = fault_of_field(arena, field);
        return NULL;
    }
    bool everything = has_wildcard(value) && value.wildcards[0] && value.text[1] == '\0';
    if (everything) {
        return search_exists(arena, kind, field, fault);
    }
    if (has_wildcard(value) && !check_wildcard(field, value, fault)) {
        return NULL;
    }
    struct statement *sql = statement_create(arena, kind);
    if (strcmp(field, "email.domain") == 0) {
        add_domain(sql, value);
    } else {
        add_equals(sql, field, value);
    }
    return sql;
}

static bool is_number(const char *text)
{
    char *end = NULL;
    if (text == NULL) {
        return true;
    }
    (void)strtod(text, &end);
    return *text != '\0' && *end == '\0';
}

/* A bound that names a day includes the whole of it: "~" sorts behind every time of that day. */
static void add_bound(struct statement *sql, const char *field, const char *bound, bool upper, bool inclusive,
                      bool numeric)
{
    int index = field_index(field);
    bool whole_day = index >= 0 && fields[index].is_time && upper == inclusive;
    if (bound == NULL) {
        return;
    }
    statement_add(sql, numeric ? " AND CAST(" : " AND ");
    add_text(sql, field, false);
    statement_add(sql, numeric ? (sql->kind == DB_POSTGRES ? " AS numeric)" : " AS REAL)") : "");
    statement_add(sql, upper ? (inclusive ? " <= " : " < ") : inclusive ? " >= " : " > ");
    statement_add(sql, !numeric ? "?" : sql->kind == DB_POSTGRES ? "CAST(? AS numeric)" : "CAST(? AS REAL)");
    statement_bind_text(sql, whole_day ? arena_printf(sql->arena, "%s~", bound) : bound);
}

/* What is no number is left out before the cast: PostgreSQL would stumble, SQLite would take it for 0. */
static void add_numeric_guard(struct statement *sql, const char *field)
{
    if (sql->kind != DB_POSTGRES) {
        const char *names[MAXIMUM_PATH];
        size_t last = split_path(sql->arena, field, names) - 1;
        statement_add(sql, is_nested(field)
                               ? arena_printf(sql->arena, " AND item%zu.type IN ('integer', 'real')", last)
                               : "");
        return;
    }
    statement_add(sql, " AND ");
    add_text(sql, field, false);
    statement_add(sql, " ~ '^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$'");
}

struct statement *search_within(struct arena *arena, enum db_kind kind, const char *field,
                                const struct search_range *range, const char **fault)
{
    int index = field_index(field);
    if (!search_field_known(field)) {
        *fault = fault_of_field(arena, field);
        return NULL;
    }
    if (strncmp(field, "user_metadata", 13) == 0) {
        *fault = "Ranges cannot be used with user_metadata.";
        return NULL;
    }
    bool numeric = is_number(range->from) && is_number(range->to) && (index < 0 || fields[index].is_number);
    struct statement *sql = statement_create(arena, kind);
    open_field(sql, field);
    statement_add(sql, numeric && kind == DB_POSTGRES ? "CASE WHEN TRUE" : "TRUE");
    if (numeric) {
        add_numeric_guard(sql, field);
        statement_add(sql, kind == DB_POSTGRES ? " THEN TRUE" : "");
    }
    add_bound(sql, field, range->from, false, range->includes_from, numeric);
    add_bound(sql, field, range->to, true, range->includes_to, numeric);
    if (numeric && kind == DB_POSTGRES) {
        statement_add(sql, " ELSE FALSE END");
    } else {
        statement_add(sql, " AND ");
        add_text(sql, field, false);
        statement_add(sql, " IS NOT NULL");
    }
    close_field(sql, field);
    return sql;
}

struct statement *search_exists(struct arena *arena, enum db_kind kind, const char *field, const char **fault)
{
    const char *names[MAXIMUM_PATH];
    struct statement *sql = statement_create(arena, kind);
    if (!search_field_known(field) || strcmp(field, "email.domain") == 0) {
        *fault = fault_of_field(arena, field);
        return NULL;
    }
    if (strncmp(field, "identities.", 11) == 0) {
        open_nested(sql, field);
        add_nested_text(sql, field);
        statement_add(sql, " IS NOT NULL)");
        return sql;
    }
    size_t count = split_path(arena, field, names);
    statement_add(sql, "COALESCE(");
    statement_add_member(sql, names, count);
    statement_add(sql, " NOT IN ('{}', '[]'), FALSE)");
    return sql;
}

bool search_sort(struct statement *order, const char *sort)
{
    const char *names[MAXIMUM_PATH];
    const char *colon = strrchr(sort, ':');
    if (colon == NULL) {
        return false;
    }
    char *field = arena_strndup(order->arena, sort, (size_t)(colon - sort));
    bool down = colon[1] == '-';
    if (strcmp(field, "created_at") == 0) {
        statement_add(order, down ? "created_at DESC, user_id DESC" : "created_at, user_id");
        return true;
    }
    bool metadata = strncmp(field, "app_metadata.", 13) == 0 || strncmp(field, "user_metadata.", 14) == 0;
    size_t count = split_path(order->arena, field, names);
    if (count == 0 || (count > 1 && !metadata)) {
        return false;
    }
    if (strcmp(field, "user_id") == 0) {
        statement_add(order, "user_id");
    } else if (strcmp(field, "logins_count") == 0) {
        statement_add(order, "CAST(");
        statement_add_member(order, names, 1);
        statement_add(order, " AS BIGINT)");
    } else {
        statement_add_member(order, names, count);
    }
    /* Absent values last, whichever way it goes: the stores would differ otherwise. */
    statement_add(order, down ? " DESC NULLS LAST, user_id DESC" : " NULLS LAST, user_id");
    return true;
}
