/* The tutorial's three steps, done as an application would: over HTTP, with a token that has just the scopes needed. */
#ifndef COUNTERSIGN_CLI_DEMO_STEPS_H
#define COUNTERSIGN_CLI_DEMO_STEPS_H

#include "cli/demo_clients.h"

/* What a step did: every call as {"method","url","request","status","response"}, and whether all went well. */
struct demo_transcript {
    yyjson_mut_doc *doc; /* {"ok": bool, "calls": […]} */
    bool ok;
    yyjson_val *last; /* the last call's answer; NULL where it was no JSON */
};

/* The factors SMS and one-time code on, and the tutorial's rule for the demo's page in. */
void demo_turn_on_factors(struct tenant *tenant, struct arena *arena, const struct demo_clients *clients,
                          struct demo_transcript *transcript);
/* app_metadata.use_mfa of that user: true, or removed. */
void demo_flag_user(struct tenant *tenant, struct arena *arena, const struct demo_clients *clients,
                    const char *user_id, bool on, struct demo_transcript *transcript);
/* An enrolment ticket for that user; its answer has ticket_url. */
void demo_make_ticket(struct tenant *tenant, struct arena *arena, const struct demo_clients *clients,
                      const char *user_id, struct demo_transcript *transcript);

/* The name of the rule that the first step puts in. */
extern const char demo_rule_name[];

#endif
