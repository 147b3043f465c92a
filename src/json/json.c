#include "json/json.h"

#include <stdlib.h>
#include <string.h>

const struct json_limits json_limits_body = {.bytes = 1024 * 1024, .depth = 64, .items = 50000};
const struct json_limits json_limits_token = {.bytes = 16 * 1024, .depth = 16, .items = 1000};

static const yyjson_read_flag READ_FLAGS = YYJSON_READ_BIGNUM_AS_RAW;
static const yyjson_write_flag WRITE_FLAGS =
    YYJSON_WRITE_INF_AND_NAN_AS_NULL | YYJSON_WRITE_ALLOW_INVALID_UNICODE;

enum { SMALL_OBJECT = 16 /* members: below, comparing each with each is cheaper than sorting */ };

static void *take(void *context, size_t size)
{
    return arena_alloc(context, size);
}

static void *take_again(void *context, void *memory, size_t old_size, size_t size)
{
    if (size <= old_size)
        return memory;
    void *larger = arena_alloc(context, size);
    memcpy(larger, memory, old_size);
    return larger;
}

static void leave(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

static yyjson_alc allocator_of(struct arena *arena)
{
    return (yyjson_alc){.malloc = take, .realloc = take_again, .free = leave, .ctx = arena};
}

/*
 * Whether the text keeps within depth and items, told from its brackets and commas before anything is
 * allocated for it. Of broken JSON the answer may be either; the parser refuses that anyway.
 */
static bool within_limits(struct bytes text, const struct json_limits *limits)
{
    size_t depth = 0;
    size_t items = 0;
    bool in_text = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
            continue;
        }
        if (c == '"') {
            in_text = true;
        } else if (c == '[' || c == '{') {
            items++;
            if (++depth > limits->depth)
                return false;
        } else if (c == ']' || c == '}') {
            depth -= depth > 0 ? 1 : 0;
        } else if (c == ',' && ++items > limits->items) {
            return false;
        }
    }
    return items <= limits->items;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(yyjson_get_str(*(yyjson_val *const *)a), yyjson_get_str(*(yyjson_val *const *)b));
}

static bool names_twice_small(yyjson_val *object)
{
    const char *seen[SMALL_OBJECT];
    size_t count = 0;
    size_t index = 0;
    size_t size = 0;
    yyjson_val *name = NULL;
    yyjson_val *value = NULL;
    yyjson_obj_foreach(object, index, size, name, value)
    {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(seen[i], yyjson_get_str(name)) == 0)
                return true;
        }
        seen[count++] = yyjson_get_str(name);
    }
    return false;
}

static bool names_twice(struct arena *arena, yyjson_val *object)
{
    if (yyjson_obj_size(object) <= SMALL_OBJECT)
        return names_twice_small(object);
    yyjson_val **names = arena_calloc(arena, yyjson_obj_size(object), sizeof *names);
    size_t index = 0;
    size_t size = 0;
    yyjson_val *name = NULL;
    yyjson_val *value = NULL;
    yyjson_obj_foreach(object, index, size, name, value) names[index] = name;
    qsort(names, size, sizeof *names, by_name);
    for (size_t i = 1; i < size; i++) {
        if (by_name(&names[i - 1], &names[i]) == 0)
            return true;
    }
    return false;
}

/* yyjson lays the values of a document one behind the other, names among them: a walk over all needs no
 * stack. */
static enum json_fault fault_of_values(struct arena *arena, const yyjson_doc *doc)
{
    for (size_t i = 0; i < doc->val_read; i++) {
        yyjson_val *value = doc->root + i;
        if (yyjson_is_str(value) && strlen(yyjson_get_str(value)) != yyjson_get_len(value))
            return JSON_MALFORMED;
    }
    for (size_t i = 0; i < doc->val_read; i++) {
        if (yyjson_is_obj(doc->root + i) && names_twice(arena, doc->root + i))
            return JSON_DUPLICATE_NAME;
    }
    return JSON_FINE;
}

enum json_fault json_parse(struct arena *arena, struct bytes text, const struct json_limits *limits,
                           yyjson_val **root)
{
    *root = NULL;
    if (text.size > limits->bytes || !within_limits(text, limits))
        return JSON_TOO_LARGE;
    if (text.size == 0)
        return JSON_MALFORMED;
    yyjson_alc allocator = allocator_of(arena);
    char *copy = arena_alloc(arena, text.size + YYJSON_PADDING_SIZE);
    memcpy(copy, text.data, text.size);
    yyjson_doc *doc = yyjson_read_opts(copy, text.size, READ_FLAGS | YYJSON_READ_INSITU, &allocator, NULL);
    if (doc == NULL)
        return JSON_MALFORMED;
    enum json_fault fault = fault_of_values(arena, doc);
    if (fault == JSON_FINE)
        *root = doc->root;
    return fault;
}

