#include "json/schema.h"

#include "base/buffer.h"
#include "json/format.h"
#include "json/pattern.h"

#include <math.h>
#include <string.h>

enum { MAXIMUM_REFERENCES = 32, MAXIMUM_NESTING = 6, MAXIMUM_MESSAGE = 8192 };

/* Where in the body a value stands: a chain up to the root, written out only for an error. */
struct place {
    const struct place *above; /* NULL: the root */
    const char *name;          /* of a member; NULL: an element */
    size_t index;
};

struct task {
    yyjson_val *schema;
    yyjson_val *value;
    const struct place *place;
    const char *description; /* beside the $ref that led here; it counts more than the schema's own */
};

struct check {
    struct arena *arena;
    yyjson_val *definitions;
    struct task *tasks; /* what is still to be looked at, the next one last */
    size_t count;
    size_t room;
    unsigned nesting; /* of anyOf and oneOf */
};

static const char *check_value(struct check *check, yyjson_val *schema, yyjson_val *value,
                               const struct place *place);

static void push(struct check *check, yyjson_val *schema, yyjson_val *value, const struct place *place)
{
    if (check->count == check->room) {
        size_t room = check->room == 0 ? 64 : check->room * 2;
        struct task *tasks = arena_calloc(check->arena, room, sizeof(*tasks));
        if (check->count > 0) {
            memcpy(tasks, check->tasks, check->count * sizeof(*tasks));
        }
        check->tasks = tasks;
        check->room = room;
    }
    check->tasks[check->count++] = (struct task){schema, value, place, NULL};
}

/* Follows $ref; a description that stands beside one is kept. NULL where a name is not defined. */
static yyjson_val *resolve(const struct check *check, struct task *task)
{
    yyjson_val *schema = task->schema;
    for (unsigned i = 0; i < MAXIMUM_REFERENCES; i++) {
        if (task->description == NULL) {
            task->description = json_text(schema, "description");
        }
        const char *reference = json_text(schema, "$ref");
        if (reference == NULL) {
            return schema;
        }
        const char *name = strrchr(reference, '/');
        schema = json_member(check->definitions, name != NULL ? name + 1 : reference);
    }
    return NULL;
}

static bool is_integer(yyjson_val *value)
{
    if (yyjson_is_raw(value)) {
        return strpbrk(yyjson_get_raw(value), ".eE") == NULL;
    }
    return yyjson_is_int(value) ||
           (yyjson_is_real(value) && floor(yyjson_get_real(value)) == yyjson_get_real(value));
}

static const char *type_of(yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return "boolean";
    case YYJSON_TYPE_STR:
        return "string";
    case YYJSON_TYPE_ARR:
        return "array";
    case YYJSON_TYPE_OBJ:
        return "object";
    default:
        return is_integer(value) ? "integer" : "number";
    }
}

static bool is_of_type(const char *wanted, const char *found)
{
    return strcmp(wanted, found) == 0 || (strcmp(wanted, "number") == 0 && strcmp(found, "integer") == 0);
}

static const char *check_type(struct arena *arena, yyjson_val *type, yyjson_val *value)
{
    const char *found = type_of(value);
    if (yyjson_is_str(type)) {
        const char *wanted = yyjson_get_str(type);
        return is_of_type(wanted, found)
                   ? NULL
                   : arena_printf(arena, "Expected type %s but found type %s", wanted, found);
    }
    struct buffer wanted = buffer_create(arena, 256);
    size_t index, count;
    yyjson_val *one;
    yyjson_arr_foreach(type, index, count, one)
    {
        if (is_of_type(yyjson_get_str(one), found)) {
            return NULL;
        }
        buffer_printf(&wanted, "%s%s", index > 0 ? "," : "", yyjson_get_str(one));
    }
    return arena_printf(arena, "Expected type %s but found type %s", buffer_text(&wanted), found);
}

/* A value as z-schema writes it into its sentences. */
static const char *shown(struct arena *arena, yyjson_val *value)
{
    const char *text = yyjson_is_str(value) ? yyjson_get_str(value) : json_write(arena, value);
    return strlen(text) <= MAXIMUM_MESSAGE / 4 ? text : arena_strndup(arena, text, MAXIMUM_MESSAGE / 4);
}

