/* The scopes of the Management API, in the order in which a new tenant's resource server shows them. */
#ifndef COUNTERSIGN_TENANT_MANAGEMENT_SCOPES_H
#define COUNTERSIGN_TENANT_MANAGEMENT_SCOPES_H

#include <stddef.h>

struct management_scope {
    const char *value;
    const char *description;
};

extern const struct management_scope management_scopes[];
extern const size_t management_scopes_count;

#endif
