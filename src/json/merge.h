/* The merge of user_metadata and app_metadata (Auth0 Management API, PATCH /users/{id}; auth0/node-auth0#522). */
#ifndef COUNTERSIGN_JSON_MERGE_H
#define COUNTERSIGN_JSON_MERGE_H

#include "json/json.h"

/*
 * Merges `patch` into the object member `name` of `object`, at the first level only: a member of the patch replaces the
 * whole member of that name, null deletes it, members left out stay. A patch of {} or null empties the metadata: the member
 * is then an empty object, which readers show as they show none. `doc` is one of json_new and its kin.
 */
void json_merge_metadata(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_val *patch);

#endif
