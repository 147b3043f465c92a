/* Tests of a folder of rules: what their fixtures expect, against what a try tells. */
#include "cli/rules.h"

#include "cli/commands.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MOST = 1000, RULES_MOST = 100 };

static const char fixture_ending[] = ".test.json";

struct testing {
    const struct rules_try_world *world;
    const char *directory;
    struct arena *arena; /* of one file */
    unsigned passed;
    unsigned failed;
};

static void report(struct testing *testing, const char *what, const char *name, const char *fault)
{
    printf("%s %s: %s\n", fault == NULL ? "ok    " : "not ok", what, name);
    if (fault == NULL) {
        testing->passed++;
        return;
    }
    testing->failed++;
    for (const char *line = fault; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        printf("         %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static const char *path_of(struct testing *testing, const char *file)
{
    return arena_printf(testing->arena, "%s/%s", testing->directory, file);
}

/* --- what is expected --- */

struct place {
    yyjson_val *expected;
    yyjson_val *got; /* NULL: absent */
    const char *path;
};

/* Whether two values that are no objects are the same; arrays must be so whole. */
static bool is_same(yyjson_val *expected, yyjson_val *got)
{
    if (yyjson_is_num(expected) && yyjson_is_num(got))
        return yyjson_get_num(expected) == yyjson_get_num(got);
    return yyjson_equals(expected, got);
}

/*
 * The first difference, as a sentence; NULL where `got` holds all of `expected`. Places that wait are kept on a heap of our
 * own: fixtures come from outside.
 */
static const char *difference(struct arena *arena, yyjson_val *expected, yyjson_val *got)
{
    enum { PLACES_MOST = 10000 };
    struct place *places = arena_calloc(arena, PLACES_MOST, sizeof *places);
    size_t count = 0;
    places[count++] = (struct place){expected, got, ""};
    while (count > 0) {
        struct place at = places[--count];
        if (yyjson_is_null(at.expected)) {
            if (at.got != NULL && !yyjson_is_null(at.got))
                return arena_printf(arena, "%s must be absent, and is %s", at.path,
                                    json_write(arena, at.got));
            continue;
        }
        if (!yyjson_is_obj(at.expected) || !yyjson_is_obj(at.got)) {
            if (at.got == NULL || !is_same(at.expected, at.got))
                return arena_printf(arena, "%s must be %s, and is %s", at.path,
                                    json_write(arena, at.expected),
                                    at.got != NULL ? json_write(arena, at.got) : "absent");
            continue;
        }
        size_t index, size;
        yyjson_val *name, *value;
        yyjson_obj_foreach(at.expected, index, size, name, value)
        {
            if (count == PLACES_MOST)
                return "too much is expected";
            places[count++] = (struct place){value, json_member(at.got, yyjson_get_str(name)),
                                             arena_printf(arena, "%s/%s", at.path, yyjson_get_str(name))};
        }
    }
    return NULL;
}

/* --- one file of fixtures --- */

/* The rules of a fixture: those it names, else the one of its own name. NULL with the cause in *error. */
static const struct rule *read_rules(struct testing *testing, yyjson_val *fixture, const char *file,
                                     size_t *count, const char **error)
{
    yyjson_val *named = json_member(fixture, "rules");
    size_t most = yyjson_is_arr(named) ? yyjson_arr_size(named) : 1;
    struct rule *rules = arena_calloc(testing->arena, most + 1, sizeof *rules);
    if (most > RULES_MOST) {
        *error = "too many rules are named";
        return NULL;
    }
    for (*count = 0; *count < most; (*count)++) {
        int stem = (int)(strlen(file) - strlen(fixture_ending));
        const char *name = yyjson_is_arr(named) ? yyjson_get_str(yyjson_arr_get(named, *count))
                                                : arena_printf(testing->arena, "%.*s.js", stem, file);
        if (name == NULL || strchr(name, '/') != NULL) {
            *error = "rules must name files of this folder";
            return NULL;
        }
        const char *script = rules_file_text(testing->arena, path_of(testing, name), error);
        if (script == NULL)
            return NULL;
        rules[*count] = (struct rule){
            .id = arena_printf(testing->arena, "test_%zu", *count), .name = name, .script = script};
    }
    return rules;
}

static const char *run_case(struct testing *testing, const struct rule *rules, size_t count,
                            yyjson_val *fixture, yyjson_val *one)
{
    struct arena *arena = testing->arena;
    yyjson_val *configuration = json_member(one, "configuration"), *http = json_member(one, "http");
    if (http == NULL)
        http = json_member(fixture, "http");
    struct rules_wish wish = {
        .rules = rules,
        .count = count,
        .user = json_member(one, "user"),
        .context = json_member(one, "context"),
        .configuration = configuration != NULL ? configuration : json_member(fixture, "configuration"),
        .http = http != NULL ? http : json_parse_own(arena, "[]"),
    };
    yyjson_val *expected = json_member(one, "expect");
    if (!yyjson_is_obj(expected))
        return "expect must be an object";
    struct rules_tried *tried = arena_alloc(arena, sizeof *tried);
    rules_try(testing->world, arena, &wish, tried);
    yyjson_mut_doc *told = rules_tried_json(arena, tried);
    const char *fault = difference(arena, expected, json_parse_own(arena, json_write_doc(arena, told)));
    return fault != NULL ? arena_printf(arena, "%s\nall of it: %s", fault, rules_pretty(arena, told)) : NULL;
}

static void test_fixture(struct testing *testing, const char *file)
{
    const char *error = NULL;
    size_t count = 0;
    yyjson_val *fixture =
        rules_json(testing->arena, arena_printf(testing->arena, "@%s", path_of(testing, file)), &error);
    const struct rule *rules = fixture != NULL ? read_rules(testing, fixture, file, &count, &error) : NULL;
    yyjson_val *cases = json_member(fixture, "cases");
    if (rules != NULL && (!yyjson_is_arr(cases) || yyjson_arr_size(cases) == 0))
        error = "cases must be an array of at least one case";
    if (error != NULL) {
        report(testing, file, "cannot be read", error);
        return;
    }
    size_t index, size;
    yyjson_val *one;
    yyjson_arr_foreach(cases, index, size, one)
    {
        const char *name = json_text(one, "name");
        report(testing, file, name != NULL ? name : arena_printf(testing->arena, "case %zu", index + 1),
               run_case(testing, rules, count, fixture, one));
    }
}

static void compile_rule(struct testing *testing, const char *file)
{
    const char *error = NULL;
    const char *script = rules_file_text(testing->arena, path_of(testing, file), &error);
    if (script != NULL) {
        struct rule rule = {.id = "test", .name = file, .script = script};
        yyjson_val *fault = rules_check(testing->world->scripts, testing->arena, &rule);
        if (fault != NULL)
            error = arena_printf(testing->arena, "%s: %s (line %lld, column %lld)", json_text(fault, "name"),
                                 json_text(fault, "message"), (long long)json_int(fault, "line", 0),
                                 (long long)json_int(fault, "column", 0));
    }
    report(testing, file, "compiles", error);
}

/* --- the folder --- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), end = strlen(ending);
    return length > end && strcmp(text + length - end, ending) == 0;
}

static int is_of_interest(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".js") || ends_with(entry->d_name, fixture_ending);
}

int rules_test(const struct rules_try_world *world, const char *directory)
{
    struct testing testing = {.world = world, .directory = directory};
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_of_interest, alphasort);
    if (count < 0)
        return command_fail("the directory cannot be read");
    for (int i = 0; i < count; i++) {
        testing.arena = arena_create();
        if (i < FILES_MOST)
            (ends_with(entries[i]->d_name, ".js") ? compile_rule : test_fixture)(&testing,
                                                                                 entries[i]->d_name);
        arena_destroy(&testing.arena);
        free(entries[i]);
    }
    free(entries);
    if (count > FILES_MOST)
        return command_fail("there are more than 1000 files");
    printf("%u passed, %u failed\n", testing.passed, testing.failed);
    return testing.failed == 0 && testing.passed > 0 ? 0 : 1;
}
