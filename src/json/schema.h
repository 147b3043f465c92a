/*
 * JSON-schema checks as Auth0's Management API reports them: the keywords that the published schemas use, and the reasons
 * in the words of z-schema, whose order of checking is kept too (the last faulty member in body order is the one reported).
 * Two keywords are our own: "x-additional-properties-hint" follows the names of unknown members in brackets, and
 * "x-check-first" names a member that is reported before all others.
 */
#ifndef COUNTERSIGN_JSON_SCHEMA_H
#define COUNTERSIGN_JSON_SCHEMA_H

#include "json/json.h"

/*
 * Checks `value` against `schema` (an object of JSON-schema draft 4 with "$ref" of the form "#/components/schemas/NAME", or
 * NAME alone, looked up in `definitions`). Returns NULL where it passes, else the sentence that follows
 * "Payload validation error: ", such as
 *     'Missing required property: connection'.
 *     'Expected type string but found type integer' on property email (The user's email).
 */
const char *schema_fault(struct arena *arena, yyjson_val *schema, yyjson_val *definitions,
                         yyjson_val *value) NODISCARD;

#endif
