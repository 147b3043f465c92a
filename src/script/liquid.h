/* Operators' Liquid templates (SMS texts, mails), rendered by liquidjs in a script worker. */
#ifndef COUNTERSIGN_SCRIPT_LIQUID_H
#define COUNTERSIGN_SCRIPT_LIQUID_H

#include "script/pool.h"

/*
 * Renders `template` with `variables` (an object). Returns the text, or NULL with the reason in *error (a template's own
 * fault, or the worker's).
 */
const char *liquid_render(struct script_pool *pool, struct arena *arena, const char *template_text,
                          yyjson_mut_val *variables, const char **error) NODISCARD;

#endif
