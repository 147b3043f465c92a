/* The description and the engine's tables say the same; every pattern in it is one that we can match. */
#include "management/description.h"
#include "management/engine.h"
#include "management/openapi.h"
#include "json/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static bool has_operation(const char *method, const char *path)
{
    for (size_t i = 0; i < management_operations_count; i++) {
        for (size_t j = 0; j < management_operations[i]->count; j++) {
            const struct operation *operation = &management_operations[i]->list[j];
            if (strcasecmp(operation->method, method) == 0 && strcmp(operation->path, path) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void every_operation_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < management_operations_count; i++) {
        for (size_t j = 0; j < management_operations[i]->count; j++) {
            const struct operation *operation = &management_operations[i]->list[j];
            yyjson_val *description = description_operation(operation->method, operation->path);
            if (description == NULL) {
                fail_msg("%s %s is not described", operation->method, operation->path);
            }
            assert_non_null(json_text(description, "summary"));
            assert_non_null(json_member(description, "responses"));
            bool is_public = strcmp(operation->path, "/openapi.json") == 0;
            assert_true(is_public || yyjson_arr_size(json_member(description, "x-scopes")) > 0);
        }
    }
}

static void everything_described_is_served(void **state)
{
    (void)state;
    size_t index, count, inner, inner_count;
    yyjson_val *path, *methods, *method, *operation;
    yyjson_obj_foreach(json_member(description_root(), "paths"), index, count, path, methods)
    {
        yyjson_obj_foreach(methods, inner, inner_count, method, operation)
        {
            if (!has_operation(yyjson_get_str(method), yyjson_get_str(path))) {
                fail_msg("%s %s is described, not served", yyjson_get_str(method), yyjson_get_str(path));
            }
        }
    }
}

/* Walks the whole document: yyjson lays a document's values one behind the other. */
static void every_pattern_compiles_and_every_reference_resolves(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    size_t patterns = 0, references = 0, checked = 0;
    yyjson_val **stack = arena_calloc(arena, 100000, sizeof(*stack));
    size_t depth = 0;
    stack[depth++] = description_root();
    while (depth > 0) {
        yyjson_val *value = stack[--depth];
        size_t index, count;
        yyjson_val *name, *member;
        checked++;
        yyjson_obj_foreach(value, index, count, name, member)
        {
            const char *text = yyjson_is_str(member) ? yyjson_get_str(member) : NULL;
            if (text != NULL && yyjson_equals_str(name, "pattern")) {
                patterns++;
                if (pattern_compile(arena, text) == NULL) {
                    fail_msg("cannot match %s", text);
                }
            }
            if (text != NULL && yyjson_equals_str(name, "$ref")) {
                references++;
                if (json_member(description_schemas(), strrchr(text, '/') + 1) == NULL) {
                    fail_msg("%s leads nowhere", text);
                }
            }
            stack[depth++] = member;
        }
        yyjson_arr_foreach(value, index, count, member)
        {
            stack[depth++] = member;
        }
    }
    assert_true(patterns > 10 && references > 200 && checked > 1000);
    arena_destroy(&arena);
}

static void the_openapi_document_holds_it_all(void **state)
{
    (void)state;
    struct arena *arena = arena_create();
    yyjson_val *document = json_parse_own(arena, openapi_text());
    assert_string_equal(json_text(document, "openapi"), "3.1.0");
    assert_int_equal(yyjson_obj_size(json_member(document, "paths")),
                     yyjson_obj_size(json_member(description_root(), "paths")));
    assert_int_equal(yyjson_obj_size(json_member(json_member(document, "components"), "schemas")),
                     yyjson_obj_size(description_schemas()));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_described),
        cmocka_unit_test(everything_described_is_served),
        cmocka_unit_test(every_pattern_compiles_and_every_reference_resolves),
        cmocka_unit_test(the_openapi_document_holds_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