static const char *check_enum(struct arena *arena, yyjson_val *allowed, yyjson_val *value)
{
    size_t index, count;
    yyjson_val *one;
    yyjson_arr_foreach(allowed, index, count, one)
    {
        bool scalar = !yyjson_is_ctn(one) && !yyjson_is_ctn(value);
        if (scalar && yyjson_equals(one, value)) {
            return NULL;
        }
    }
    return arena_printf(arena, "No enum match for: %s", shown(arena, value));
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

static const char *check_text(struct arena *arena, const char *keyword, yyjson_val *wanted, yyjson_val *value)
{
    const char *text = yyjson_get_str(value);
    if (strcmp(keyword, "minLength") == 0 || strcmp(keyword, "maxLength") == 0) {
        size_t length = characters(text);
        size_t limit = (size_t)yyjson_get_uint(wanted);
        bool minimum = keyword[1] == 'i';
        if (minimum ? length >= limit : length <= limit) {
            return NULL;
        }
        return arena_printf(arena, "String is too %s (%zu chars), %s %zu", minimum ? "short" : "long", length,
                            minimum ? "minimum" : "maximum", limit);
    }
    if (strcmp(keyword, "pattern") == 0) {
        struct pattern *pattern = pattern_compile(arena, yyjson_get_str(wanted));
        if (pattern == NULL || pattern_matches(pattern, arena, text)) {
            return NULL;
        }
        return arena_printf(arena, "String does not match pattern %s: %s", yyjson_get_str(wanted),
                            shown(arena, value));
    }
    if (strcmp(keyword, "format") == 0 && !format_fits(yyjson_get_str(wanted), text)) {
        return arena_printf(arena, "Object didn't pass validation for format %s: %s", yyjson_get_str(wanted),
                            shown(arena, value));
    }
    return NULL;
}

static double number_of(yyjson_val *value)
{
    return yyjson_is_raw(value) ? strtod(yyjson_get_raw(value), NULL) : yyjson_get_num(value);
}

static const char *check_number(struct arena *arena, const char *keyword, yyjson_val *wanted,
                                yyjson_val *value)
{
    if (strcmp(keyword, "minimum") == 0 && number_of(value) < number_of(wanted)) {
        return arena_printf(arena, "Value %s is less than minimum %s", shown(arena, value),
                            shown(arena, wanted));
    }
    if (strcmp(keyword, "maximum") == 0 && number_of(value) > number_of(wanted)) {
        return arena_printf(arena, "Value %s is greater than maximum %s", shown(arena, value),
                            shown(arena, wanted));
    }
    return NULL;
}

static const char *check_array(struct arena *arena, const char *keyword, yyjson_val *wanted,
                               yyjson_val *value)
{
    size_t length = yyjson_arr_size(value);
    if (strcmp(keyword, "minItems") == 0 && length < yyjson_get_uint(wanted)) {
        return arena_printf(arena, "Array is too short (%zu), minimum %s", length, shown(arena, wanted));
    }
    if (strcmp(keyword, "maxItems") == 0 && length > yyjson_get_uint(wanted)) {
        return arena_printf(arena, "Array is too long (%zu), maximum %s", length, shown(arena, wanted));
    }
    return NULL;
}

/* The names that a closed schema does not know, as one sentence; NULL where there are none. */
static const char *check_names(struct arena *arena, yyjson_val *schema, yyjson_val *value)
{
    yyjson_val *additional = json_member(schema, "additionalProperties");
    if (!yyjson_is_bool(additional) || yyjson_get_bool(additional)) {
        return NULL;
    }
    yyjson_val *properties = json_member(schema, "properties");
    struct buffer unknown = buffer_create(arena, MAXIMUM_MESSAGE / 2);
    yyjson_obj_iter members = yyjson_obj_iter_with(value);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&members)) != NULL;) {
        if (yyjson_obj_getn(properties, yyjson_get_str(name), yyjson_get_len(name)) == NULL) {
            buffer_printf(&unknown, "%s%s", unknown.size > 0 ? "," : "", yyjson_get_str(name));
        }
    }
    if (unknown.size == 0 && !unknown.overflowed) {
        return NULL;
    }
    const char *hint = json_text(schema, "x-additional-properties-hint");
    return arena_printf(arena, "Additional properties not allowed: %s%s%s%s", buffer_text(&unknown),
                        hint != NULL ? " (" : "", hint != NULL ? hint : "", hint != NULL ? ")" : "");
}

