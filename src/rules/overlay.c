/*
 * What a rule put onto `user` before it sent the person elsewhere is still there when the rules run again, although the user is
 * read anew then (Auth0's document "Redirect Users from Within Rules").
 */
#include "rules/program.h"

#include <string.h>

/* Metadata is merged by its first level, as an update of it is. */
static const char *const merged[] = {"app_metadata", "user_metadata"};

static bool is_merged(const char *name)
{
    return strcmp(name, merged[0]) == 0 || strcmp(name, merged[1]) == 0;
}

static bool same(yyjson_val *a, yyjson_val *b)
{
    return a != NULL && b != NULL && yyjson_equals(a, b);
}

/* Adds the members of `after` that are others in `before`, and the names of those that went. */
static void add_difference(yyjson_mut_doc *doc, yyjson_mut_val *set, yyjson_mut_val *gone, yyjson_val *before,
                           yyjson_val *after, bool whole)
{
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(after, index, count, name, value)
    {
        if ((whole || !is_merged(yyjson_get_str(name))) &&
            !same(json_member(before, yyjson_get_str(name)), value))
            yyjson_mut_obj_add(set, yyjson_val_mut_copy(doc, name), yyjson_val_mut_copy(doc, value));
    }
    yyjson_obj_foreach(before, index, count, name, value)
    {
        if ((whole || !is_merged(yyjson_get_str(name))) && json_member(after, yyjson_get_str(name)) == NULL)
            yyjson_mut_arr_append(gone, yyjson_val_mut_copy(doc, name));
    }
}

static void add_part(yyjson_mut_doc *doc, const char *part, yyjson_val *before, yyjson_val *after, bool whole)
{
    yyjson_mut_val *entry = yyjson_mut_obj(doc);
    yyjson_mut_val *set = yyjson_mut_obj_add_obj(doc, entry, "set");
    yyjson_mut_val *gone = yyjson_mut_obj_add_arr(doc, entry, "gone");
    add_difference(doc, set, gone, before, after, whole);
    if (yyjson_mut_obj_size(set) > 0 || yyjson_mut_arr_size(gone) > 0)
        json_set(doc, yyjson_mut_doc_get_root(doc), part, entry);
}

yyjson_val *rules_overlay_of(struct arena *arena, yyjson_val *before, yyjson_val *after)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    add_part(doc, "user", before, after, false);
    for (size_t i = 0; i < ARRAY_LENGTH(merged); i++)
        add_part(doc, merged[i], json_member(before, merged[i]), json_member(after, merged[i]), true);
    return json_parse_own(arena, json_write_doc(arena, doc));
}

static void apply_part(yyjson_mut_doc *doc, yyjson_mut_val *object, yyjson_val *part)
{
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(json_member(part, "set"), index, count, name, value)
    {
        json_set(doc, object, yyjson_get_str(name), yyjson_val_mut_copy(doc, value));
    }
    yyjson_arr_foreach(json_member(part, "gone"), index, count, value)
    {
        json_remove(object, yyjson_get_str(value));
    }
}

void rules_overlay_apply(yyjson_mut_doc *doc, yyjson_mut_val *user, yyjson_val *overlay)
{
    apply_part(doc, user, json_member(overlay, "user"));
    for (size_t i = 0; i < ARRAY_LENGTH(merged); i++) {
        yyjson_val *part = json_member(overlay, merged[i]);
        if (part != NULL && !yyjson_mut_is_obj(json_mut_member(user, merged[i])))
            json_set(doc, user, merged[i], yyjson_mut_obj(doc));
        if (part != NULL)
            apply_part(doc, json_mut_member(user, merged[i]), part);
    }
}
