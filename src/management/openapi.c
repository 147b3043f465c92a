#include "management/openapi.h"

#include "base/buffer.h"
#include "management/description.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t written = PTHREAD_ONCE_INIT;
static struct arena *document_arena; /* lives as long as the process */
static const char *document;

/* "/guardian/factors/{name}" belongs to the tag guardian. */
static const char *tag_of(struct arena *arena, const char *path, yyjson_mut_val *operation)
{
    const char *own = json_mut_text(operation, "x-tag");
    return own != NULL ? own : arena_strndup(arena, path + 1, strcspn(path + 1, "/"));
}

/* "patch" and "/users/{id}" give patch_users_id, for those who generate clients. */
static const char *operation_id(struct arena *arena, const char *method, const char *path)
{
    struct buffer id = buffer_create(arena, 256);
    buffer_add(&id, method);
    for (; *path != '\0'; path++) {
        if (*path == '/' || *path == '-' || *path == '.') {
            buffer_add_char(&id, '_');
        } else if (*path != '{' && *path != '}') {
            buffer_add_char(&id, *path);
        }
    }
    return buffer_text(&id);
}

/* Tags, and the scopes as OpenAPI says them: one requirement a scope, any of which suffices. */
static void complete_operation(struct arena *arena, yyjson_mut_doc *doc, const char *path, const char *method,
                               yyjson_mut_val *operation)
{
    json_set_text(doc, operation, "operationId", operation_id(arena, method, path));
    yyjson_mut_val *tags = yyjson_mut_obj_add_arr(doc, operation, "tags");
    yyjson_mut_arr_add_str(doc, tags, tag_of(arena, path, operation));
    yyjson_mut_val *security = yyjson_mut_obj_add_arr(doc, operation, "security");
    size_t index, count;
    yyjson_mut_val *scope;
    yyjson_mut_arr_foreach(json_mut_member(operation, "x-scopes"), index, count, scope)
    {
        yyjson_mut_val *requirement = yyjson_mut_arr_add_obj(doc, security);
        yyjson_mut_val *scopes = yyjson_mut_obj_add_arr(doc, requirement, "bearer");
        yyjson_mut_arr_append(scopes, yyjson_mut_val_mut_copy(doc, scope));
    }
}

static void complete_paths(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *paths)
{
    size_t index, count, inner_index, inner_count;
    yyjson_mut_val *path, *operations, *method, *operation;
    yyjson_mut_obj_foreach(paths, index, count, path, operations)
    {
        yyjson_mut_obj_foreach(operations, inner_index, inner_count, method, operation)
        {
            complete_operation(arena, doc, yyjson_mut_get_str(path), yyjson_mut_get_str(method), operation);
        }
    }
}

static void forget(void)
{
    arena_destroy(&document_arena);
}

static void write_document(void)
{
    struct arena *arena = document_arena = arena_create();
    (void)atexit(forget);
    yyjson_mut_doc *doc = json_thaw(
        arena,
        json_parse_own(
            arena,
            "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Countersign Management API\",\"version\":\"2.0\"},"
            "\"servers\":[{\"url\":\"/api/v2\"}],\"paths\":{},\"components\":{\"securitySchemes\":{"
            "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"}}}}"));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *paths = yyjson_val_mut_copy(doc, json_member(description_root(), "paths"));
    complete_paths(arena, doc, paths);
    json_set(doc, root, "paths", paths);
    json_set(doc, json_mut_member(root, "components"), "schemas",
             yyjson_val_mut_copy(doc, description_schemas()));
    document = json_write_doc(arena, doc);
}

const char *openapi_text(void)
{
    (void)pthread_once(&written, write_document);
    return document;
}

static void show_document(struct call *call)
{
    http_reply(call->x, 200, "application/json", openapi_text());
}

static const struct operation list[] = {
    {"GET", "/openapi.json", show_document, NULL},
};
const struct operations openapi_operations = {list, ARRAY_LENGTH(list)};
