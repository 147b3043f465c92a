#include "http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void nothing(struct http_exchange *x)
{
    (void)x;
}

static const struct http_route first_routes[] = {
    {"GET", "/", nothing, 0, "root"},
    {"GET", "/users", nothing, 0, "list"},
    {"POST", "/users", nothing, 0, "create"},
    {"GET", "/users/{id}", nothing, 0, "one"},
    {"GET", "/users/{id}/roles", nothing, 0, "roles"},
    {"GET", "/users/me/photo", nothing, 0, "photo"},
};
static const struct http_route second_routes[] = {
    {"GET", "/users/me", nothing, 0, "me"},
    {"GET", "/assets/{path*}", nothing, 0, "assets"},
    {"GET", "/a/{x}/b/{y}", nothing, 0, "two"},
};
static const struct http_routes tables[] = {
    {first_routes, ARRAY_LENGTH(first_routes)},
    {second_routes, ARRAY_LENGTH(second_routes)},
};

struct room {
    struct arena *arena;
    struct http_router *router;
    struct http_pairs parameters;
};

static int enter(void **state)
{
    static struct room room;
    room.arena = arena_create();
    room.router = http_router_create(tables, ARRAY_LENGTH(tables), nothing);
    *state = &room;
    return 0;
}

static int leave(void **state)
{
    struct room *room = *state;
    http_router_free(&room->router);
    arena_destroy(&room->arena);
    return 0;
}

static const char *tag_of(struct room *room, const char *method, const char *path)
{
    const struct http_route *route =
        http_router_match(room->router, room->arena, method, path, &room->parameters);
    return route == NULL ? "none" : route->tag;
}

static void literals_come_before_names(void **state)
{
    struct room *room = *state;
    assert_string_equal(tag_of(room, "GET", "/"), "root");
    assert_string_equal(tag_of(room, "GET", "/users"), "list");
    assert_string_equal(tag_of(room, "POST", "/users"), "create");
    assert_string_equal(tag_of(room, "GET", "/users/me"), "me");
    assert_string_equal(tag_of(room, "GET", "/users/auth0%7Cme"), "one");
    assert_string_equal(http_pair(&room->parameters, "id"), "auth0|me");
}

static void a_literal_that_leads_nowhere_is_left_again(void **state)
{
    struct room *room = *state;
    assert_string_equal(tag_of(room, "GET", "/users/me/roles"), "roles");
    assert_string_equal(http_pair(&room->parameters, "id"), "me");
    assert_string_equal(tag_of(room, "GET", "/users/me/photo"), "photo");
}

static void names_take_one_segment_that_is_not_empty(void **state)
{
    struct room *room = *state;
    assert_string_equal(tag_of(room, "GET", "/users/"), "none");
    assert_string_equal(tag_of(room, "GET", "/users//roles"), "none");
    assert_string_equal(tag_of(room, "GET", "/users/a/b/c"), "none");
    assert_string_equal(tag_of(room, "GET", "/users/a%2Fb"), "one");
    assert_string_equal(http_pair(&room->parameters, "id"), "a/b");
    assert_string_equal(tag_of(room, "GET", "/a/1/b/2+2"), "two");
    assert_string_equal(http_pair(&room->parameters, "x"), "1");
    assert_string_equal(http_pair(&room->parameters, "y"), "2+2");
}

static void the_rest_is_taken_with_its_slashes(void **state)
{
    struct room *room = *state;
    assert_string_equal(tag_of(room, "GET", "/assets/1/css/a%20b.css"), "assets");
    assert_string_equal(http_pair(&room->parameters, "path"), "1/css/a b.css");
    assert_string_equal(tag_of(room, "GET", "/assets/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"), "assets");
    assert_string_equal(http_pair(&room->parameters, "path"), "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a");
}

static void other_methods_and_broken_paths_match_nothing(void **state)
{
    struct room *room = *state;
    assert_string_equal(tag_of(room, "DELETE", "/users"), "none");
    assert_string_equal(tag_of(room, "get", "/users"), "none");
    assert_string_equal(tag_of(room, "GET", "users"), "none");
    assert_string_equal(tag_of(room, "GET", "*"), "none");
    assert_string_equal(tag_of(room, "GET", ""), "none");
    assert_string_equal(tag_of(room, "GET", "/users/%zz"), "none");
    assert_string_equal(tag_of(room, "GET", "/users/a%00b"), "none");
    assert_string_equal(tag_of(room, "GET", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_come_before_names),
        cmocka_unit_test(a_literal_that_leads_nowhere_is_left_again),
        cmocka_unit_test(names_take_one_segment_that_is_not_empty),
        cmocka_unit_test(the_rest_is_taken_with_its_slashes),
        cmocka_unit_test(other_methods_and_broken_paths_match_nothing),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
