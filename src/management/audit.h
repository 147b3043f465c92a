/* The tenant's log of what was changed through this API: entries of type sapi. */
#ifndef COUNTERSIGN_MANAGEMENT_AUDIT_H
#define COUNTERSIGN_MANAGEMENT_AUDIT_H

#include "management/engine.h"

/* Logs a call that succeeded: request and response, without their secrets. */
void audit_write(struct call *call);

/* Takes the members that hold secrets (by their names, at any depth) out of a document. */
void audit_strip(struct arena *arena, yyjson_mut_val *root);

#endif
