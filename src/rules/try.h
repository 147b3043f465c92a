/* Trying rules on a made-up login: what they would say, changing nothing of any tenant. Knows no store. */
#ifndef COUNTERSIGN_RULES_TRY_H
#define COUNTERSIGN_RULES_TRY_H

#include "rules/program.h"

/* Where the login would take place. */
struct rules_try_world {
    struct script_pool *scripts;
    const char *tenant;  /* context.tenant */
    const char *host;    /* auth0.domain */
    const char *issuer;  /* with its trailing slash */
    const char *modules; /* the directory of the operator's own modules */
};

struct rules_wish {
    const struct rule *rules; /* in order */
    size_t count;
    yyjson_val *user; /* an object; NULL: {} */
    yyjson_val
        *context; /* an object whose members are merged into a plain login's context (RFC 7396); NULL: none */
    yyjson_val *configuration; /* an object of texts; NULL: {} */
    /*
     * Answers to the calls that rules make, [{"method","url","status","headers","body"}], so that nothing leaves: method may
     * be absent for any, url end in * for all that begins so; body is a text, or JSON that is sent as such. NULL: calls are
     * made, under the egress policy.
     */
    yyjson_val *http;
};

/* A call to the server that the rules made, and that was not done. */
struct rules_asked {
    const char *call;      /* "users.updateAppMetadata" */
    yyjson_val *arguments; /* {"user_id","patch"}, or what else the call takes */
};

struct rules_tried {
    struct rules_outcome outcome;
    struct rules_asked asked[100];
    size_t asked_count;
};

/*
 * Runs the rules. Calls of auth0.users and its like answer as if they had been done, auth0.accessToken is worth nothing.
 * Always fills *tried, in the arena.
 */
void rules_try(const struct rules_try_world *world, struct arena *arena, const struct rules_wish *wish,
               struct rules_tried *tried);

/* What came out, as POST /api/v2/rules/try tells it. */
yyjson_mut_doc *rules_tried_json(struct arena *arena, const struct rules_tried *tried) NODISCARD;

/* Compiles one rule and does not run it; NULL where it is one, else {"name","message","line","column"} in the arena. */
yyjson_val *rules_check(struct script_pool *scripts, struct arena *arena, const struct rule *rule) NODISCARD;

#endif
