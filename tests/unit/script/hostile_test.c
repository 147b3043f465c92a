/* Rules that mean harm: each is a clear error of its own login, and the pool serves on. */
#include "harness.h"

#include <pthread.h>
#include <unistd.h>

static int start(void **state)
{
    (void)state;
    return start_pool(1, 20000, 400);
}

/* Whose memory is the limit has all the time: a sanitizer, or a busy machine, makes bombs slow. */
static int start_patient(void **state)
{
    (void)state;
    return start_pool(1, 100000, 100000);
}

static int start_impatient(void **state)
{
    (void)state;
    return start_pool(1, 3000, 3000);
}

static void assert_killed(const char *rule)
{
    enum script_outcome outcome = run_rule(rule);
    if (outcome != SCRIPT_TIMEOUT)
        print_error("outcome %d, error %s\n", outcome, rule_error());
    assert_int_equal(outcome, SCRIPT_TIMEOUT);
    assert_serves();
}

static void assert_kind(const char *rule, const char *kind)
{
    enum script_outcome outcome = run_rule(rule);
    if (outcome != SCRIPT_DONE || rule_error() == NULL)
        print_error("outcome %d, error %s\n", outcome, rule_error());
    assert_int_equal(outcome, SCRIPT_DONE);
    assert_non_null(rule_error());
    if (strcmp(json_text(json_member(report.answer, "error"), "kind"), kind) != 0)
        print_error("%s: %s\n", rule, rule_error());
    assert_string_equal(json_text(json_member(report.answer, "error"), "kind"), kind);
    assert_serves();
}

static void assert_message(const char *rule, const char *message)
{
    assert_kind(rule, "error");
    assert_int_equal(run_rule(rule), SCRIPT_DONE);
    assert_string_equal(rule_error(), message);
}

static void endless_loops_are_killed(void **state)
{
    (void)state;
    assert_killed("function (u, c, cb) { while (true); }");
    assert_killed("function (u, c, cb) { cb(null, u, c); while (true); }");
    assert_killed("function (u, c, cb) { setTimeout(function () { for (;;); }, 1); }");
    assert_killed("function (u, c, cb) { u.toJSON = function () { for (;;); }; cb(null, u, c); }");
    assert_killed("async function (u, c, cb) { for (;;) await null; }");
    assert_killed("function (u, c, cb) { try { for (;;); } finally { for (;;); } }");
}

/* Known-faults C6: the engine polls no interrupt handler inside these. */
static void native_loops_are_killed(void **state)
{
    (void)state;
    assert_killed(
        "function (u, c, cb) { Array.prototype.indexOf.call({length:4294967295},9); cb(null, u, c); }");
    assert_killed("function (u, c, cb) { var s = 'a'.repeat(2000000); for (var i = 0; i < 3; i++) "
                  "s.indexOf('a'.repeat(1000000) + 'b'); cb(null, u, c); }");
    assert_killed("function (u, c, cb) { var a = []; a.length = 4294967295; a.reverse(); cb(null, u, c); }");
}

static void catastrophic_patterns_are_killed(void **state)
{
    (void)state;
    assert_killed("function (u, c, cb) { /^(a+)+$/.test('a'.repeat(40) + '!'); cb(null, u, c); }");
}

static void waiting_too_long_is_killed(void **state)
{
    (void)state;
    assert_killed("function (u, c, cb) { setTimeout(cb, 60000); }");
    assert_killed("function (u, c, cb) { setInterval(function () {}, 10); }");
}

static void recursion_is_an_error(void **state)
{
    (void)state;
    assert_message("function (u, c, cb) { function f() { return f() + 1; } f(); }",
                   "Maximum call stack size exceeded");
    assert_kind(
        "function (u, c, cb) { var o = u; for (var i = 0; i < 200000; i++) o = o.o = {}; cb(null, u, c); }",
        "error");
    assert_kind("function (u, c, cb) { JSON.parse('['.repeat(1000000)); }", "error");
    assert_kind("function (u, c, cb) { new RegExp('('.repeat(1000000)); }", "error");
    assert_kind("function (u, c, cb) { var f = eval('('.repeat(500000)); }", "error");
}

static void memory_bombs_are_errors(void **state)
{
    (void)state;
    assert_kind("function (u, c, cb) { var a = []; while (true) a.push(new Array(100000).fill(1)); }",
                "memory");
    assert_kind("function (u, c, cb) { var s = 'x'; while (true) s += s; }", "error");
    assert_kind("function (u, c, cb) { new ArrayBuffer(1073741824); }", "memory");
    assert_kind("function (u, c, cb) { 'x'.repeat(1073741800); }", "memory");
    assert_kind("function (u, c, cb) { new Array(4294967295).fill(0); }", "memory");
    assert_kind(
        "function (u, c, cb) { var a = []; for (;;) { try { a.push('x'.repeat(1000000) + a.length); } "
        "catch (e) { throw e; } } }",
        "memory");
}

