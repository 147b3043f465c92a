/* Many logins in one worker: they wait side by side, and what one of them does is no other's harm. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CROWD = 60 };

/* Calls of rules wait here until the test lets them go on; each counts. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;
    unsigned calls;
    bool is_open;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static const char *pass_gate(void *context, struct arena *a, yyjson_val *arguments, const char **error)
{
    (void)context;
    (void)error;
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    gate.calls++;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.is_open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.inside--;
    pthread_mutex_unlock(&gate.lock);
    return json_write(a, json_member(arguments, "patch"));
}

static const struct script_call gate_call[] = {{"users.updateAppMetadata", 10, pass_gate}};

static void await_inside(unsigned wanted)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < wanted)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void open_gate(bool opens)
{
    pthread_mutex_lock(&gate.lock);
    gate.is_open = opens;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

/* A login on a thread of its own. */
struct login {
    pthread_t thread;
    const char *rule;
    const char *user;
    struct arena *arena;
    struct script_report told;
    enum script_outcome outcome;
};

static void *log_in(void *argument)
{
    struct login *login = argument;
    login->outcome =
        run_rules_with(login->arena, login->user, &login->rule, 1, gate_call, 1, NULL, &login->told);
    return NULL;
}

static void begin(struct login *login, const char *rule, const char *user)
{
    *login = (struct login){.rule = rule, .user = user, .arena = arena_create()};
    assert_int_equal(pthread_create(&login->thread, NULL, log_in, login), 0);
}

static void join(struct login *login)
{
    pthread_join(login->thread, NULL);
}

static const char *claim_of(const struct login *login, const char *name)
{
    return json_text(json_member(login->told.answer, "id_token"), name);
}

static const char *error_of(const struct login *login)
{
    return json_text(json_member(login->told.answer, "error"), "message");
}

static void assert_fine(const struct login *login)
{
    if (login->outcome != SCRIPT_DONE || error_of(login) != NULL)
        print_error("outcome %d, error %s\n", login->outcome, error_of(login));
    assert_int_equal(login->outcome, SCRIPT_DONE);
    assert_null(error_of(login));
}

/* Each calls once, and then takes over what it got back. */
static const char waiting_rule[] =
    "async function (u, c, cb) { var back = await auth0.users.updateAppMetadata('x', { id: u.user_id });"
    " c.idToken.c = back.id + [u.user_id]; cb(null, u, c); }";

static void begin_crowd(struct login *logins, size_t count)
{
    for (size_t i = 0; i < count; i++)
        begin(&logins[i], waiting_rule, arena_printf(arena, "{\"user_id\":\"u%zu\"}", i));
}

static void end_crowd(struct login *logins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        join(&logins[i]);
        assert_fine(&logins[i]);
        assert_string_equal(claim_of(&logins[i], "c"), arena_printf(arena, "u%zuu%zu", i, i));
        arena_destroy(&logins[i].arena);
    }
}

static int start(void **state)
{
    (void)state;
    gate.calls = gate.inside = 0;
    gate.is_open = false;
    return start_pool(1, 60000, 1500);
}

static void many_logins_wait_in_one_worker(void **state)
{
    (void)state;
    struct login logins[CROWD];
    begin_crowd(logins, CROWD);
    await_inside(CROWD);
    open_gate(true);
    end_crowd(logins, CROWD);
    assert_int_equal(gate.calls, CROWD);
}

/* Whatever this rule does, those that wait in its worker complete, and call nothing twice. */
static void assert_harms_nobody(const char *rule, enum script_outcome expected)
{
    enum { INNOCENT = 12 };
    struct login innocent[INNOCENT];
    struct login hostile;
    open_gate(false);
    gate.calls = 0;
    begin_crowd(innocent, INNOCENT);
    await_inside(INNOCENT);
    begin(&hostile, rule, "{\"user_id\":\"hostile\"}");
    join(&hostile);
    if (hostile.outcome != expected)
        print_error("%s: outcome %d, error %s\n", rule, hostile.outcome, error_of(&hostile));
    assert_int_equal(hostile.outcome, expected);
    arena_destroy(&hostile.arena);
    open_gate(true);
    end_crowd(innocent, INNOCENT);
    assert_int_equal(gate.calls, INNOCENT);
    assert_serves();
}

