/*
 * Regular expressions of JSON schemas: the part of ECMAScript's syntax that the published schemas use
 * (characters, classes, groups, alternation, counted repeats, anchors; no look-around, no back-references, no
 * characters beyond ASCII). Matching takes time proportional to text times pattern, whatever the text: an
 * outsider's text cannot make it slow.
 */
#ifndef COUNTERSIGN_JSON_PATTERN_H
#define COUNTERSIGN_JSON_PATTERN_H

#include "base/arena.h"

#include <stdbool.h>

struct pattern;

/* Compiles `text`; NULL where it is malformed, uses what is not supported, or is too long. */
struct pattern *pattern_compile(struct arena *arena, const char *text) NODISCARD;

/* Whether the pattern matches somewhere in `text` (UTF-8), as RegExp.test does. Scratch memory comes from the
 * arena. */
bool pattern_matches(const struct pattern *pattern, struct arena *arena, const char *text) NODISCARD;

#endif