static void promise_bombs_are_killed(void **state)
{
    (void)state;
    enum script_outcome outcome = run_rule(
        "function (u, c, cb) { function f() { return Promise.resolve().then(f).then(f); } f(); f(); }");
    assert_true(outcome == SCRIPT_TIMEOUT || outcome == SCRIPT_MEMORY || rule_error() != NULL);
    assert_serves();
    /* The login is through; what goes on after it must not reach the next one. */
    assert_int_equal(
        run_rule("function (u, c, cb) { function f() { Promise.resolve().then(f); } f(); cb(null, u, c); }"),
        SCRIPT_DONE);
    assert_null(rule_error());
    assert_serves();
}

static void huge_results_are_errors(void **state)
{
    (void)state;
    assert_int_equal(run_rule("function (u, c, cb) { c.idToken.c = 'x'.repeat(3000000); cb(null, u, c); }"),
                     SCRIPT_THREW);
    assert_non_null(strstr(json_text(report.answer, "message"), "larger than"));
    assert_serves();
    assert_int_equal(run_rule("function (u, c, cb) { cb(new Error('x'.repeat(3000000))); }"), SCRIPT_THREW);
    assert_serves();
    assert_int_equal(run_rule("function (u, c, cb) { for (var i = 0; i < 100000; i++) "
                              "console.log('x'.repeat(100)); cb(null); }"),
                     SCRIPT_DONE);
    assert_true(report.line_count <= 3000);
    assert_serves();
    assert_int_equal(run_rule("function (u, c, cb) { console.log('x'.repeat(1000000)); cb(null); }"),
                     SCRIPT_DONE);
    assert_true(strlen(report.lines[0].text) <= 8192);
}

static void results_that_are_no_text_of_ours_are_refused(void **state)
{
    (void)state;
    assert_int_equal(run_rule("function (u, c, cb) { c.idToken.c = 'a\\u0000b'; cb(null, u, c); }"),
                     SCRIPT_THREW);
    assert_int_equal(run_rule("function (u, c, cb) { c.idToken.c = '\\ud800'; cb(null, u, c); }"),
                     SCRIPT_THREW);
    assert_serves();
}

static void cycles_getters_and_proxies(void **state)
{
    (void)state;
    assert_message("function (u, c, cb) { u.self = u; cb(null, u, c); }", "circular reference");
    assert_message(
        "function (u, c, cb) { Object.defineProperty(u, 'x', { enumerable: true, get: function () { "
        "throw new Error('trap'); } }); cb(null, u, c); }",
        "trap");
    assert_message("function (u, c, cb) { cb(null, new Proxy(u, { ownKeys: function () { throw new "
                   "Error('keys'); } }), c); }",
                   "keys");
    assert_kind("function (u, c, cb) { c.idToken.c = 10n; cb(null, u, c); }", "error");
    assert_kind("function (u, c, cb) { cb(null, u, new Proxy(c, { get: function () { throw new Error('get'); "
                "} })); }",
                "error");
    assert_kind(
        "function (u, c, cb) { cb({ get message() { throw 1; }, toString: function () { throw 2; } }); }",
        "error");
    assert_int_equal(
        run_rule("function (u, c, cb) { u.f = function () {}; c.idToken.c = Symbol('s'); u.v = undefined; "
                 "u.n = NaN; cb(null, u, c); }"),
        SCRIPT_DONE);
    assert_null(rule_error());
    assert_null(json_member(json_member(report.answer, "user"), "f"));
    assert_serves();
}