static void what_one_does_harms_nobody_else(void **state)
{
    (void)state;
    assert_harms_nobody("function (u, c, cb) { while (true); }", SCRIPT_TIMEOUT);
    assert_harms_nobody("function (u, c, cb) { 'a'.repeat(2000000).indexOf('a'.repeat(1000000) + 'b'); }",
                        SCRIPT_TIMEOUT);
    assert_harms_nobody("function (u, c, cb) { /^(a+)+$/.test('a'.repeat(40) + '!'); }", SCRIPT_TIMEOUT);
    assert_harms_nobody("async function (u, c, cb) { for (;;) await null; }", SCRIPT_TIMEOUT);
    assert_harms_nobody("function (u, c, cb) { new Array(4294967295).join('x'); cb(null); }", SCRIPT_TIMEOUT);
    assert_harms_nobody("function (u, c, cb) { var a = []; for (;;) a.push('x'.repeat(100000) + a.length); }",
                        SCRIPT_DONE);
    assert_harms_nobody("function (u, c, cb) { function f() { Promise.resolve().then(f); } f(); cb(null); }",
                        SCRIPT_DONE);
    assert_harms_nobody("function (u, c, cb) { function f() { f(); } f(); }", SCRIPT_DONE);
    assert_harms_nobody("function (u, c, cb) { for (var i = 0; i < 1e5; i++) console.log('x'.repeat(99)); "
                        "cb(null); }",
                        SCRIPT_DONE);
    assert_harms_nobody("function (u, c, cb) { for (var i = 0; i < 5000; i++) setInterval(function () {}, "
                        "1); }",
                        SCRIPT_DONE);
    assert_harms_nobody("function (u, c, cb) { auth0.users.updateUserMetadata('not', 'allowed'); }",
                        SCRIPT_DIED);
}

static void a_worker_that_is_killed_costs_nobody_his_login(void **state)
{
    (void)state;
    struct login logins[CROWD];
    begin_crowd(logins, CROWD);
    await_inside(CROWD);
    kill_children();
    open_gate(true);
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(logins[i].thread, NULL);
    for (size_t i = 0; i < CROWD; i++) {
        assert_fine(&logins[i]);
        assert_true(logins[i].told.tries > 1);
        assert_int_equal(logins[i].told.called_count, 1);
        arena_destroy(&logins[i].arena);
    }
    assert_int_equal(gate.calls, CROWD);
    assert_serves();
}

static void who_calls_other_than_before_is_told_so(void **state)
{
    (void)state;
    struct login login;
    begin(&login,
          "async function (u, c, cb) { await auth0.users.updateAppMetadata('x', { n: Math.random() }); "
          "cb(null); }",
          "{}");
    await_inside(1);
    kill_children();
    open_gate(true);
    join(&login);
    assert_int_equal(login.outcome, SCRIPT_REPEATED);
    assert_int_equal(gate.calls, 1);
    arena_destroy(&login.arena);
    assert_serves();
}

static void answers_come_again_in_the_order_they_came(void **state)
{
    (void)state;
    struct login login;
    begin(&login,
          "async function (u, c, cb) { console.log('begun'); var call = function (n) {"
          " return auth0.users.updateAppMetadata('x', { n: n }); };"
          " var a = await call(1); var b = await call(a.n + 1); var both = await Promise.all([call(b.n + 1),"
          " call(b.n + 2)]); c.idToken.c = JSON.stringify(both); cb(null, u, c); }",
          "{}");
    await_inside(1);
    kill_children();
    open_gate(true);
    join(&login);
    assert_fine(&login);
    assert_string_equal(claim_of(&login, "c"), "[{\"n\":3},{\"n\":4}]");
    assert_int_equal(gate.calls, 4);
    assert_int_equal(login.told.called_count, 4);
    assert_int_equal(login.told.line_count, 1);
    arena_destroy(&login.arena);
}

