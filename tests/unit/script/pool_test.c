/* The pool and the rules program: what callback means, and what a fresh context is worth. */
#include "base/buffer.h"
#include "harness.h"

#include <pthread.h>

static int start(void **state)
{
    (void)state;
    return start_pool(2, 30000, 10000);
}

static void assert_error(const char *rule, const char *kind, const char *message)
{
    assert_int_equal(run_rule(rule), SCRIPT_DONE);
    yyjson_val *error = json_member(report.answer, "error");
    assert_non_null(error);
    assert_string_equal(json_text(error, "message"), message);
    assert_string_equal(json_text(error, "kind"), kind);
}

static const char *claim(const char *name)
{
    return json_text(json_member(report.answer, "id_token"), name);
}

static void assert_claim(const char *rule, const char *expected)
{
    enum script_outcome outcome = run_rule(rule);
    if (outcome != SCRIPT_DONE || rule_error() != NULL)
        print_error("outcome %d, error %s\n", outcome, rule_error());
    assert_int_equal(outcome, SCRIPT_DONE);
    assert_null(rule_error());
    assert_non_null(claim("c"));
    assert_string_equal(claim("c"), expected);
}

static void the_tutorials_rule_asks_for_a_factor(void **state)
{
    (void)state;
    assert_int_equal(run_rule("function (user, context, callback) {\n"
                              "    // run only for the specified applications\n"
                              "    var CLIENTS_WITH_MFA = ['client1'];\n"
                              "    if (CLIENTS_WITH_MFA.indexOf(context.clientID) !== -1) {\n"
                              "        if (user.app_metadata && user.app_metadata.use_mfa){\n"
                              "            context.multifactor = {\n"
                              "                // required\n"
                              "                provider: 'guardian', \n"
                              "                // set to false to force Guardian authentication every login\n"
                              "                allowRememberBrowser: false\n"
                              "            };\n"
                              "        }\n"
                              "    }\n"
                              "    callback(null, user, context);\n"
                              "}"),
                     SCRIPT_DONE);
    yyjson_val *multifactor = json_member(report.answer, "multifactor");
    assert_string_equal(json_text(multifactor, "provider"), "guardian");
    assert_false(json_bool(multifactor, "allowRememberBrowser", true));
}

static void every_shape_of_a_rule_runs(void **state)
{
    (void)state;
    static const char *const shapes[] = {
        "function (user, context, callback) { context.idToken.c = 'x'; callback(null, user, context); }",
        "function named(user, context, callback) { context.idToken.c = 'x'; callback(null, user, context); }",
        "(user, context, callback) => { context.idToken.c = 'x'; callback(null, user, context); }",
        "async function (user, context, callback) { await null; context.idToken.c = 'x'; callback(null, "
        "user, context); }",
        "/* title */\nfunction (user, context, callback) { context.idToken.c = 'x'; callback(); } // end",
        "function (user, context, callback) { context.idToken.c = 'x'; callback(null); };",
        "function (user, context, callback) { context.idToken.c = 'x'; callback(null); }; // end\n",
        "async (user, context, callback) => { context.idToken.c = 'x'; return callback(null); };\n\n",
        "function (user, context, callback) { setTimeout(function () { context.idToken.c = 'x'; "
        "callback(null); }, 1); }",
        "function (user, context, callback) { callback(null, user, { idToken: { c: 'x' } }); }",
        "function (user, context, callback) { context.idToken = { c: 'x' }; callback(null, null, context); }",
        "function (user, context, callback) { context.idToken.c = 'x'; callback(null, 'nobody', 7); }",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++)
        assert_claim(shapes[i], "x");
}

static void errors_reach_the_login_in_their_words(void **state)
{
    (void)state;
    assert_error("function (u, c, cb) { cb(new UnauthorizedError('not today')); }", "unauthorized",
                 "not today");
    assert_error("function (u, c, cb) { cb(new Error('no')); }", "error", "no");
    assert_error("function (u, c, cb) { cb('plain text'); }", "error", "plain text");
    assert_error("function (u, c, cb) { cb({ toString: function () { return 'odd'; } }); }", "error", "odd");
    assert_error("function (u, c, cb) { cb(42); }", "error", "42");
    assert_error("function (u, c, cb) { throw new Error('thrown'); }", "error", "thrown");
    assert_error("function (u, c, cb) { throw undefined; }", "error", "undefined");
    assert_error("function (u, c, cb) { throw new UnauthorizedError('thrown too'); }", "unauthorized",
                 "thrown too");
    assert_error("async function (u, c, cb) { throw new Error('rejected'); }", "error", "rejected");
    assert_error("async function (u, c, cb) { await null; await Promise.reject(new Error('later')); }",
                 "error", "later");
    assert_error("function (u, c, cb) { setTimeout(function () { throw new Error('in a timer'); }, 1); }",
                 "error", "in a timer");
    assert_error("function (u, c, cb) { Promise.reject(new Error('unheard')); }", "error", "unheard");
    assert_error("function (u, c, cb) { u.missing.member = 1; }", "error",
                 "Cannot set properties of undefined (setting 'member')");
    assert_error("function (u, c, cb) { return missing; }", "error", "'missing' is not defined");
    assert_error("'text'", "error", "The rule is not a function");
    assert_error("function (u, c, cb) { cb(new Proxy({}, { get: function () { throw 1; } })); }", "error",
                 "The rule failed with an error that can not be shown");
}

