/* Query strings, paging, `fields`, what the log leaves out, and the SQL of user search. */
#include "management/audit.h"
#include "management/description.h"
#include "management/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_create();
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static yyjson_val *query_of(const char *method, const char *path, const struct http_pair *items, size_t count)
{
    yyjson_val *schema = description_parameters(arena, description_operation(method, path), "query");
    return query_values(arena, &(struct http_pairs){items, count}, schema);
}

static void parameters_get_the_types_that_are_described(void **state)
{
    (void)state;
    static const struct http_pair items[] = {{"page", "2"}, {"per_page", "x"},     {"include_totals", "true"},
                                             {"name", "1"}, {"strategy", "auth0"}, {"strategy", "sms"}};
    yyjson_val *query = query_of("GET", "/connections", items, ARRAY_LENGTH(items));
    assert_string_equal(json_write(arena, query),
                        "{\"page\":2,\"per_page\":\"x\",\"include_totals\":true,\"name\":\"1\","
                        "\"strategy\":[\"auth0\",\"sms\"]}");
}

static bool paging_of(const char *path, const struct http_pair *items, size_t count, struct paging *paging)
{
    struct http_exchange *x = arena_alloc(arena, sizeof(*x));
    x->arena = arena;
    return paging_read(x, description_operation("GET", path), query_of("GET", path, items, count), paging);
}

static void pages_are_by_offset_or_by_checkpoint(void **state)
{
    (void)state;
    struct paging paging;
    assert_true(paging_of("/clients", NULL, 0, &paging));
    assert_false(paging.by_checkpoint);
    assert_int_equal(paging.limit, 50);
    static const struct http_pair by_page[] = {{"page", "3"}, {"per_page", "20"}, {"include_totals", "true"}};
    assert_true(paging_of("/clients", by_page, 3, &paging));
    assert_int_equal(paging.offset, 60);
    assert_true(paging.totals);
    const struct http_pair by_checkpoint[] = {{"take", "5"},
                                              {"from", paging_next(arena, 1234, "id:with:colons")}};
    assert_true(paging_of("/clients", by_checkpoint, 2, &paging));
    assert_true(paging.by_checkpoint);
    assert_int_equal(paging.after_created_at, 1234);
    assert_string_equal(paging.after_id, "id:with:colons");
    assert_true(paging_of("/clients/{id}/connections", NULL, 0, &paging));
    assert_true(paging.by_checkpoint);
}

static const char *projected(const char *object, const char *query)
{
    yyjson_mut_doc *doc = json_thaw(arena, json_parse_own(arena, object));
    yyjson_mut_val *root =
        fields_project(arena, doc, yyjson_mut_doc_get_root(doc), json_parse_own(arena, query));
    return json_write_mut(arena, root);
}

static void fields_keep_or_drop_members_at_any_depth(void **state)
{
    (void)state;
    static const char user[] = "{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"e\":[{\"f\":4,\"g\":5},{\"g\":6}]}";
    assert_string_equal(projected(user, "{}"), user);
    assert_string_equal(projected(user, "{\"fields\":\"a,b\"}"), "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
    assert_string_equal(projected(user, "{\"fields\":\"b.c,e.g\"}"),
                        "{\"b\":{\"c\":2},\"e\":[{\"g\":5},{\"g\":6}]}");
    assert_string_equal(projected(user, "{\"fields\":\"a,b.c,e.f\",\"include_fields\":false}"),
                        "{\"b\":{\"d\":3},\"e\":[{\"g\":5},{\"g\":6}]}");
    assert_string_equal(projected(user, "{\"fields\":\"x\"}"), "{}");
    assert_true(fields_name(json_parse_own(arena, "{\"fields\":\"a,client_secret\"}"), "client_secret"));
    assert_false(fields_name(json_parse_own(arena, "{\"fields\":\"a,client_secrets\"}"), "client_secret"));
}

static void the_log_holds_no_secret(void **state)
{
    (void)state;
    yyjson_mut_doc *doc = json_thaw(
        arena, json_parse_own(
                   arena, "{\"email\":\"a@b.test\",\"password\":\"p\",\"x\":[{\"client_secret\":\"s\",\"y\":{"
                          "\"ticket_url\":\"u\",\"z\":1}}],\"auth_token\":\"t\",\"value\":\"v\"}"));
    audit_strip(arena, yyjson_mut_doc_get_root(doc));
    assert_string_equal(json_write_doc(arena, doc), "{\"email\":\"a@b.test\",\"x\":[{\"y\":{\"z\":1}}]}");
}

static const char *sql_of(enum db_kind kind, const char *q)
{
    struct statement *where = statement_create(arena, kind);
    const char *fault = NULL;
    return search_add(arena, where, q, &fault) ? buffer_text(&where->text) : NULL;
}

static void searched_values_are_bound_never_written(void **state)
{
    (void)state;
    for (enum db_kind kind = DB_SQLITE; kind <= DB_POSTGRES; kind++) {
        static const char *const queries[] = {"name:\"x' OR 1=1 --\"", "app_metadata.x'y:z*", "email:*'drop*",
                                              "user_metadata.a.b:\"q'\"", "name:[a' TO b']"};
        for (size_t i = 0; i < ARRAY_LENGTH(queries); i++) {
            const char *sql = sql_of(kind, queries[i]);
            assert_non_null(sql);
            assert_null(strstr(sql, "1=1"));
            assert_null(strstr(sql, "drop"));
            assert_null(strstr(sql, "x'y"));
            assert_null(strstr(sql, "q'"));
            assert_null(strstr(sql, "a'"));
        }
    }
    assert_null(sql_of(DB_SQLITE, "app_metadata.a\\\"b:x"));
}

static void operators_bind_as_in_lucene(void **state)
{
    (void)state;
    const char *flat = sql_of(DB_SQLITE, "user_id:a OR user_id:b AND NOT user_id:c");
    const char *grouped = sql_of(DB_SQLITE, "user_id:a OR (user_id:b AND (NOT user_id:c))");
    assert_string_equal(flat, grouped);
    assert_string_equal(sql_of(DB_SQLITE, "user_id:a user_id:b"),
                        sql_of(DB_SQLITE, "user_id:a OR user_id:b"));
    assert_string_equal(sql_of(DB_SQLITE, "-user_id:a"), sql_of(DB_SQLITE, "NOT user_id:a"));
    assert_string_equal(sql_of(DB_SQLITE, "user_id:(\"a\" OR b)"),
                        sql_of(DB_SQLITE, "user_id:a OR user_id:b"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, drop_arena)
    const struct CMUnitTest tests[] = {
        TEST(parameters_get_the_types_that_are_described), TEST(pages_are_by_offset_or_by_checkpoint),
        TEST(fields_keep_or_drop_members_at_any_depth),    TEST(the_log_holds_no_secret),
        TEST(searched_values_are_bound_never_written),     TEST(operators_bind_as_in_lucene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
