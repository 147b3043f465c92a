/*
 * What lies between the pipeline and a script worker: the rules' input (context.c), one run of them (program.c) and the
 * reading of what came out (outcome.c). Knows no store.
 */
#ifndef COUNTERSIGN_RULES_PROGRAM_H
#define COUNTERSIGN_RULES_PROGRAM_H

#include "rules/numbers.h"
#include "rules/pipeline.h"
#include "script/pool.h"

struct rule {
    const char *id;
    const char *name;
    const char *script;
};

struct rule_set {
    const struct rule *rules; /* in order */
    size_t count;
    yyjson_mut_val *configuration; /* an object of texts, of the input's document */
};

/* Where the login takes place, for `context` and `auth0`. */
struct rules_place {
    const char *tenant;       /* context.tenant */
    const char *host;         /* auth0.domain */
    const char *issuer;       /* with its trailing slash */
    const char *user_agent;   /* NULL: none */
    const char *ip;           /* NULL: none */
    bool has_factor;          /* the user is enrolled: user.multifactor */
    struct geoip_place geoip; /* of the address */
};

/* The input of the rules program but for the rules; its root is an object. */
yyjson_mut_doc *rules_input(struct arena *arena, const struct rules_login *login,
                            const struct rules_place *place) NODISCARD;

/*
 * Runs the set over `input` and fills *outcome. `calls` is what rules may ask the server for; `numbers` (may be NULL) are the
 * user's exact ones.
 */
void rules_program_run(struct script_pool *pool, struct arena *arena, const struct rule_set *set,
                       yyjson_mut_doc *input, const struct exact_numbers *numbers,
                       const struct script_job *calls, struct rules_outcome *outcome);

/* The outcome of rules that changed nothing. */
void rules_outcome_plain(struct arena *arena, yyjson_val *user, struct rules_outcome *outcome);

/*
 * What the rules made of `user`, the members of app_metadata and user_metadata one by one, and the same put onto a user that
 * was read again (known only to this login).
 */
yyjson_val *rules_overlay_of(struct arena *arena, yyjson_val *before, yyjson_val *after) NODISCARD;
void rules_overlay_apply(yyjson_mut_doc *doc, yyjson_mut_val *user, yyjson_val *overlay);

/*
 * The record of a run for the log: an entry a rule that was reached, {"rule","id","ms","console","http","calls","changes",
 * "error"}. What the configuration holds, and members whose names say that they are secrets, are hidden in it.
 */
yyjson_val *rules_record(struct arena *arena, const struct rule_set *set, const struct script_report *report,
                         const struct rules_outcome *outcome) NODISCARD;

/* Reads a run's report. Fills *outcome whole, in the arena. */
void rules_outcome_read(struct arena *arena, const struct rule_set *set, enum script_outcome ended,
                        const struct script_report *report, struct rules_outcome *outcome);

#endif
