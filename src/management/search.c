/*
 * The Lucene subset of user search v3: field:value, field:"phrase", terms, AND OR NOT -, groups, _exists_, ranges, `*`.
 * Operators are resolved with two stacks, not by recursion: the text is an outsider's.
 */
#include "management/search.h"

#include "management/users.h"

#include <string.h>
#include <strings.h>

enum { MAXIMUM_QUERY = 4096, MAXIMUM_DEPTH = 128 };

enum joint { OPEN = 0, OR = 1, AND = 2, NOT = 3 };

struct level {
    enum joint joint;
    const char *field; /* OPEN: the field that the group is for; NULL: none */
};

struct search {
    struct arena *arena;
    enum db_kind kind;
    const char *at;
    struct level operators[MAXIMUM_DEPTH];
    size_t operator_count;
    struct statement *operands[MAXIMUM_DEPTH];
    size_t operand_count;
    bool after_operand;
    const char *fault;
};

static bool refuse(struct search *s, const char *fault)
{
    if (s->fault == NULL) {
        s->fault = fault;
    }
    return false;
}

static bool push_operand(struct search *s, struct statement *operand)
{
    if (operand == NULL || s->operand_count == MAXIMUM_DEPTH) {
        return refuse(s, "The query has too many parts.");
    }
    s->operands[s->operand_count++] = operand;
    s->after_operand = true;
    return true;
}

/* Applies the operator on top to the operands on top. */
static bool reduce(struct search *s)
{
    enum joint joint = s->operators[--s->operator_count].joint;
    size_t needed = joint == NOT ? 1 : 2;
    if (s->operand_count < needed) {
        return refuse(s, "The query has an operator without an operand.");
    }
    struct statement *joined = statement_create(s->arena, s->kind);
    struct statement *second = s->operands[--s->operand_count];
    if (joint == NOT) {
        statement_add(joined, "NOT ");
        statement_append(joined, second);
    } else {
        statement_add(joined, "(");
        statement_append(joined, s->operands[--s->operand_count]);
        statement_add(joined, joint == AND ? " AND " : " OR ");
        statement_append(joined, second);
        statement_add(joined, ")");
    }
    return !joined->overflowed ? push_operand(s, joined) : refuse(s, "The query is too long.");
}

static bool push_operator(struct search *s, enum joint joint, const char *field)
{
    bool prefix = joint == OPEN || joint == NOT;
    while (!prefix && s->operator_count > 0 && s->operators[s->operator_count - 1].joint >= joint) {
        if (!reduce(s)) {
            return false;
        }
    }
    if (s->operator_count == MAXIMUM_DEPTH) {
        return refuse(s, "The query is nested too deeply.");
    }
    s->operators[s->operator_count++] = (struct level){joint, field};
    s->after_operand = false;
    return true;
}

/* Two clauses side by side are joined by OR, as Lucene does by default. */
static bool before_clause(struct search *s)
{
    return !s->after_operand || push_operator(s, OR, NULL);
}

static bool close_group(struct search *s)
{
    while (s->operator_count > 0 && s->operators[s->operator_count - 1].joint != OPEN) {
        if (!reduce(s)) {
            return false;
        }
    }
    if (s->operator_count == 0 || !s->after_operand) {
        return refuse(s, "The query has an unmatched or empty parenthesis.");
    }
    s->operator_count--;
    return true;
}

static bool ends_word(char c, bool in_value)
{
    return c == '\0' || strchr(" \t\r\n()\"[]{}", c) != NULL || (c == ':' && !in_value);
}

/* A word up to the next special character, its escapes resolved. */
static struct search_value read_word(struct search *s, bool in_value)
{
    size_t room = 1, size = 0;
    while (!ends_word(s->at[room - 1], in_value)) {
        room += s->at[room - 1] == '\\' && s->at[room] != '\0' ? 2 : 1;
    }
    char *text = arena_alloc(s->arena, room);
    bool *wildcards = arena_calloc(s->arena, room, sizeof(*wildcards));
    while (!ends_word(*s->at, in_value)) {
        bool escaped = s->at[0] == '\\' && s->at[1] != '\0';
        s->at += escaped;
        wildcards[size] = *s->at == '*' && !escaped;
        text[size++] = *s->at++;
    }
    return (struct search_value){text, wildcards};
}

/* What stands in quotes is meant as it is: no wildcards (known-faults A12). */
static bool read_phrase(struct search *s, struct search_value *value)
{
    *value = (struct search_value){"", NULL};
    size_t room = 1, size = 0;
    while (s->at[room] != '"' && s->at[room] != '\0') {
        room += s->at[room] == '\\' && s->at[room + 1] != '\0' ? 2 : 1;
    }
    char *text = arena_alloc(s->arena, room + 1);
    for (s->at++; *s->at != '"'; s->at++) {
        if (s->at[0] == '\\' && s->at[1] != '\0') {
            s->at++;
        }
        if (*s->at == '\0') {
            return refuse(s, "The query has an unmatched quote.");
        }
        text[size++] = *s->at;
    }
    s->at++;
    *value = (struct search_value){text, NULL};
    return true;
}

static void skip_spaces(struct search *s)
{
    s->at += strspn(s->at, " \t\r\n");
}

