/* `fields` and `include_fields`. */
#include "base/buffer.h"
#include "management/errors.h"
#include "management/query.h"

#include <string.h>

enum { MAXIMUM_FIELDS = 100, MAXIMUM_NAME = 300 };

static char **split(struct arena *arena, const char *fields, size_t *count)
{
    char **names = arena_calloc(arena, MAXIMUM_FIELDS, sizeof(*names));
    char *rest = NULL;
    *count = 0;
    for (char *name = strtok_r(arena_strdup(arena, fields), ", ", &rest);
         name != NULL && *count < MAXIMUM_FIELDS; name = strtok_r(NULL, ", ", &rest)) {
        names[(*count)++] = name;
    }
    return names;
}

/* The `fields` parameter as the operation describes it. */
static yyjson_val *described(yyjson_val *operation)
{
    size_t index, count;
    yyjson_val *parameter;
    yyjson_arr_foreach(json_member(operation, "parameters"), index, count, parameter)
    {
        const char *name = json_text(parameter, "name");
        if (name != NULL && strcmp(name, "fields") == 0) {
            return parameter;
        }
    }
    return NULL;
}

static bool refuse_fields(struct http_exchange *x, const char *fields, yyjson_val *allowed,
                          const char *description)
{
    struct buffer list = buffer_create(x->arena, 8192);
    size_t index, count;
    yyjson_val *name;
    yyjson_arr_foreach(allowed, index, count, name)
    {
        buffer_printf(&list, "%s%s", index > 0 ? "," : "", yyjson_get_str(name));
    }
    return management_validation_error(x, "Query",
                                       arena_printf(x->arena,
                                                    "'String '%.300s' does not match pattern. Must be a "
                                                    "comma separated list of the following values: "
                                                    "%s' on property fields (%s).",
                                                    fields, buffer_text(&list),
                                                    description != NULL ? description : ""));
}

bool fields_check(struct http_exchange *x, yyjson_val *operation, yyjson_val *query)
{
    const char *fields = json_text(query, "fields");
    yyjson_val *parameter = described(operation);
    yyjson_val *allowed = json_member(json_member(parameter, "schema"), "x-allowed-values");
    if (fields == NULL || *fields == '\0' || allowed == NULL) {
        return true;
    }
    size_t count;
    char **names = split(x->arena, fields, &count);
    for (size_t i = 0; i < count; i++) {
        const char *dot = strchr(names[i], '.');
        const char *root =
            dot != NULL ? arena_strndup(x->arena, names[i], (size_t)(dot - names[i])) : names[i];
        if (!json_array_has_text(allowed, root)) {
            return refuse_fields(x, fields, allowed, json_text(parameter, "description"));
        }
    }
    return true;
}

bool fields_name(yyjson_val *query, const char *member)
{
    const char *fields = json_text(query, "fields");
    size_t length = strlen(member);
    for (const char *at = fields; at != NULL && json_bool(query, "include_fields", true);
         at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, member, length) == 0 && (at[length] == '\0' || at[length] == ',')) {
            return true;
        }
    }
    return false;
}

/* What the names say about a member: nothing, itself as a whole, or parts below it. */
enum choice { NOTHING, WHOLE, PARTS };

static enum choice choice_of(char *const *names, size_t count, const char *member, size_t length)
{
    enum choice choice = NOTHING;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], member, length) == 0) {
            if (names[i][length] == '\0') {
                return WHOLE;
            }
            choice = names[i][length] == '.' ? PARTS : choice;
        }
    }
    return choice;
}

/* The names below `member`, without it. */
static char **names_below(struct arena *arena, char *const *names, size_t count, const char *member,
                          size_t *below)
{
    char **list = arena_calloc(arena, count, sizeof(*list));
    size_t length = strlen(member);
    *below = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], member, length) == 0 && names[i][length] == '.') {
            list[(*below)++] = names[i] + length + 1;
        }
    }
    return list;
}

struct projection {
    struct arena *arena;
    yyjson_mut_doc *doc;
    bool include;
};

static yyjson_mut_val *project(const struct projection *p, yyjson_mut_val *object, char *const *names,
                               size_t count, unsigned depth);

/* A member of which only parts are wanted (or all but those). Each part name takes one dot, so the depth is theirs. */
static yyjson_mut_val *project_parts(const struct projection *p, yyjson_mut_val *value, char *const *names,
                                     size_t count, unsigned depth)
{
    if (yyjson_mut_is_obj(value)) {
        return project(p, value, names, count, depth);
    }
    if (!yyjson_mut_is_arr(value)) {
        return p->include ? NULL : yyjson_mut_val_mut_copy(p->doc, value);
    }
    yyjson_mut_val *list = yyjson_mut_arr(p->doc);
    size_t index, size;
    yyjson_mut_val *element;
    yyjson_mut_arr_foreach(value, index, size, element)
    {
        yyjson_mut_arr_append(list, yyjson_mut_is_obj(element) ? project(p, element, names, count, depth)
                                                               : yyjson_mut_val_mut_copy(p->doc, element));
    }
    return list;
}

static yyjson_mut_val *project(const struct projection *p, yyjson_mut_val *object, char *const *names,
                               size_t count, unsigned depth)
{
    yyjson_mut_val *result = yyjson_mut_obj(p->doc);
    size_t index, size;
    yyjson_mut_val *name, *value;
    yyjson_mut_obj_foreach(object, index, size, name, value)
    {
        const char *member = yyjson_mut_get_str(name);
        enum choice choice = choice_of(names, count, member, yyjson_mut_get_len(name));
        yyjson_mut_val *kept = NULL;
        if (choice == PARTS && depth < 8) {
            size_t below;
            char **parts = names_below(p->arena, names, count, member, &below);
            kept = project_parts(p, value, parts, below, depth + 1);
        } else if ((choice == WHOLE) == p->include) {
            kept = yyjson_mut_val_mut_copy(p->doc, value);
        }
        if (kept != NULL) {
            yyjson_mut_obj_add(result, yyjson_mut_val_mut_copy(p->doc, name), kept);
        }
    }
    return result;
}

yyjson_mut_val *fields_project(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *object,
                               yyjson_val *query)
{
    const char *fields = json_text(query, "fields");
    if (fields == NULL || *fields == '\0') {
        return object;
    }
    size_t count;
    char **names = split(arena, fields, &count);
    struct projection p = {arena, doc, json_bool(query, "include_fields", true)};
    return project(&p, object, names, count, 0);
}
