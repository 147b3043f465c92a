#include "json/merge.h"

#include <stdlib.h>
#include <string.h>

/* A member of the patch, on its way into the merged object. */
struct change {
    const char *name;
    yyjson_val *value;
    size_t place;
    bool done;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct change *)a)->name, ((const struct change *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    size_t first = ((const struct change *)a)->place;
    size_t second = ((const struct change *)b)->place;
    return (first > second) - (first < second);
}

static struct change *changes_of(yyjson_mut_doc *doc, yyjson_val *patch, size_t *count)
{
    size_t index = 0;
    size_t size = 0;
    yyjson_val *name = NULL;
    yyjson_val *value = NULL;
    struct arena *arena = doc->alc.ctx;
    struct change *changes = arena_calloc(arena, yyjson_obj_size(patch), sizeof *changes);
    yyjson_obj_foreach(patch, index, size, name, value)
    {
        changes[index] = (struct change){.name = yyjson_get_str(name), .value = value, .place = index};
    }
    *count = size;
    return changes;
}

static void add(yyjson_mut_doc *doc, yyjson_mut_val *merged, struct change *change)
{
    change->done = true;
    if (!yyjson_is_null(change->value))
        yyjson_mut_obj_add(merged, yyjson_mut_strcpy(doc, change->name),
                           yyjson_val_mut_copy(doc, change->value));
}

void json_merge_metadata(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_val *patch)
{
    yyjson_mut_val *merged = yyjson_mut_obj(doc);
    size_t count = 0;
    struct change *changes = changes_of(doc, patch, &count);
    yyjson_mut_val *old = json_mut_member(object, name);
    if (count > 0 && yyjson_mut_is_obj(old)) {
        qsort(changes, count, sizeof *changes, by_name);
        yyjson_mut_obj_iter members = yyjson_mut_obj_iter_with(old);
        yyjson_mut_val *key = yyjson_mut_obj_iter_next(&members);
        while (key != NULL) {
            yyjson_mut_val *value = yyjson_mut_obj_iter_get_val(key);
            /* Adding a member to another object relinks it, so the next is fetched before. */
            yyjson_mut_val *next = yyjson_mut_obj_iter_next(&members);
            struct change wanted = {.name = yyjson_mut_get_str(key)};
            struct change *change = bsearch(&wanted, changes, count, sizeof *changes, by_name);
            if (change == NULL)
                yyjson_mut_obj_add(merged, key, value);
            else
                add(doc, merged, change);
            key = next;
        }
        qsort(changes, count, sizeof *changes, by_place);
    }
    for (size_t i = 0; i < count; i++) {
        if (!changes[i].done)
            add(doc, merged, &changes[i]);
    }
    json_set(doc, object, name, merged);
}
