/* The applications of the demo: the page itself, and one a step that may call the Management API. */
#ifndef COUNTERSIGN_CLI_DEMO_CLIENTS_H
#define COUNTERSIGN_CLI_DEMO_CLIENTS_H

#include "tenant/tenant.h"

enum demo_step { DEMO_FACTORS = 0, DEMO_FLAG = 1, DEMO_TICKET = 2, DEMO_STEPS = 3 };

struct demo_clients {
    const char *page_id;              /* the single page's client_id */
    const char *step_ids[DEMO_STEPS]; /* of machine-to-machine applications, whose secrets the store holds */
};

/* The demo's applications, made where they are not there yet. */
enum db_result demo_clients_get(struct tenant *tenant, struct arena *arena,
                                struct demo_clients *clients) NODISCARD;

/* The scopes of a step's application, ending with NULL. */
extern const char *const demo_step_scopes[DEMO_STEPS][8];

#endif