static const char *check_required(struct arena *arena, yyjson_val *required, yyjson_val *value)
{
    const char *missing = NULL; /* the last one is reported */
    size_t index, count;
    yyjson_val *name;
    yyjson_arr_foreach(required, index, count, name)
    {
        if (yyjson_obj_get(value, yyjson_get_str(name)) == NULL) {
            missing = yyjson_get_str(name);
        }
    }
    return missing != NULL ? arena_printf(arena, "Missing required property: %s", missing) : NULL;
}

static const char *check_object(struct arena *arena, yyjson_val *schema, const char *keyword,
                                yyjson_val *wanted, yyjson_val *value)
{
    size_t size = yyjson_obj_size(value);
    if (strcmp(keyword, "required") == 0) {
        return check_required(arena, wanted, value);
    }
    bool has_properties = json_member(schema, "properties") != NULL;
    if (strcmp(keyword, has_properties ? "properties" : "additionalProperties") == 0) {
        return check_names(arena, schema, value);
    }
    if (strcmp(keyword, "minProperties") == 0 && size < yyjson_get_uint(wanted)) {
        return arena_printf(arena, "Too few properties defined (%zu), minimum %s", size,
                            shown(arena, wanted));
    }
    if (strcmp(keyword, "maxProperties") == 0 && size > yyjson_get_uint(wanted)) {
        return arena_printf(arena, "Too many properties defined (%zu), maximum %s", size,
                            shown(arena, wanted));
    }
    return NULL;
}

/* anyOf and oneOf: how many of the schemas hold; the faults of the others go to *inner. */
static const char *check_choice(struct check *check, const char *keyword, yyjson_val *choices,
                                const struct task *task, bool *whole)
{
    bool one_only = keyword[0] == 'o';
    struct buffer inner = buffer_create(check->arena, MAXIMUM_MESSAGE / 2);
    size_t held = 0, index, count;
    yyjson_val *choice;
    yyjson_arr_foreach(choices, index, count, choice)
    {
        struct check sub = {
            .arena = check->arena, .definitions = check->definitions, .nesting = check->nesting + 1};
        const char *fault = check_value(&sub, choice, task->value, task->place);
        held += fault == NULL;
        if (fault != NULL) {
            buffer_printf(&inner, "%s%s", inner.size > 0 ? " (also) " : "", fault);
        }
    }
    if (held > 1 && one_only) {
        return "Data is valid against more than one schema from 'oneOf'";
    }
    if (held > 0) {
        return NULL;
    }
    *whole = true;
    return arena_printf(check->arena, "'None of the valid schemas were met'. Inner errors: [ %s ]",
                        buffer_text(&inner));
}

/* The path of a place: groups[0].email; NULL for the root. */
static const char *path_of(struct arena *arena, const struct place *place)
{
    if (place == NULL) {
        return NULL;
    }
    const char *path = "";
    for (; place != NULL; place = place->above) {
        path = place->name == NULL ? arena_printf(arena, "[%zu]%s%s", place->index,
                                                  *path == '\0' || *path == '[' ? "" : ".", path)
                                   : arena_printf(arena, "%s%s%s", place->name,
                                                  *path == '\0' || *path == '[' ? "" : ".", path);
    }
    return path;
}

static const char *sentence(struct arena *arena, const char *reason, const struct task *task)
{
    const char *path = path_of(arena, task->place);
    const char *description = task->description;
    return arena_printf(arena, "'%s'%s%s%s%s%s", reason, path != NULL ? " on property " : "",
                        path != NULL ? path : "", description != NULL ? " (" : "",
                        description != NULL ? description : "", description != NULL ? ")" : "");
}

/* The keywords of one schema against one value. The last of them that fails is the one that z-schema meets
 * first. */
