/* Trying a rule on a made-up login: what it would say, changing nothing of the tenant. */
#ifndef COUNTERSIGN_RULES_TRY_H
#define COUNTERSIGN_RULES_TRY_H

#include "rules/pipeline.h"

struct rules_wish {
    const char *script;
    yyjson_val *user;    /* an object; NULL: {} */
    yyjson_val *context; /* an object whose members replace those of a plain login's context; NULL: none */
};

/* A change that the rule asked for, and that was not made. */
struct rules_update {
    const char *member;    /* "app_metadata" or "user_metadata" */
    yyjson_val *arguments; /* {"user_id","patch"} */
};

struct rules_tried {
    struct rules_outcome outcome;
    struct rules_update updates[40];
    size_t update_count;
};

/*
 * Runs the script alone, with an empty `configuration`. HTTP calls are made, under the egress policy; auth0.users.update… answer as
 * if they had been done; there is no access token. Always fills *tried, in the arena.
 */
void rules_try(struct tenant *tenant, struct arena *arena, const struct rules_wish *wish,
               struct rules_tried *tried);

#endif
