/* The formats that the Management API's schemas name ("email", "user-id", "callback-url", …). */
#ifndef COUNTERSIGN_JSON_FORMAT_H
#define COUNTERSIGN_JSON_FORMAT_H

#include <stdbool.h>

/* Whether `text` has the format of that name. A format that is not known holds for every text. */
bool format_fits(const char *name, const char *text);

#endif
