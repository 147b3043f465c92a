/* The issuer's URL: what makes one valid, and the shape in which the rest of the code finds it. */
#ifndef COUNTERSIGN_TENANT_ISSUER_H
#define COUNTERSIGN_TENANT_ISSUER_H

#include "base/arena.h"

#include <stdbool.h>

struct issuer {
    const char *url; /* "https://login.example.com/": lower case, the scheme's own port left out, one trailing
                        slash */
    const char *host; /* "login.example.com", or with ":8443" */
    bool secure;      /* https */
};

/*
 * Reads `text`: scheme, host and perhaps a port; a path, query, fragment or user is refused. http is taken
 * only with `dev` and on a loopback host (localhost, *.localhost, 127.0.0.0/8, [::1]). On failure false, with
 * what is wrong in *error, to follow the setting's name.
 */
bool issuer_read(struct arena *arena, const char *text, bool dev, struct issuer *issuer,
                 const char **error) NODISCARD;

#endif