/* Known-faults C7, for logins that are there at the same time. */
static void logins_that_wait_side_by_side_do_not_see_each_other(void **state)
{
    (void)state;
    struct login first;
    begin(&first,
          "async function (u, c, cb) { secret = u.user_id; Object.prototype.trace = u.user_id;"
          " Array.prototype.map = function () { return 'mine'; }; JSON.parse = null;"
          " global.kept = { of: u }; global.helper = function () { return u; };"
          " await auth0.users.updateAppMetadata('x', {});"
          " c.idToken.c = [secret, global.kept.of.user_id, helper().user_id].join(); cb(null, u, c); }",
          "{\"user_id\":\"first\"}");
    await_inside(1);
    struct login second;
    begin(&second,
          "function (u, c, cb) { var seen = [typeof secret, typeof global.kept, typeof helper, ({}).trace,"
          " [1].map(String), typeof JSON.parse, Object.getPrototypeOf(global) === Object.prototype,"
          " global.constructor === Object, Object.getPrototypeOf(globalThis) instanceof Object,"
          " Object.keys(global).length, 'kept' in global].join();"
          " global.constructor.prototype.trace2 = 1; c.idToken.c = seen; cb(null, u, c); }",
          "{\"user_id\":\"second\"}");
    join(&second);
    assert_fine(&second);
    assert_string_equal(claim_of(&second, "c"),
                        "undefined,undefined,undefined,,1,function,true,true,true,0,false");
    open_gate(true);
    join(&first);
    assert_fine(&first);
    assert_string_equal(claim_of(&first, "c"), "first,first,first");
    struct login third;
    begin(&third,
          "function (u, c, cb) { c.idToken.c = [typeof secret, global.kept.of.user_id, helper().user_id,"
          " 'kept' in global, Object.keys(global)].join(); delete global.kept; global.helper = 1;"
          " c.idToken.d = [typeof global.kept, helper].join(); cb(null, u, c); }",
          "{\"user_id\":\"third\"}");
    join(&third);
    assert_fine(&third);
    assert_string_equal(claim_of(&third, "c"), "undefined,first,first,true,kept,helper");
    assert_string_equal(claim_of(&third, "d"), "undefined,1");
    arena_destroy(&first.arena);
    arena_destroy(&second.arena);
    arena_destroy(&third.arena);
}

static const char *const hostile_rules[] = {
    "function (u, c, cb) { while (true); }",
    "function (u, c, cb) { var s = 'a'.repeat(2000000); s.indexOf('a'.repeat(1000000) + 'b'); }",
    "function (u, c, cb) { var a = []; a.length = 4294967295; a.join('x'); }",
    "function (u, c, cb) { /^(a+)+$/.test('a'.repeat(40) + '!'); }",
    "function (u, c, cb) { function f() { return f() + 1; } f(); }",
    "function (u, c, cb) { var a = []; for (;;) a.push('x'.repeat(100000) + a.length); }",
    "function (u, c, cb) { function f() { return Promise.resolve().then(f).then(f); } f(); f(); }",
    "function (u, c, cb) { for (;;) setTimeout(function () {}, 1); }",
    "function (u, c, cb) { Object.prototype.toJSON = function () { for (;;); }; cb(null, u, c); }",
    "function (u, c, cb) { u.self = u; cb(null, u, c); }",
};

static int start_busy(void **state)
{
    (void)state;
    gate.calls = 0;
    gate.is_open = true;
    return start_pool(2, 100000, 300);
}

static void fifty_hostile_and_fifty_good_at_once(void **state)
{
    enum { EACH = 50 };
    (void)state;
    static struct login good[EACH];
    static struct login hostile[EACH];
    for (size_t i = 0; i < EACH; i++) {
        begin(&hostile[i], hostile_rules[i % ARRAY_LENGTH(hostile_rules)], "{}");
        begin(&good[i], waiting_rule, arena_printf(arena, "{\"user_id\":\"u%zu\"}", i));
    }
    end_crowd(good, EACH);
    for (size_t i = 0; i < EACH; i++) {
        join(&hostile[i]);
        if (hostile[i].outcome == SCRIPT_DONE && error_of(&hostile[i]) == NULL)
            print_error("%s: went through\n", hostile[i].rule);
        assert_true(hostile[i].outcome == SCRIPT_TIMEOUT || error_of(&hostile[i]) != NULL);
        arena_destroy(&hostile[i].arena);
    }
    assert_int_equal(gate.calls, EACH);
    assert_serves();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_logins_wait_in_one_worker, start, stop_pool),
        cmocka_unit_test_setup_teardown(what_one_does_harms_nobody_else, start, stop_pool),
        cmocka_unit_test_setup_teardown(a_worker_that_is_killed_costs_nobody_his_login, start, stop_pool),
        cmocka_unit_test_setup_teardown(who_calls_other_than_before_is_told_so, start, stop_pool),
        cmocka_unit_test_setup_teardown(answers_come_again_in_the_order_they_came, start, stop_pool),
        cmocka_unit_test_setup_teardown(logins_that_wait_side_by_side_do_not_see_each_other, start,
                                        stop_pool),
        cmocka_unit_test_setup_teardown(fifty_hostile_and_fifty_good_at_once, start_busy, stop_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
