/* Conditions of one searched field, for search.c. */
#ifndef COUNTERSIGN_MANAGEMENT_SEARCH_H
#define COUNTERSIGN_MANAGEMENT_SEARCH_H

#include "management/statement.h"

/* A value as the query wrote it: `text` unescaped, `wildcards[i]` telling whether the i-th byte is an unescaped `*`. */
struct search_value {
    const char *text;
    const bool *wildcards; /* NULL: none */
};

struct search_range {
    const char *from; /* NULL: open */
    const char *to;
    bool includes_from;
    bool includes_to;
};

/* Whether users can be searched by that field. */
bool search_field_known(const char *field) NODISCARD;

/* Each gives a condition that is never NULL, or NULL with a sentence in *fault. `field` NULL: a term without a field. */
struct statement *search_equals(struct arena *arena, enum db_kind kind, const char *field,
                                struct search_value value, const char **fault) NODISCARD;
struct statement *search_within(struct arena *arena, enum db_kind kind, const char *field,
                                const struct search_range *range, const char **fault) NODISCARD;
struct statement *search_exists(struct arena *arena, enum db_kind kind, const char *field,
                                const char **fault) NODISCARD;

#endif
