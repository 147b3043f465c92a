/* What `countersign rules try` and `countersign rules test` share. */
#ifndef COUNTERSIGN_CLI_RULES_H
#define COUNTERSIGN_CLI_RULES_H

#include "rules/try.h"

/* The text of a file; NULL, with one sentence in *error, where it cannot be read or is larger than a mebibyte. */
const char *rules_file_text(struct arena *arena, const char *path, const char **error) NODISCARD;

/* JSON given as it is, or as @FILE; NULL as above. */
yyjson_val *rules_json(struct arena *arena, const char *given, const char **error) NODISCARD;

/* The value indented by two spaces, as people read it. */
const char *rules_pretty(struct arena *arena, yyjson_mut_doc *doc) NODISCARD;

/*
 * Compiles every rule of `directory` (NAME.js) and runs the cases of its fixtures (NAME.test.json); prints a line for each and
 * returns the exit status: 0 where all passed.
 */
int rules_test(const struct rules_try_world *world, const char *directory) NODISCARD;

#endif
