/* GET /api/v2/openapi.json: the API's own description, from the data that the engine runs from. */
#ifndef COUNTERSIGN_MANAGEMENT_OPENAPI_H
#define COUNTERSIGN_MANAGEMENT_OPENAPI_H

#include "management/engine.h"

extern const struct operations openapi_operations;

/* The document as text; made once, lives as long as the process. */
const char *openapi_text(void) NODISCARD;

#endif
