/* How the operator's modules are named, and what of the file system a worker can ask for by such names. */
#include "script/modules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *arena;

static void names_become_files_and_back(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"lodash@4.17.21", "lodash@4.17.21.js"},
        {"@octokit/rest@17.1.4", "@octokit+rest@17.1.4.js"},
        {"aws-sdk@2.1.0/clients/s3", "aws-sdk@2.1.0+clients+s3.js"},
        {"x@1.0.0-beta.1", "x@1.0.0-beta.1.js"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        struct module_name name;
        assert_true(module_name_read(arena, pairs[i][0], &name));
        assert_string_equal(module_file(arena, &name), pairs[i][1]);
        assert_true(module_file_read(arena, pairs[i][1], &name));
        assert_string_equal(module_name_text(arena, &name), pairs[i][0]);
    }
}

static void what_npm_can_not_hold_is_no_name(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "lodash",
        "lodash@",
        "@1.0.0",
        "lodash@latest",
        "../x@1.0.0",
        "a/b@1.0.0",
        "@a/b/c@1.0.0",
        "@a@1.0.0",
        ".x@1.0.0",
        "x@1.0.0/../../etc",
        "x@1.0.0/",
        "x@1.0.0/.a",
        "x@1.0.0/a//b",
        "x y@1.0.0",
        "x@1.0.0\n",
        "x@1.0.0+build",
        "@/b@1.0.0",
        "@../b@1.0.0",
        "x@../../../etc/passwd",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        struct module_name name;
        assert_false(module_name_read(arena, others[i], &name));
    }
}

static const char *ask(const char *(*question)(const char *, struct arena *, yyjson_val *, const char **),
                       const char *directory, const char *arguments)
{
    const char *error = NULL;
    const char *answer = question(directory, arena, json_parse_own(arena, arguments), &error);
    return answer != NULL ? answer : error;
}

static void workers_read_modules_and_nothing_else(void **state)
{
    (void)state;
    char folder[] = "/tmp/countersign-modules-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *inside = arena_printf(arena, "%s/modules", folder);
    const char *path = arena_printf(arena, "%s/a@1.0.0.js", inside);
    const char *secret = arena_printf(arena, "%s/secret", folder);
    assert_int_equal(mkdir(inside, 0700), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("(1)", file);
    fclose(file);
    file = fopen(secret, "w");
    assert_non_null(file);
    fclose(file);

    const char *versions = ask(script_module_versions, inside, "{\"name\":\"a\"}");
    assert_non_null(strstr(versions, "\"version\":\"1.0.0\""));
    assert_string_equal(ask(script_module_versions, inside, "{\"name\":\"b\"}"), "[]");
    assert_string_equal(ask(script_module_versions, inside, "{\"name\":\"a\",\"entry\":\"x\"}"), "[]");
    assert_string_equal(ask(script_module_versions, "/nowhere", "{\"name\":\"a\"}"), "[]");
    const char *key = json_text(yyjson_arr_get(json_parse_own(arena, versions), 0), "key");
    assert_non_null(key);
    assert_string_equal(ask(script_module_text, inside, arena_printf(arena, "{\"key\":\"%s\"}", key)),
                        "\"(1)\"");
    assert_string_equal(ask(script_module_text, inside, "{\"key\":\"a@1.0.0.js:3:1:1\"}"),
                        "the module's file cannot be read");
    static const char *const others[] = {"{\"key\":\"../secret:1\"}", "{\"key\":\"a@1.0.0.js\"}",
                                         "{\"key\":\"b@1.0.0.js:1\"}", "{\"key\":7}", "{}"};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        assert_string_equal(ask(script_module_text, inside, others[i]), "the module's file cannot be read");
    unlink(path);
    unlink(secret);
    rmdir(inside);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_files_and_back),
        cmocka_unit_test(what_npm_can_not_hold_is_no_name),
        cmocka_unit_test(workers_read_modules_and_nothing_else),
    };
    arena = arena_create();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(&arena);
    return failed;
}
