#include "script/liquid.h"

#include <string.h>

enum { LARGEST_TEMPLATE = 200 * 1000 };

static const char *reason(enum script_outcome outcome)
{
    switch (outcome) {
    case SCRIPT_TIMEOUT:
        return "the template takes too long";
    case SCRIPT_MEMORY:
        return "the template needs too much memory";
    case SCRIPT_BUSY:
        return "all script workers are busy";
    default:
        return "the template could not be rendered";
    }
}

const char *liquid_render(struct script_pool *pool, struct arena *arena, const char *template_text,
                          yyjson_mut_val *variables, const char **error)
{
    if (strlen(template_text) > LARGEST_TEMPLATE) {
        *error = "the template is longer than 200,000 bytes";
        return NULL;
    }
    yyjson_mut_doc *input = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(input);
    json_set_text(input, root, "template", template_text);
    json_set(input, root, "variables", yyjson_mut_val_mut_copy(input, variables));
    yyjson_val *answer = NULL;
    enum script_outcome outcome = script_run(pool, arena, "liquid", json_write_doc(arena, input), &answer);
    const char *text = outcome == SCRIPT_DONE ? json_text(answer, "text") : NULL;
    if (text == NULL) {
        const char *fault = json_text(answer, "error");
        *error = fault != NULL ? fault : reason(outcome);
    }
    return text;
}
