/* What rules may ask the server for while they run: `auth0.users` and `auth0.accessToken`. */
#ifndef COUNTERSIGN_RULES_CALLS_H
#define COUNTERSIGN_RULES_CALLS_H

#include "rules/numbers.h"
#include "script/pool.h"
#include "tenant/tenant.h"

struct rules_calls {
    struct tenant *tenant;
    const struct exact_numbers *numbers; /* of the user, may be NULL */
};

/* Puts the calls into *job; `calls` lives as long as the job. */
void rules_calls_allow(struct rules_calls *calls, struct script_job *job);

#endif