static void an_error_names_its_line_and_column(void **state)
{
    (void)state;
    assert_int_equal(run_rule("function (user, context, callback) {\n  var a;\n  a.b.c();\n}"), SCRIPT_DONE);
    assert_int_equal(json_int(json_member(report.answer, "error"), "line", 0), 3);
    assert_int_equal(run_rule("function (user, context, callback) {\n  var 7;\n}"), SCRIPT_DONE);
    yyjson_val *error = json_member(report.answer, "error");
    assert_string_equal(json_text(error, "name"), "SyntaxError");
    assert_int_equal(json_int(error, "line", 0), 2);
    assert_int_equal(json_int(error, "rule", -1), 0);
}

static void callback_never_called_ends_at_once_with_auth0s_text(void **state)
{
    (void)state;
    assert_error("function (user, context, callback) { }", "error",
                 "Request to Webtask exceeded allowed execution time");
    assert_error("function (user, context, callback) { return new Promise(function () {}); }", "error",
                 "Request to Webtask exceeded allowed execution time");
}

static void the_first_callback_counts(void **state)
{
    (void)state;
    assert_claim("function (u, c, cb) { c.idToken.c = 'first'; cb(null, u, c); cb(new Error('second')); }",
                 "first");
    assert_int_equal(report.line_count, 1);
    assert_int_equal(report.lines[0].level, 'w');
    assert_claim("function (u, c, cb) { c.idToken.c = 'first'; cb(null, u, c); throw new Error('after'); }",
                 "first");
    assert_error("function (u, c, cb) { cb(new Error('first')); cb(null, u, c); }", "error", "first");
}

static void a_rule_sees_what_the_one_before_changed(void **state)
{
    (void)state;
    const char *rules[] = {
        "function (u, c, cb) { u.mark = 'one'; c.note = 'seen'; setTimeout(function () { cb(null, u, c); }, "
        "1); }",
        "function (u, c, cb) { c.idToken.c = u.mark + ' ' + c.note; cb(null, u, c); }",
        "function (u, c, cb) { cb(new Error('third of ' + c.idToken.c)); }",
        "function (u, c, cb) { while (true); }",
    };
    assert_int_equal(run_rules_with(arena, "{}", rules, 4, NULL, 0, NULL, &report), SCRIPT_DONE);
    assert_string_equal(rule_error(), "third of one seen");
    assert_int_equal(json_int(json_member(report.answer, "error"), "rule", -1), 2);
}

static void globals_of_a_rule(void **state)
{
    (void)state;
    assert_claim("function (u, c, cb) { c.idToken.c = configuration.KEY; cb(null, u, c); }", "secret");
    assert_claim("function (u, c, cb) { c.idToken.c = auth0.domain + ' ' + auth0.baseUrl; cb(null, u, c); }",
                 "login.test https://login.test/api/v2");
    assert_claim("function (u, c, cb) { var e = new UnauthorizedError('m');"
                 " c.idToken.c = [e.name, e.message, e.description, e.statusCode, e instanceof "
                 "Error].join(); cb(null, u, c); }",
                 "UnauthorizedError,m,m,401,true");
    assert_claim("function (u, c, cb) { c.idToken.c = new Date(0).getTimezoneOffset() + typeof setTimeout; "
                 "cb(null, u, c); }",
                 "0function");
    assert_error("function (u, c, cb) { require('no-such-thing@4.17.10'); }", "error",
                 "Cannot find module 'no-such-thing@4.17.10'. The operator of this server can add it: "
                 "countersign module add no-such-thing@4.17.10");
    assert_claim(
        "function (u, c, cb) { try { require('pg'); } catch (e) { c.idToken.c = e.code; } cb(null, u, c); }",
        "MODULE_NOT_FOUND");
}

