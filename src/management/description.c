#include "management/description.h"

#include "base/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t parsed = PTHREAD_ONCE_INIT;
static struct arena *arena; /* for what lives as long as the process */
static yyjson_val *root;

static void forget(void)
{
    arena_destroy(&arena);
}

static void parse(void)
{
    arena = arena_create();
    (void)atexit(forget);
    root = json_parse_own(arena, management_description_text);
    if (root == NULL) {
        LOG_ERROR("management.description_broken");
        abort();
    }
}

yyjson_val *description_root(void)
{
    (void)pthread_once(&parsed, parse);
    return root;
}

yyjson_val *description_schemas(void)
{
    return json_member(description_root(), "schemas");
}

yyjson_val *description_operation(const char *method, const char *path)
{
    char lower[8] = {0};
    for (size_t i = 0; i < sizeof(lower) - 1 && method[i] != '\0'; i++) {
        lower[i] = (char)tolower((unsigned char)method[i]);
    }
    return json_member(json_member(json_member(description_root(), "paths"), path), lower);
}

static void add_parameter(yyjson_mut_doc *doc, yyjson_mut_val *properties, yyjson_mut_val *required,
                          yyjson_val *parameter)
{
    if (json_bool(parameter, "required", false)) {
        yyjson_mut_arr_add_strcpy(doc, required, json_text(parameter, "name"));
    }
    yyjson_mut_val *schema = yyjson_val_mut_copy(doc, json_member(parameter, "schema"));
    const char *description = json_text(parameter, "description");
    if (description != NULL) {
        json_set_text(doc, schema, "description", description);
    }
    json_set(doc, properties, json_text(parameter, "name"), schema);
}

yyjson_val *description_parameters(struct arena *memory, yyjson_val *operation, const char *in)
{
    yyjson_mut_doc *doc = json_new_object(memory);
    yyjson_mut_val *schema = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, schema, "type", "object");
    json_set_bool(doc, schema, "additionalProperties", false);
    yyjson_mut_val *required = yyjson_mut_obj_add_arr(doc, schema, "required");
    yyjson_mut_val *properties = yyjson_mut_obj_add_obj(doc, schema, "properties");
    size_t index, count;
    yyjson_val *parameter;
    yyjson_arr_foreach(json_member(operation, "parameters"), index, count, parameter)
    {
        const char *place = json_text(parameter, "in");
        if (place != NULL && strcmp(place, in) == 0) {
            add_parameter(doc, properties, required, parameter);
        }
    }
    return json_parse_own(memory, json_write_doc(memory, doc));
}

yyjson_val *description_body(yyjson_val *operation)
{
    yyjson_val *content = json_member(json_member(operation, "requestBody"), "content");
    return json_member(json_member(content, "application/json"), "schema");
}