/* Known-faults C7. */
static void prototype_games_harm_their_own_login_alone(void **state)
{
    (void)state;
    static const char *const games[] = {
        "function (u, c, cb) { Array.prototype.push = null; Object.prototype.then = function () {}; cb(null, "
        "u, c); }",
        "function (u, c, cb) { JSON.stringify = function () { return '{}'; }; cb(null, u, c); }",
        "function (u, c, cb) { Promise.prototype.then = function () { throw 1; }; setTimeout(cb, 1); }",
        "function (u, c, cb) { Object.defineProperty = Object.freeze = function () { throw 1; }; cb(null, u, "
        "c); }",
        "function (u, c, cb) { Object.prototype.toJSON = function () { return 'pwned'; }; cb(null, u, c); }",
        "function (u, c, cb) { Object.defineProperty(Object.prototype, 'error', { set: function () {} }); "
        "cb(null, u, c); }",
        "function (u, c, cb) { String.prototype.match = Function.prototype.call = Function.prototype.apply = "
        "null; cb(new Error('x')); }",
        "function (u, c, cb) { delete globalThis.Object; delete globalThis.Promise; globalThis.JSON = 1; "
        "cb(null, u, c); }",
        "function (u, c, cb) { Object.freeze(Object.prototype); Object.freeze(globalThis); cb(null, u, c); }",
        "function (u, c, cb) { Object.setPrototypeOf(globalThis, null); cb(null, u, c); }",
        "function (u, c, cb) { Object.setPrototypeOf(global, new Proxy({}, { get: function () { throw 1; } "
        "})); cb(null, u, c); }",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(games); i++) {
        enum script_outcome outcome = run_rule(games[i]);
        assert_true(outcome == SCRIPT_DONE || outcome == SCRIPT_THREW);
        assert_serves();
    }
}

static void shared_memory_blocks_nobody(void **state)
{
    (void)state;
    assert_kind(
        "function (u, c, cb) { Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0); cb(null); }",
        "error");
    enum script_outcome outcome =
        run_rule("function (u, c, cb) { var a = []; for (;;) a.push(new SharedArrayBuffer(10000000)); }");
    assert_true(outcome == SCRIPT_MEMORY || (outcome == SCRIPT_DONE && rule_error() != NULL));
    assert_serves();
}

static void generators_without_end(void **state)
{
    (void)state;
    assert_kind("function (u, c, cb) { function* g() { for (;;) yield new Array(1000).fill(1); } [...g()]; }",
                "memory");
    assert_killed("function (u, c, cb) { function* g() { for (;;) yield 1; } for (var x of g()) ; }");
    assert_killed(
        "async function (u, c, cb) { async function* g() { for (;;) yield 1; } for await (var x of g()) ; }");
}

static void what_callback_gets_may_be_anything(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "cb(function () {})",    "cb(Symbol('s'))",       "cb(10n)", "cb({})", "cb([])",
        "cb(new Proxy({}, {}))", "cb(new Map([[1, 2]]))", "cb(1)",   "cb('')"};
    for (size_t i = 0; i < ARRAY_LENGTH(calls); i++) {
        enum script_outcome outcome = run_rule(arena_printf(arena, "function (u, c, cb) { %s; }", calls[i]));
        if (outcome != SCRIPT_DONE)
            print_error("%s: %d\n", calls[i], outcome);
        assert_int_equal(outcome, SCRIPT_DONE);
        assert_true((rule_error() == NULL) == (strcmp(calls[i], "cb('')") == 0));
    }
    static const char *const values[] = {"cb(null, 7)", "cb(null, null, null)",
                                         "cb(null, function () {}, 'x')", "cb(null, Symbol('s'), 1n)",
                                         "cb(undefined, [], [])"};
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        enum script_outcome outcome = run_rule(arena_printf(arena, "function (u, c, cb) { %s; }", values[i]));
        assert_true(outcome == SCRIPT_DONE || outcome == SCRIPT_THREW);
    }
    assert_kind("function (u, c, cb) { setTimeout(function () { cb(new Error('late')); }, 5); }", "error");
}

/* What is kept in `global` is the worker's: one that holds too much makes way for another. */
static void a_full_global_makes_way(void **state)
{
    (void)state;
    unsigned fresh = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(
            run_rule("function (u, c, cb) { c.idToken.fresh = !global.all; global.all = global.all || [];"
                     " global.all.push(new Array(300000).fill(global.all.length)); cb(null, u, c); }"),
            SCRIPT_DONE);
        assert_null(rule_error());
        fresh += json_bool(json_member(report.answer, "id_token"), "fresh", false) ? 1 : 0;
    }
    assert_true(fresh > 1 && fresh < 40);
}

static const char *never(void *context, struct arena *a, yyjson_val *arguments, const char **error)
{
    (void)a;
    (void)arguments;
    (void)error;
    ++*(int *)context;
    return "null";
}

static void calls_that_were_not_allowed_end_the_job(void **state)
{
    (void)state;
    assert_int_equal(run_rule("function (u, c, cb) { auth0.users.updateAppMetadata('x', {}); cb(null); }"),
                     SCRIPT_DIED);
    assert_serves();
    int count = 0;
    const struct script_call call = {"users.updateAppMetadata", 3, never};
    const char *rule = "async function (u, c, cb) { for (;;) try { await auth0.users.updateAppMetadata('x', "
                       "{}); } catch (e) {} }";
    enum script_outcome outcome = run_rules_with(arena, "{}", &rule, 1, &call, 1, &count, &report);
    assert_true(outcome == SCRIPT_DIED || outcome == SCRIPT_TIMEOUT);
    assert_int_equal(count, 3);
    assert_serves();
}

