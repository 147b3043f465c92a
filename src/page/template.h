/* Compiled templates: a flat list of operations, partials laid in, texts of all languages found beforehand. */
#ifndef COUNTERSIGN_PAGE_TEMPLATE_H
#define COUNTERSIGN_PAGE_TEMPLATE_H

#include "page/sources.h"

enum { PAGE_LANGUAGES_MAXIMUM = 16, PAGE_SECTION_DEPTH = 8, PAGE_PARTIAL_DEPTH = 4 };

enum page_op_kind {
    OP_TEXT = 1,      /* text, length */
    OP_VARIABLE = 2,  /* name, escaped */
    OP_RAW = 3,       /* name, as it is */
    OP_PHRASE = 4,    /* phrases[language] */
    OP_PHRASE_OF = 5, /* the phrase whose key is text + the variable `name` + suffix */
    OP_SECTION = 6,   /* name; `end` is its OP_END */
    OP_INVERTED = 7,  /* name; `end` is its OP_END */
    OP_END = 8,
    OP_LANGUAGE = 9,
    OP_DIRECTION = 10,
    OP_GROUPS = 11, /* name, in groups of four, each a <span> */
};

struct page_op {
    enum page_op_kind kind;
    const char *text;
    size_t length;
    const char *name;
    const char *suffix;
    const char *phrases[PAGE_LANGUAGES_MAXIMUM];
    size_t end;
};

struct page_template {
    const char *name;
    const char *screen; /* whose texts it has: the name without ".txt" */
    bool plain;         /* no escaping */
    struct page_op *ops;
    size_t count;
};

/* The compiled template of that name, or NULL; compiles all at the first call, from any thread. */
const struct page_template *page_template_find(const char *name) NODISCARD;

#endif
