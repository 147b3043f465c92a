#include "http/exchange.h"

#include "http/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

static struct http_exchange x;
static struct http_pair headers[2];

static int enter(void **state)
{
    (void)state;
    x = (struct http_exchange){.arena = arena_create(), .response = {.status = 200}};
    return 0;
}

static int leave(void **state)
{
    (void)state;
    arena_destroy(&x.arena);
    return 0;
}

static void receive(const char *content_type, const char *body)
{
    headers[0] = (struct http_pair){"content-type", content_type};
    x.request.headers = (struct http_pairs){.items = headers, .count = content_type != NULL};
    x.request.body = bytes_of_text(body);
}

/* All headers of that name, joined by " | "; NULL where there is none. */
static const char *sent(const char *name)
{
    const char *all = NULL;
    for (const struct http_header_list *header = x.response.headers; header != NULL; header = header->next)
        if (strcasecmp(header->name, name) == 0)
            all = all == NULL ? header->value : arena_printf(x.arena, "%s | %s", all, header->value);
    return all;
}

static void a_form_is_read_from_either_type(void **state)
{
    struct http_pairs form;
    (void)state;
    receive("application/x-www-form-urlencoded; charset=UTF-8", "a=1&b=x+y");
    assert_true(http_form(&x, &form));
    assert_string_equal(http_pair(&form, "b"), "x y");
    receive("application/json",
            "{\"a\":\"t\",\"n\":12,\"big\":12345678901234567890,\"d\":1.5,\"yes\":true,\"o\":{\"x\":1},"
            "\"l\":[1],\"null\":null}");
    assert_true(http_form(&x, &form));
    assert_int_equal(form.count, 5);
    assert_string_equal(http_pair(&form, "a"), "t");
    assert_string_equal(http_pair(&form, "n"), "12");
    assert_string_equal(http_pair(&form, "big"), "12345678901234567890");
    assert_string_equal(http_pair(&form, "d"), "1.5");
    assert_string_equal(http_pair(&form, "yes"), "true");
    receive(NULL, "");
    assert_true(http_form(&x, &form));
    assert_int_equal(form.count, 0);
}