static void console_lines_come_with_their_rule(void **state)
{
    (void)state;
    const char *rules[] = {
        "function (u, c, cb) { console.log('one', { a: [1, 'x'] }); cb(null); }",
        "function (u, c, cb) { console.error('two'); var o = {}; o.o = o; console.warn(o); cb(null); }"};
    assert_int_equal(run_rules_with(arena, "{}", rules, 2, NULL, 0, NULL, &report), SCRIPT_DONE);
    assert_int_equal(report.line_count, 3);
    assert_string_equal(report.lines[0].text, "one { a: [ 1, \"x\" ] }");
    assert_int_equal(report.lines[1].stage, 1);
    assert_int_equal(report.lines[1].level, 'e');
    assert_string_equal(report.lines[2].text, "{ o: [Circular] }");
}

/* Known-faults C7. */
static void nothing_leaks_from_one_login_to_the_next(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_claim(
            "function (u, c, cb) {\n"
            "  var seen = [({}).use_mfa, [].poison, typeof leaked, JSON.stringify.length, Math.max(1, "
            "2)].join();\n"
            "  Object.prototype.use_mfa = 1; Array.prototype.poison = 1; leaked = 1; Math.max = null;\n"
            "  delete Object.prototype.use_mfa; delete Array.prototype.poison;\n"
            "  c.idToken.c = seen; cb(null, u, c); Object.prototype.use_mfa = 1; }",
            ",,undefined,3,2");
    }
    const char *rule = "function (u, c, cb) { c.idToken.c = String(({}).use_mfa) + ({}).x; cb(null, u, c); }";
    assert_int_equal(run_rules_with(arena,
                                    "{\"user_metadata\":{\"__proto__\":{\"use_mfa\":false},"
                                    "\"constructor\":{\"prototype\":{\"x\":1}}}}",
                                    &rule, 1, NULL, 0, NULL, &report),
                     SCRIPT_DONE);
    assert_string_equal(claim("c"), "undefinedundefined");
}

static void global_lives_on_in_its_worker(void **state)
{
    (void)state;
    const char *rules[] = {"function (u, c, cb) { global.count = (global.count || 0) + 1; global.helper = "
                           "function () { return 'h'; }; cb(null); }",
                           "function (u, c, cb) { c.idToken.c = helper() + count; cb(null, u, c); }"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run_rules_with(arena, "{}", rules, 2, NULL, 0, NULL, &report), SCRIPT_DONE);
        assert_null(rule_error());
    }
    /* Two workers took the three runs; one of them has seen two. */
    assert_claim("function (u, c, cb) { c.idToken.c = typeof global.helper; cb(null, u, c); }", "function");
}

static const char *remember_patch(void *context, struct arena *a, yyjson_val *arguments, const char **error)
{
    (void)error;
    snprintf(context, 200, "%s", json_write(a, arguments));
    return "{\"user_id\":\"auth0|1\"}";
}

static const char *refuse(void *context, struct arena *a, yyjson_val *arguments, const char **error)
{
    (void)context;
    (void)a;
    (void)arguments;
    *error = "no such user";
    return NULL;
}

static void metadata_updates_go_through_the_server(void **state)
{
    (void)state;
    char patch[200] = "";
    const struct script_call calls[] = {{"users.updateAppMetadata", 5, remember_patch},
                                        {"users.updateUserMetadata", 5, refuse}};
    const char *rule = "function (u, c, cb) { auth0.users.updateAppMetadata('auth0|1', { a: 1 })"
                       ".then(function (r) { c.idToken.c = r.user_id; cb(null, u, c); }).catch(cb); }";
    assert_int_equal(run_rules_with(arena, "{}", &rule, 1, calls, 2, patch, &report), SCRIPT_DONE);
    assert_string_equal(claim("c"), "auth0|1");
    assert_string_equal(patch, "{\"user_id\":\"auth0|1\",\"patch\":{\"a\":1}}");

    rule = "function (u, c, cb) { auth0.users.updateUserMetadata('auth0|1', {}, function (e) { cb(e); }); }";
    assert_int_equal(run_rules_with(arena, "{}", &rule, 1, calls, 2, patch, &report), SCRIPT_DONE);
    assert_string_equal(rule_error(), "no such user");

    rule = "async function (u, c, cb) { for (var i = 0; i < 9; i++) await auth0.users.updateAppMetadata('x', "
           "{}); cb(); }";
    assert_int_equal(run_rules_with(arena, "{}", &rule, 1, calls, 2, patch, &report), SCRIPT_DONE);
    assert_string_equal(rule_error(), "users.updateAppMetadata was called too often");

    patch[0] = '\0';
    rule =
        "function (u, c, cb) { auth0.users.updateAppMetadata('fire', { and: 'forget' }); cb(null, u, c); }";
    assert_int_equal(run_rules_with(arena, "{}", &rule, 1, calls, 2, patch, &report), SCRIPT_DONE);
    assert_string_equal(patch, "{\"user_id\":\"fire\",\"patch\":{\"and\":\"forget\"}}");
}

