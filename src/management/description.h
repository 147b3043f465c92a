/*
 * The API's description: paths, parameters, bodies, replies, scopes and schemas of all resources (schemas/NAME.json), put into
 * the binary at build time. The engine takes its checks from it; GET /api/v2/openapi.json shows it.
 */
#ifndef COUNTERSIGN_MANAGEMENT_DESCRIPTION_H
#define COUNTERSIGN_MANAGEMENT_DESCRIPTION_H

#include "json/json.h"

extern const char management_description_text[];
extern const size_t management_description_size;

/* The whole, {"paths","schemas"}; parsed once, lives as long as the process. */
yyjson_val *description_root(void) NODISCARD;

/* All schemas by name: the `definitions` of schema_fault. */
yyjson_val *description_schemas(void) NODISCARD;

/* What is said about one operation ("GET", "/users/{id}"); NULL where nothing is. */
yyjson_val *description_operation(const char *method, const char *path) NODISCARD;

/*
 * A schema for the operation's parameters that are `in` "query" or "path": a closed object with a member a parameter, each
 * with the parameter's description. Made new, in the arena.
 */
yyjson_val *description_parameters(struct arena *arena, yyjson_val *operation, const char *in) NODISCARD;

/* The schema of the operation's body; NULL where it takes none. */
yyjson_val *description_body(yyjson_val *operation) NODISCARD;

#endif