yyjson_val *json_parse_own(struct arena *arena, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return NULL;
    yyjson_alc allocator = allocator_of(arena);
    size_t size = strlen(text);
    char *copy = arena_alloc(arena, size + YYJSON_PADDING_SIZE);
    memcpy(copy, text, size);
    yyjson_doc *doc = yyjson_read_opts(copy, size, READ_FLAGS | YYJSON_READ_INSITU, &allocator, NULL);
    return doc == NULL ? NULL : doc->root;
}

yyjson_mut_doc *json_new(struct arena *arena)
{
    yyjson_alc *allocator = arena_alloc(arena, sizeof *allocator);
    *allocator = allocator_of(arena);
    return yyjson_mut_doc_new(allocator);
}

yyjson_mut_doc *json_new_object(struct arena *arena)
{
    yyjson_mut_doc *doc = json_new(arena);
    yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
    return doc;
}

yyjson_mut_doc *json_new_array(struct arena *arena)
{
    yyjson_mut_doc *doc = json_new(arena);
    yyjson_mut_doc_set_root(doc, yyjson_mut_arr(doc));
    return doc;
}

yyjson_mut_doc *json_thaw(struct arena *arena, yyjson_val *value)
{
    yyjson_mut_doc *doc = json_new(arena);
    yyjson_mut_doc_set_root(doc, yyjson_val_mut_copy(doc, value));
    return doc;
}

char *json_write(struct arena *arena, yyjson_val *value)
{
    yyjson_alc allocator = allocator_of(arena);
    return yyjson_val_write_opts(value, WRITE_FLAGS, &allocator, NULL, NULL);
}

char *json_write_mut(struct arena *arena, yyjson_mut_val *value)
{
    yyjson_alc allocator = allocator_of(arena);
    return yyjson_mut_val_write_opts(value, WRITE_FLAGS, &allocator, NULL, NULL);
}

char *json_write_doc(struct arena *arena, yyjson_mut_doc *doc)
{
    return json_write_mut(arena, yyjson_mut_doc_get_root(doc));
}

yyjson_val *json_member(yyjson_val *object, const char *name)
{
    return yyjson_obj_get(object, name);
}

const char *json_text(yyjson_val *object, const char *name)
{
    return yyjson_get_str(json_member(object, name));
}

/* yyjson keeps a positive whole number unsigned: one above INT64_MAX is not the int64 its bits look like. */
static int64_t whole(bool is_int, bool is_unsigned, uint64_t bits, int64_t otherwise)
{
    if (!is_int || (is_unsigned && bits > INT64_MAX))
        return otherwise;
    return (int64_t)bits;
}

int64_t json_int(yyjson_val *object, const char *name, int64_t otherwise)
{
    yyjson_val *value = json_member(object, name);
    return whole(yyjson_is_int(value), yyjson_is_uint(value), yyjson_get_uint(value), otherwise);
}

bool json_bool(yyjson_val *object, const char *name, bool otherwise)
{
    yyjson_val *value = json_member(object, name);
    return yyjson_is_bool(value) ? yyjson_get_bool(value) : otherwise;
}

yyjson_mut_val *json_mut_member(yyjson_mut_val *object, const char *name)
{
    return yyjson_mut_obj_get(object, name);
}

const char *json_mut_text(yyjson_mut_val *object, const char *name)
{
    return yyjson_mut_get_str(json_mut_member(object, name));
}

int64_t json_mut_int(yyjson_mut_val *object, const char *name, int64_t otherwise)
{
    yyjson_mut_val *value = json_mut_member(object, name);
    return whole(yyjson_mut_is_int(value), yyjson_mut_is_uint(value), yyjson_mut_get_uint(value), otherwise);
}

bool json_mut_bool(yyjson_mut_val *object, const char *name, bool otherwise)
{
    yyjson_mut_val *value = json_mut_member(object, name);
    return yyjson_mut_is_bool(value) ? yyjson_mut_get_bool(value) : otherwise;
}

void json_set(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_mut_val *value)
{
    if (value == NULL) {
        json_remove(object, name);
        return;
    }
    yyjson_mut_val *key = yyjson_mut_strcpy(doc, name);
    if (json_mut_member(object, name) == NULL)
        yyjson_mut_obj_add(object, key, value);
    else
        yyjson_mut_obj_replace(object, key, value);
}

void json_set_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *text)
{
    json_set(doc, object, name, text == NULL ? NULL : yyjson_mut_strcpy(doc, text));
}

void json_set_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, int64_t number)
{
    json_set(doc, object, name, yyjson_mut_sint(doc, number));
}

void json_set_bool(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, bool truth)
{
    json_set(doc, object, name, yyjson_mut_bool(doc, truth));
}

void json_remove(yyjson_mut_val *object, const char *name)
{
    yyjson_mut_obj_remove_key(object, name);
}

bool json_array_has_text(yyjson_val *array, const char *text)
{
    size_t index = 0;
    size_t size = 0;
    yyjson_val *value = NULL;
    yyjson_arr_foreach(array, index, size, value)
    {
        if (yyjson_equals_str(value, text))
            return true;
    }
    return false;
}