static void what_is_no_form_is_refused(void **state)
{
    static const struct {
        const char *type;
        const char *body;
    } broken[] = {
        {"application/json", "[1]"},
        {"application/json", "{\"a\":"},
        {"application/json", "{\"a\":1,\"a\":2}"},
        {"application/json", "\"a\""},
        {"application/x-www-form-urlencoded", "a=%zz"},
        {"application/x-www-form-urlencoded", "a=%00"},
        {"text/plain", "a=1"},
        {"multipart/form-data; boundary=x", "--x"},
        {NULL, "a=1"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++) {
        struct http_pairs form;
        receive(broken[i].type, broken[i].body);
        if (http_form(&x, &form))
            fail_msg("taken: %s", broken[i].body);
        assert_int_equal(form.count, 0);
    }
}

static void headers_are_added_and_replaced(void **state)
{
    (void)state;
    http_add_header(&x, "Vary", "Origin");
    http_add_header(&x, "vary", "Accept");
    assert_string_equal(sent("Vary"), "Origin | Accept");
    http_set_header(&x, "VARY", "*");
    assert_string_equal(sent("Vary"), "*");
}

static void a_line_break_cannot_make_a_header(void **state)
{
    (void)state;
    http_add_header(&x, "X-A", "a\r\nSet-Cookie: b=c");
    http_add_header(&x, "X-A", "a\nb");
    http_add_header(&x, "X-A\r\nX-B", "a");
    http_add_header(&x, "X A", "a");
    http_redirect(&x, 302, "https://a.test/\r\nX: y");
    assert_null(sent("X-A"));
    assert_null(sent("Location"));
    assert_null(sent("X"));
}

static void replies_name_their_type(void **state)
{
    (void)state;
    http_reply(&x, 200, "text/html", "<p>");
    assert_string_equal(sent("Content-Type"), "text/html; charset=utf-8");
    http_reply(&x, 200, "text/plain; charset=us-ascii", "a");
    assert_string_equal(sent("Content-Type"), "text/plain; charset=us-ascii");
    http_reply_bytes(&x, 200, "image/png", (struct bytes){.data = NULL});
    assert_string_equal(sent("Content-Type"), "image/png");
    http_reply_json(&x, 201, json_new_object(x.arena));
    assert_int_equal(x.response.status, 201);
    assert_string_equal(sent("Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(sent("Cache-Control"), "no-store");
    assert_memory_equal(x.response.body.data, "{}", 2);
    http_redirect(&x, 303, "/next");
    assert_int_equal(x.response.status, 303);
    assert_string_equal(sent("Location"), "/next");
    assert_null(sent("Content-Type"));
    assert_int_equal(x.response.body.size, 0);
}

static void cookies_say_what_they_are_for(void **state)
{
    (void)state;
    http_set_cookie(
        &x, "__Host-a", "v",
        &(struct http_cookie_options){.max_age = 60, .same_site = "None", .secure = true, .http_only = true});
    assert_string_equal(sent("Set-Cookie"),
                        "__Host-a=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=None");
    x.response.headers = NULL;
    http_set_cookie(&x, "b", "", &(struct http_cookie_options){.max_age = -1, .path = "/u"});
    assert_string_equal(sent("Set-Cookie"), "b=; Path=/u; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    x.response.headers = NULL;
    http_set_cookie(&x, "c", "v", &(struct http_cookie_options){.same_site = "Lax"});
    http_set_cookie(&x, "d", "v", &(struct http_cookie_options){.same_site = "Lax"});
    assert_string_equal(sent("Set-Cookie"), "c=v; Path=/; SameSite=Lax | d=v; Path=/; SameSite=Lax");
}

static void a_cookie_cannot_carry_attributes_in_its_value(void **state)
{
    static const char *const values[] = {
        "a; Domain=evil.test", "a\r\nX: y", "a b", "a,b", "a\"b", "a\\b", "\xc3\xbc"};
    const struct http_cookie_options options = {.max_age = 0};
    const struct http_cookie_options wrong_path = {.path = "/; Domain=evil.test"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
        http_set_cookie(&x, "a", values[i], &options);
    http_set_cookie(&x, "a=b", "c", &options);
    http_set_cookie(&x, "", "c", &options);
    http_set_cookie(&x, "a", "c", &wrong_path);
    assert_null(sent("Set-Cookie"));
}

static const char *bearer_of(const char *authorization)
{
    headers[0] = (struct http_pair){"authorization", authorization};
    x.request.headers = (struct http_pairs){.items = headers, .count = authorization != NULL};
    return http_credentials(&x, "Bearer");
}

static void credentials_are_those_of_the_scheme_alone(void **state)
{
    (void)state;
    assert_string_equal(bearer_of("Bearer a.b.c"), "a.b.c");
    assert_string_equal(bearer_of("bearer   a"), "a");
    assert_string_equal(bearer_of("Bearer "), "");
    static const char *const others[] = {NULL, "", "Bearer", "Bearera", "Basic a", "MFA-DPoP a"};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        assert_null(bearer_of(others[i]));
}

int main(void)
{
#define EXCHANGED(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        EXCHANGED(a_form_is_read_from_either_type),
        EXCHANGED(what_is_no_form_is_refused),
        EXCHANGED(headers_are_added_and_replaced),
        EXCHANGED(a_line_break_cannot_make_a_header),
        EXCHANGED(replies_name_their_type),
        EXCHANGED(cookies_say_what_they_are_for),
        EXCHANGED(a_cookie_cannot_carry_attributes_in_its_value),
        EXCHANGED(credentials_are_those_of_the_scheme_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