static void an_idle_worker_that_died_is_replaced(void **state)
{
    (void)state;
    kill_children();
    usleep(20 * 1000);
    assert_serves();
    assert_serves();
}

static void templates_are_limited_too(void **state)
{
    (void)state;
    yyjson_mut_doc *doc = json_new_object(arena);
    const char *error = NULL;
    assert_null(liquid_render(pool, arena,
                              "{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}",
                              yyjson_mut_doc_get_root(doc), &error));
    assert_non_null(error);
    assert_non_null(liquid_render(pool, arena, "fine", yyjson_mut_doc_get_root(doc), &error));
}

struct job_result {
    enum script_outcome outcome;
};

static void *wait_two_seconds(void *argument)
{
    struct job_result *result = argument;
    struct arena *own = arena_create();
    struct script_report told;
    const char *rule = "function (u, c, cb) { setTimeout(cb, 300); }";
    result->outcome = run_rules_with(own, "{}", &rule, 1, NULL, 0, NULL, &told);
    arena_destroy(&own);
    return NULL;
}

static int start_narrow(void **state)
{
    (void)state;
    arena = arena_create();
    struct script_pool_config config = {.executable = getenv("COUNTERSIGN_BINARY"),
                                        .workers = 1,
                                        .queue = 1,
                                        .time_ms = 30000,
                                        .cpu_ms = 1000,
                                        .memory_bytes = (size_t)64 << 20};
    const char *error = NULL;
    pool = script_pool_start(&config, arena, &error);
    return pool == NULL ? -1 : 0;
}

static void a_full_queue_refuses_at_once(void **state)
{
    (void)state;
    enum { CROWD = 6 };
    pthread_t threads[CROWD];
    struct job_result results[CROWD];
    unsigned done = 0;
    unsigned busy = 0;
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_two_seconds, &results[i]), 0);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
        done += results[i].outcome == SCRIPT_DONE;
        busy += results[i].outcome == SCRIPT_BUSY;
    }
    assert_true(done >= 2);
    assert_int_equal(done + busy, CROWD);
    assert_serves();
}

static void a_binary_that_is_no_worker_stops_the_start(void **state)
{
    (void)state;
    struct script_pool_config config = {
        .executable = "/bin/false", .workers = 1, .time_ms = 1, .cpu_ms = 1, .memory_bytes = 1};
    const char *error = NULL;
    struct arena *own = arena_create();
    assert_null(script_pool_start(&config, own, &error));
    assert_non_null(strstr(error, "/bin/false"));
    config.executable = "/nowhere/at/all";
    assert_null(script_pool_start(&config, own, &error));
    assert_non_null(strstr(error, "could not be started"));
    arena_destroy(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_loops_are_killed),
        cmocka_unit_test(native_loops_are_killed),
        cmocka_unit_test(catastrophic_patterns_are_killed),
        cmocka_unit_test(recursion_is_an_error),
        cmocka_unit_test(promise_bombs_are_killed),
        cmocka_unit_test(huge_results_are_errors),
        cmocka_unit_test(results_that_are_no_text_of_ours_are_refused),
        cmocka_unit_test(cycles_getters_and_proxies),
        cmocka_unit_test(prototype_games_harm_their_own_login_alone),
        cmocka_unit_test(shared_memory_blocks_nobody),
        cmocka_unit_test(what_callback_gets_may_be_anything),
        cmocka_unit_test(calls_that_were_not_allowed_end_the_job),
        cmocka_unit_test(an_idle_worker_that_died_is_replaced),
        cmocka_unit_test(templates_are_limited_too),
    };
    const struct CMUnitTest bombs[] = {
        cmocka_unit_test(memory_bombs_are_errors),
        cmocka_unit_test(a_full_global_makes_way),
    };
    const struct CMUnitTest endless[] = {cmocka_unit_test(generators_without_end)};
    const struct CMUnitTest waiting[] = {cmocka_unit_test(waiting_too_long_is_killed)};
    const struct CMUnitTest narrow[] = {
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(a_binary_that_is_no_worker_stops_the_start),
    };
    int failed = cmocka_run_group_tests_name("hostile rules", tests, start, stop_pool);
    failed += cmocka_run_group_tests_name("generators", endless, start_impatient, stop_pool);
    failed += cmocka_run_group_tests_name("memory", bombs, start_patient, stop_pool);
    failed += cmocka_run_group_tests_name("waiting", waiting, start_impatient, stop_pool);
    return failed + cmocka_run_group_tests_name("the queue", narrow, start_narrow, stop_pool);
}