static const char *check_keywords(struct check *check, yyjson_val *schema, const struct task *task)
{
    struct arena *arena = check->arena;
    yyjson_val *type = json_member(schema, "type");
    const char *reason = type != NULL ? check_type(arena, type, task->value) : NULL;
    if (reason != NULL) {
        return sentence(arena, reason, task);
    }
    bool whole = false; /* the reason is a whole sentence already */
    yyjson_obj_iter keywords = yyjson_obj_iter_with(schema);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&keywords)) != NULL;) {
        const char *keyword = yyjson_get_str(key);
        yyjson_val *wanted = yyjson_obj_iter_get_val(key);
        const char *fault = NULL;
        bool fault_whole = false;
        if (strcmp(keyword, "enum") == 0) {
            fault = check_enum(arena, wanted, task->value);
        } else if ((strcmp(keyword, "anyOf") == 0 || strcmp(keyword, "oneOf") == 0) &&
                   check->nesting < MAXIMUM_NESTING) {
            fault = check_choice(check, keyword, wanted, task, &fault_whole);
        } else if (yyjson_is_str(task->value)) {
            fault = check_text(arena, keyword, wanted, task->value);
        } else if (yyjson_is_num(task->value) || yyjson_is_raw(task->value)) {
            fault = check_number(arena, keyword, wanted, task->value);
        } else if (yyjson_is_arr(task->value)) {
            fault = check_array(arena, keyword, wanted, task->value);
        } else if (yyjson_is_obj(task->value)) {
            fault = check_object(arena, schema, keyword, wanted, task->value);
        }
        if (fault != NULL) {
            reason = fault;
            whole = fault_whole;
        }
    }
    return reason == NULL || whole ? reason : sentence(arena, reason, task);
}

static const struct place *below(struct arena *arena, const struct place *above, const char *name,
                                 size_t index)
{
    return arena_copy(arena, &(struct place){above, name, index}, sizeof(struct place));
}

/* Members and elements are walked from the last: what is pushed last is looked at next. */
static void push_parts(struct check *check, yyjson_val *schema, const struct task *task)
{
    yyjson_val *items = json_member(schema, "items");
    if (yyjson_is_arr(task->value) && yyjson_is_obj(items)) {
        size_t index, count;
        yyjson_val *element;
        yyjson_arr_foreach(task->value, index, count, element)
        {
            push(check, items, element, below(check->arena, task->place, NULL, index));
        }
        return;
    }
    yyjson_val *properties = json_member(schema, "properties");
    yyjson_val *additional = json_member(schema, "additionalProperties");
    if (!yyjson_is_obj(task->value) || (properties == NULL && !yyjson_is_obj(additional))) {
        return;
    }
    yyjson_obj_iter members = yyjson_obj_iter_with(task->value);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&members)) != NULL;) {
        yyjson_val *part = yyjson_obj_getn(properties, yyjson_get_str(name), yyjson_get_len(name));
        if (part == NULL && yyjson_is_obj(additional)) {
            part = additional;
        }
        if (part != NULL) {
            push(check, part, yyjson_obj_iter_get_val(name),
                 below(check->arena, task->place, yyjson_get_str(name), 0));
        }
    }
    const char *first = json_text(schema, "x-check-first");
    if (first != NULL && json_member(properties, first) != NULL && json_member(task->value, first) != NULL) {
        push(check, json_member(properties, first), json_member(task->value, first),
             below(check->arena, task->place, first, 0));
    }
}

static const char *check_value(struct check *check, yyjson_val *schema, yyjson_val *value,
                               const struct place *place)
{
    push(check, schema, value, place);
    while (check->count > 0) {
        struct task task = check->tasks[--check->count];
        yyjson_val *resolved = resolve(check, &task);
        const char *fault = resolved != NULL ? check_keywords(check, resolved, &task) : NULL;
        if (fault != NULL) {
            return fault;
        }
        push_parts(check, resolved, &task);
    }
    return NULL;
}

const char *schema_fault(struct arena *arena, yyjson_val *schema, yyjson_val *definitions, yyjson_val *value)
{
    struct check check = {.arena = arena, .definitions = definitions};
    const char *fault = check_value(&check, schema, value, NULL);
    return fault != NULL ? arena_printf(arena, "%s.", fault) : NULL;
}