static void liquid_renders_and_refuses(void **state)
{
    (void)state;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *variables = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, variables, "code", "123456");
    const char *error = NULL;
    const char *text =
        liquid_render(pool, arena, "{% if code %}Your code is {{ code | split: '' | join: '-' }}{% endif %}",
                      variables, &error);
    assert_non_null(text);
    assert_string_equal(text, "Your code is 1-2-3-4-5-6");
    json_set_text(doc, variables, "name", "<b>Ann</b>");
    static const struct {
        const char *text;
        const char *expected;
    } templates[] = {
        {"{{ name | escape }}", "&lt;b&gt;Ann&lt;/b&gt;"},
        {"{% assign x = name | size %}{{ x | plus: 1 }}", "11"},
        {"{{ missing.member }}|{{ missing | default: 'none' }}", "|none"},
        {"{% for c in (1..3) %}{{ forloop.index }}{% unless forloop.last %},{% endunless %}{% endfor %}",
         "1,2,3"},
        {"{{ '2026-01-02T03:04:05Z' | date: '%Y-%m-%d %H:%M' }}", "2026-01-02 03:04"},
        {"{% case code %}{% when '123456' %}yes{% else %}no{% endcase %}", "yes"},
        {"{{ code.constructor }}{{ __proto__ }}{{ name.__proto__.polluted }}", ""},
        {"{% capture c %}{{ code | slice: 0, 3 }}{% endcapture %}{{ c | upcase }}{% comment %}x{% endcomment "
         "%}",
         "123"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(templates); i++) {
        text = liquid_render(pool, arena, templates[i].text, variables, &error);
        if (text == NULL || strcmp(text, templates[i].expected) != 0)
            print_error("%s: %s, %s\n", templates[i].text, text, error);
        assert_non_null(text);
        assert_string_equal(text, templates[i].expected);
    }
    assert_null(liquid_render(pool, arena, "{% include 'x' %}", variables, &error));
    assert_null(liquid_render(pool, arena, "{% render '/etc/passwd' %}", variables, &error));
    assert_null(liquid_render(pool, arena, "{% if code %}", variables, &error));
    assert_non_null(strstr(error, "not closed"));
    assert_null(
        liquid_render(pool, arena, "{% for i in (1..100000000) %}{{ i }}{% endfor %}", variables, &error));
    assert_non_null(error);
}

static void *run_some(void *unused)
{
    (void)unused;
    size_t *wrong = calloc(1, sizeof *wrong);
    for (int i = 0; i < 50; i++) {
        struct arena *own = arena_create();
        const char *rule = i % 10 == 9 ? "function (u, c, cb) { while (true); }"
                                       : "function (u, c, cb) { c.idToken.c = u.user_id; cb(null, u, c); }";
        struct script_report told;
        enum script_outcome outcome =
            run_rules_with(own, "{\"user_id\":\"u\"}", &rule, 1, NULL, 0, NULL, &told);
        *wrong += i % 10 == 9 ? outcome != SCRIPT_TIMEOUT : outcome != SCRIPT_DONE;
        arena_destroy(&own);
    }
    return wrong;
}

static int start_short(void **state)
{
    (void)state;
    return start_pool(3, 60000, 150);
}

static void many_threads_share_the_workers(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_some, NULL), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_int_equal(*(size_t *)wrong, 0);
        free(wrong);
    }
    assert_serves();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tutorials_rule_asks_for_a_factor),
        cmocka_unit_test(every_shape_of_a_rule_runs),
        cmocka_unit_test(errors_reach_the_login_in_their_words),
        cmocka_unit_test(an_error_names_its_line_and_column),
        cmocka_unit_test(callback_never_called_ends_at_once_with_auth0s_text),
        cmocka_unit_test(the_first_callback_counts),
        cmocka_unit_test(a_rule_sees_what_the_one_before_changed),
        cmocka_unit_test(globals_of_a_rule),
        cmocka_unit_test(console_lines_come_with_their_rule),
        cmocka_unit_test(nothing_leaks_from_one_login_to_the_next),
        cmocka_unit_test(global_lives_on_in_its_worker),
        cmocka_unit_test(metadata_updates_go_through_the_server),
        cmocka_unit_test(liquid_renders_and_refuses),
    };
    const struct CMUnitTest crowd[] = {cmocka_unit_test(many_threads_share_the_workers)};
    int failed = cmocka_run_group_tests_name("one after the other", tests, start, stop_pool);
    return failed + cmocka_run_group_tests_name("many at once", crowd, start_short, stop_pool);
}
