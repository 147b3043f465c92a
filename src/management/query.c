#include "management/query.h"

#include "base/encode.h"
#include "management/description.h"
#include "management/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *type_of_parameter(yyjson_val *schema)
{
    yyjson_val *type = json_member(schema, "type");
    return yyjson_is_arr(type) ? yyjson_get_str(yyjson_arr_get_first(type)) : yyjson_get_str(type);
}

static yyjson_mut_val *typed(yyjson_mut_doc *doc, const char *type, const char *text)
{
    if (type != NULL && strcmp(type, "boolean") == 0 &&
        (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        return yyjson_mut_bool(doc, text[0] == 't');
    }
    if (type != NULL && (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)) {
        char *end;
        errno = 0;
        long long number = strtoll(text, &end, 10);
        if (errno == 0 && *end == '\0' && ((*text >= '0' && *text <= '9') || *text == '-')) {
            return yyjson_mut_sint(doc, number);
        }
    }
    return yyjson_mut_strcpy(doc, text);
}

static yyjson_val *schema_named(yyjson_val *schema, const char *name)
{
    yyjson_val *property = json_member(json_member(schema, "properties"), name);
    const char *reference = json_text(property, "$ref");
    const char *slash = reference != NULL ? strrchr(reference, '/') : NULL;
    return slash != NULL ? json_member(description_schemas(), slash + 1) : property;
}

yyjson_val *query_values(struct arena *arena, const struct http_pairs *pairs, yyjson_val *schema)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    for (size_t i = 0; i < pairs->count; i++) {
        const char *name = pairs->items[i].name;
        yyjson_val *property = schema_named(schema, name);
        const char *type = type_of_parameter(property);
        yyjson_mut_val *value = typed(doc, type, pairs->items[i].value);
        yyjson_mut_val *before = json_mut_member(root, name);
        if (type != NULL && strcmp(type, "array") == 0) {
            if (before == NULL) {
                before = yyjson_mut_arr(doc);
                json_set(doc, root, name, before);
            }
            yyjson_mut_arr_append(before, value);
        } else {
            json_set(doc, root, name, value);
        }
    }
    return json_parse_own(arena, json_write_doc(arena, doc));
}

/* "1700000000000:ID" in base64url. */
const char *paging_next(struct arena *arena, int64_t created_at, const char *id)
{
    return base64url_encode(arena, bytes_of_text(arena_printf(arena, "%lld:%s", (long long)created_at, id)));
}

static bool read_checkpoint(struct arena *arena, const char *from, struct paging *paging)
{
    struct bytes text;
    if (!base64url_decode(arena, from, strlen(from), &text)) {
        return false;
    }
    char *copy = arena_strndup(arena, (const char *)text.data, text.size);
    char *colon;
    errno = 0;
    paging->after_created_at = strtoll(copy, &colon, 10);
    paging->after_id = *colon == ':' ? colon + 1 : NULL;
    return errno == 0 && paging->after_id != NULL && strlen(copy) == text.size;
}

static bool takes(yyjson_val *operation, const char *parameter)
{
    size_t index, count;
    yyjson_val *one;
    yyjson_arr_foreach(json_member(operation, "parameters"), index, count, one)
    {
        if (yyjson_equals_str(json_member(one, "name"), parameter)) {
            return true;
        }
    }
    return false;
}

bool paging_read(struct http_exchange *x, yyjson_val *operation, yyjson_val *query, struct paging *paging)
{
    const char *from = json_text(query, "from");
    bool by_page = json_member(query, "page") != NULL || json_member(query, "per_page") != NULL;
    *paging = (struct paging){.limit = PAGE_SIZE};
    paging->by_checkpoint = from != NULL || json_member(query, "take") != NULL ||
                            (takes(operation, "take") && !takes(operation, "page"));
    if (!paging->by_checkpoint) {
        paging->limit = json_int(query, "per_page", PAGE_SIZE);
        paging->offset = json_int(query, "page", 0);
        paging->totals = json_bool(query, "include_totals", false);
        if (__builtin_mul_overflow(paging->offset, paging->limit, &paging->offset)) {
            return management_validation_error(x, "Query", "'The page is out of reach'.");
        }
        return true;
    }
    if (by_page) {
        return management_validation_error(x, "Query",
                                           "'page and per_page cannot be used together with from or take'.");
    }
    paging->limit = json_int(query, "take", PAGE_SIZE);
    if (from != NULL && *from != '\0' && !read_checkpoint(x->arena, from, paging)) {
        return management_validation_error(x, "Query",
                                           "'The value is no checkpoint of this list' on property from.");
    }
    return true;
}
