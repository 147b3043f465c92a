/*
 * A User-Agent header in the words of Auth0's log: "Chrome 120.0.0 / Mac OS X 10.15.7", and "Other 0.0.0 / Other 0.0.0" where
 * neither browser nor system is known.
 */
#ifndef COUNTERSIGN_TENANT_USER_AGENT_H
#define COUNTERSIGN_TENANT_USER_AGENT_H

#include "base/arena.h"

#include <stdbool.h>

/* `header` may be NULL, and anything that a client sends; the text holds names of ours and digits only. */
const char *user_agent_text(struct arena *arena, const char *header) NODISCARD;

/* Whether it is a phone's or a tablet's. */
bool user_agent_is_mobile(const char *header) NODISCARD;

#endif
