/*
 * The settings file: the flat part of TOML 1.0 (https://toml.io/en/v1.0.0), which is all that a list of
 * settings needs: comments, bare keys, basic and literal strings on one line, whole numbers, true and false.
 * Tables, arrays, dates and anything else are refused with the line they stand on, so that nothing in the
 * file is ever silently without effect.
 */
#ifndef COUNTERSIGN_TENANT_TOML_H
#define COUNTERSIGN_TENANT_TOML_H

#include "base/arena.h"
#include "base/bytes.h"

enum toml_kind { TOML_TEXT = 1, TOML_NUMBER = 2, TOML_TRUTH = 3 };

struct toml_pair {
    const char *key;
    enum toml_kind kind;
    const char *value; /* a string's content; a number in decimal; "true" or "false" */
    unsigned line;
};

enum { TOML_MAXIMUM_BYTES = 64 * 1024, TOML_MAXIMUM_PAIRS = 256 };

/* Reads `text`; *pairs in file order, in the arena. False with one sentence in *error, which names the line.
 */
bool toml_parse(struct arena *arena, struct bytes text, const struct toml_pair **pairs, size_t *count,
                const char **error) NODISCARD;

#endif