static bool read_bound(struct search *s, const char **bound)
{
    struct search_value value;
    skip_spaces(s);
    if (*s->at == '"') {
        if (!read_phrase(s, &value)) {
            return false;
        }
        *bound = value.text;
        return true;
    }
    value = read_word(s, true);
    *bound = value.wildcards[0] && value.text[1] == '\0' ? NULL : value.text;
    return value.text[0] != '\0' || refuse(s, "The query has a range without a bound.");
}

/* [a TO b], {a TO b} and their mixtures. */
static bool read_range(struct search *s, const char *field)
{
    struct search_range range = {.includes_from = *s->at++ == '['};
    if (!read_bound(s, &range.from)) {
        return false;
    }
    skip_spaces(s);
    if (strncmp(s->at, "TO", 2) != 0) {
        return refuse(s, "The query has a range without TO.");
    }
    s->at += 2;
    if (!read_bound(s, &range.to)) {
        return false;
    }
    skip_spaces(s);
    if (*s->at != ']' && *s->at != '}') {
        return refuse(s, "The query has a range without an end.");
    }
    range.includes_to = *s->at++ == ']';
    return push_operand(s, search_within(s->arena, s->kind, field, &range, &s->fault));
}

/* The field of the innermost group that has one: field:("a" OR "b"). */
static const char *group_field(const struct search *s)
{
    for (size_t i = s->operator_count; i > 0; i--) {
        if (s->operators[i - 1].joint == OPEN && s->operators[i - 1].field != NULL) {
            return s->operators[i - 1].field;
        }
    }
    return NULL;
}

/* What follows `field:`. */
static bool read_field(struct search *s, const char *field)
{
    struct search_value value;
    skip_spaces(s);
    if (strcmp(field, "_exists_") == 0) {
        value = read_word(s, true);
        return push_operand(s, search_exists(s->arena, s->kind, value.text, &s->fault));
    }
    if (*s->at == '(') {
        s->at++;
        return push_operator(s, OPEN, field);
    }
    if (*s->at == '[' || *s->at == '{') {
        return read_range(s, field);
    }
    if (*s->at == '"') {
        return read_phrase(s, &value) &&
               push_operand(s, search_equals(s->arena, s->kind, field, value, &s->fault));
    }
    value = read_word(s, true);
    if (value.text[0] == '\0') {
        return refuse(s, "The query has a field without a value.");
    }
    return push_operand(s, search_equals(s->arena, s->kind, field, value, &s->fault));
}

static bool read_clause(struct search *s)
{
    struct search_value value;
    if (!before_clause(s)) {
        return false;
    }
    if (*s->at == '"') {
        return read_phrase(s, &value) &&
               push_operand(s, search_equals(s->arena, s->kind, group_field(s), value, &s->fault));
    }
    if (*s->at == '[' || *s->at == '{') {
        return group_field(s) != NULL ? read_range(s, group_field(s))
                                      : refuse(s, "The query has a range without a field.");
    }
    value = read_word(s, false);
    if (value.text[0] == '\0') {
        return refuse(s, "The query has a character that must be escaped.");
    }
    if (*s->at == ':') {
        s->at++;
        return read_field(s, value.text);
    }
    return push_operand(s, search_equals(s->arena, s->kind, group_field(s), value, &s->fault));
}

/* A word operator at the cursor, which must end with the word. */
static bool take_operator(struct search *s, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(s->at, word, length) != 0 || strchr(" \t\r\n(", s->at[length]) == NULL) {
        return false;
    }
    s->at += length;
    return true;
}

static bool read_part(struct search *s)
{
    if (take_operator(s, "AND") || take_operator(s, "&&")) {
        return s->after_operand ? push_operator(s, AND, NULL)
                                : refuse(s, "The query has an operator without an operand.");
    }
    if (take_operator(s, "OR") || take_operator(s, "||")) {
        return s->after_operand ? push_operator(s, OR, NULL)
                                : refuse(s, "The query has an operator without an operand.");
    }
    if (take_operator(s, "NOT")) {
        return before_clause(s) && push_operator(s, NOT, NULL);
    }
    switch (*s->at) {
    case '-':
    case '!':
        s->at++;
        return before_clause(s) && push_operator(s, NOT, NULL);
    case '+':
        s->at++;
        return true;
    case '(':
        s->at++;
        return before_clause(s) && push_operator(s, OPEN, NULL);
    case ')':
        s->at++;
        return close_group(s);
    default:
        return read_clause(s);
    }
}

bool search_add(struct arena *arena, struct statement *where, const char *q, const char **fault)
{
    struct search *s = arena_alloc(arena, sizeof(*s));
    s->arena = arena;
    s->kind = where->kind;
    s->at = q;
    if (strlen(q) > MAXIMUM_QUERY) {
        *fault = "The query is too long.";
        return false;
    }
    bool fine = true;
    for (skip_spaces(s); fine && *s->at != '\0'; skip_spaces(s)) {
        fine = read_part(s);
    }
    while (fine && s->operator_count > 0) {
        fine = s->operators[s->operator_count - 1].joint != OPEN
                   ? reduce(s)
                   : refuse(s, "The query has an unmatched parenthesis.");
    }
    if (fine && s->operand_count == 1) {
        statement_add(where, " AND ");
        statement_append(where, s->operands[0]);
        return !where->overflowed || (*fault = "The query is too long.", false);
    }
    *fault = s->fault != NULL ? s->fault : "The query is incomplete.";
    return false;
}
