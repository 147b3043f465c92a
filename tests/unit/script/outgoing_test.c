/* HTTP that rules call: at once, within limits, told in the run's record, and never twice. */
#include "harness.h"

#include "http/server.h"

#include <pthread.h>
#include <stdatomic.h>

static struct http_router *router;
static struct http_server *server;
static struct http_client *client;
static unsigned port;

/* Requests to /gate wait here. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;
    unsigned most_inside;
    unsigned requests;
    bool is_open;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void pass_gate(struct http_exchange *x)
{
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    gate.requests++;
    if (gate.inside > gate.most_inside)
        gate.most_inside = gate.inside;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.is_open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.inside--;
    pthread_mutex_unlock(&gate.lock);
    http_reply(x, 200, "text/plain", "through");
}

static void plain(struct http_exchange *x)
{
    http_reply(x, 202, "text/plain", "twelve bytes");
}

static void large(struct http_exchange *x)
{
    char *data = arena_alloc(x->arena, 1000000);
    memset(data, 'x', 1000000);
    http_reply_bytes(x, 200, "text/plain", (struct bytes){(const uint8_t *)data, 1000000});
}

static const struct http_route routes[] = {{"GET", "/gate", pass_gate, 0, "gate"},
                                           {"GET", "/plain", plain, 0, "plain"},
                                           {"GET", "/large", large, 0, "large"}};
static const struct http_routes tables[] = {{routes, ARRAY_LENGTH(routes)}};

static void not_found(struct http_exchange *x)
{
    http_reply_empty(x, 404);
}

static void open_gate(bool opens)
{
    pthread_mutex_lock(&gate.lock);
    gate.is_open = opens;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void await_inside(unsigned wanted)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < wanted)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void await_requests(unsigned wanted)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.requests < wanted)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static int start_with(const char *allow, unsigned http_calls, unsigned time_ms)
{
    const char *error = NULL;
    gate.inside = gate.most_inside = gate.requests = 0;
    gate.is_open = false;
    arena = arena_create();
    router = http_router_create(tables, ARRAY_LENGTH(tables), not_found);
    server = http_server_start(&(struct http_server_config){.listen = "127.0.0.1:0",
                                                            .loops = 1,
                                                            .workers = 64,
                                                            .queue = 256,
                                                            .connections = 256,
                                                            .header_bytes = 8192,
                                                            .body_bytes = 65536,
                                                            .request_seconds = 60,
                                                            .idle_seconds = 60},
                               router, NULL, arena, &error);
    assert_non_null(server);
    port = http_server_port(server);
    client = http_client_create(&(struct http_client_config){.allow = allow, .connections = 64});
    pool = script_pool_start(&(struct script_pool_config){.executable = getenv("COUNTERSIGN_BINARY"),
                                                          .workers = 1,
                                                          .queue = 256,
                                                          .time_ms = time_ms,
                                                          .cpu_ms = 20000,
                                                          .memory_bytes = (size_t)128 << 20,
                                                          .http = client,
                                                          .http_calls = http_calls},
                             arena, &error);
    return pool == NULL ? -1 : 0;
}

static int start(void **state)
{
    (void)state;
    return start_with("127.0.0.0/8", 0, 60000);
}

static int start_narrow(void **state)
{
    (void)state;
    return start_with("127.0.0.0/8", 8, 60000);
}

static int start_closed(void **state)
{
    (void)state;
    return start_with(NULL, 0, 60000);
}

static int start_hasty(void **state)
{
    (void)state;
    return start_with("127.0.0.0/8", 0, 700);
}

static int leave(void **state)
{
    (void)state;
    open_gate(true);
    script_pool_stop(&pool);
    http_client_free(&client);
    http_server_stop(&server, 5);
    http_router_free(&router);
    arena_destroy(&arena);
    return 0;
}

/* A rule whose body may say BASE for the server's address. */
static const char *rule_of(const char *body)
{
    return arena_printf(arena,
                        "async function (u, c, cb) { var BASE = 'http://127.0.0.1:%u';"
                        " var get = function (path) { return fetch(BASE + path); }; %s cb(null, u, c); }",
                        port, body);
}

struct login {
    pthread_t thread;
    const char *rule;
    struct arena *arena;
    struct script_report told;
    enum script_outcome outcome;
};

static void *log_in(void *argument)
{
    static const struct script_call calls[] = {{"http", 50, NULL}};
    struct login *login = argument;
    login->outcome = run_rules_with(login->arena, "{}", &login->rule, 1, calls, 1, NULL, &login->told);
    return NULL;
}

static void begin(struct login *login, const char *body)
{
    *login = (struct login){.rule = rule_of(body), .arena = arena_create()};
    assert_int_equal(pthread_create(&login->thread, NULL, log_in, login), 0);
}

static void end(struct login *login)
{
    pthread_join(login->thread, NULL);
}

static void drop(struct login *login)
{
    arena_destroy(&login->arena);
}

static const char *error_of(const struct login *login)
{
    return json_text(json_member(login->told.answer, "error"), "message");
}

static void assert_claims(const struct login *login, const char *expected)
{
    const char *claimed = json_text(json_member(login->told.answer, "id_token"), "c");
    if (login->outcome != SCRIPT_DONE || claimed == NULL)
        print_error("outcome %d, error %s\n", login->outcome, error_of(login));
    assert_int_equal(login->outcome, SCRIPT_DONE);
    assert_non_null(claimed);
    assert_string_equal(claimed, expected);
}

static void calls_of_one_rule_run_at_once(void **state)
{
    struct login login;
    (void)state;
    begin(&login,
          "var all = await Promise.all(['/gate', '/gate', '/gate', '/gate', '/gate', '/plain'].map(get));"
          " c.idToken.c = all.map(function (r) { return r.status; }).join();");
    await_inside(5);
    open_gate(true);
    end(&login);
    assert_claims(&login, "200,200,200,200,200,202");
    assert_int_equal(login.told.called_count, 6);
    drop(&login);
}

static void the_record_tells_status_and_bytes(void **state)
{
    struct login login;
    (void)state;
    begin(&login, "await get('/plain'); await get('/nowhere'); var e = await fetch('http://127.0.0.1:1/')"
                  ".catch(function (e) { return e.code; }); c.idToken.c = e;");
    end(&login);
    assert_claims(&login, "ECONNREFUSED");
    const struct script_called *called = login.told.called;
    assert_int_equal(login.told.called_count, 3);
    assert_true(called[0].is_http);
    assert_int_equal(called[0].status, 202);
    assert_int_equal(called[0].bytes, 12);
    assert_null(called[0].fault);
    assert_int_equal(called[1].status, 404);
    assert_int_equal(called[1].bytes, 0);
    assert_int_equal(called[2].status, 0);
    assert_non_null(strstr(called[2].fault, "127.0.0.1"));
    drop(&login);
}

static void of_one_login_ten_are_under_way_at_most(void **state)
{
    struct login login;
    (void)state;
    begin(&login, "var all = []; for (var i = 0; i < 25; i++) all.push(get('/gate'));"
                  " c.idToken.c = '' + (await Promise.all(all)).length;");
    await_inside(10);
    open_gate(true);
    end(&login);
    assert_claims(&login, "25");
    assert_int_equal(gate.most_inside, 10);
    assert_int_equal(gate.requests, 25);
    drop(&login);
}

static void of_thousands_of_calls_a_login_gets_fifty(void **state)
{
    struct login login;
    (void)state;
    open_gate(true);
    begin(&login, "var fine = 0, refused = 0, text; for (var i = 0; i < 1500; i++) get('/gate').then("
                  "function () { fine++; }, function (e) { refused++; text = e.message; });"
                  " while (fine + refused < 1500) await new Promise(function (r) { setTimeout(r, 5); });"
                  " c.idToken.c = [fine, refused, text].join();");
    end(&login);
    /* The worker has a thousand calls under way at most, the server takes fifty. */
    if (login.outcome == SCRIPT_DONE && error_of(&login) == NULL)
        assert_true(strncmp(json_text(json_member(login.told.answer, "id_token"), "c"), "50,1450,", 8) == 0);
    assert_int_equal(gate.requests, 50);
    assert_serves();
    drop(&login);
}

static void what_a_login_receives_is_bounded(void **state)
{
    struct login login;
    (void)state;
    begin(&login, "var n = 0; try { for (;;) { await (await get('/large')).text(); n++; } } catch (e) {"
                  " c.idToken.c = n + e.message; }");
    end(&login);
    assert_claims(&login, "11this login's rules have received more than 10 MiB");
    drop(&login);
}

static void nothing_private_is_called(void **state)
{
    struct login login;
    (void)state;
    begin(&login, "try { await get('/plain'); } catch (e) { c.idToken.c = e.message; }");
    end(&login);
    assert_claims(&login, "127.0.0.1 leads to an address that may not be called (egress_allow)");
    assert_string_equal(login.told.called[0].fault,
                        "127.0.0.1 leads to an address that may not be called (egress_allow)");
    drop(&login);
}

static void what_a_rule_sends_off_goes_on_without_the_login(void **state)
{
    struct login login;
    (void)state;
    begin(&login, "get('/gate'); c.idToken.c = 'gone';");
    end(&login);
    assert_claims(&login, "gone");
    assert_int_equal(login.told.called_count, 1);
    assert_null(login.told.called[0].answer);
    await_requests(1);
    open_gate(true);
    drop(&login);
}

static void a_target_that_never_answers_costs_its_login_alone(void **state)
{
    struct login login;
    (void)state;
    begin(&login, "await get('/gate');");
    end(&login);
    assert_int_equal(login.outcome, SCRIPT_TIMEOUT);
    assert_serves();
    drop(&login);
}

static void a_slow_target_takes_no_others_place(void **state)
{
    struct login slow[3];
    struct login other;
    (void)state;
    /* Eight places; six for one origin. */
    for (size_t i = 0; i < 3; i++)
        begin(&slow[i], "var all = await Promise.all([get('/gate'), get('/gate')]); c.idToken.c = 'slow';");
    await_inside(6);
    begin(&other, "try { await get('/gate'); } catch (e) { c.idToken.c = e.message; }");
    end(&other);
    assert_claims(&other, "too many calls are under way");
    drop(&other);
    begin(&other, "BASE = BASE.replace('127.0.0.1', '127.0.0.2');"
                  " c.idToken.c = await get('/plain').then(function (r) { return '' + r.status; },"
                  " function (e) { return e.code; });");
    end(&other);
    assert_claims(&other, "ECONNREFUSED");
    drop(&other);
    open_gate(true);
    for (size_t i = 0; i < 3; i++) {
        end(&slow[i]);
        assert_claims(&slow[i], "slow");
        drop(&slow[i]);
    }
}

static void a_call_under_way_is_not_made_again_when_its_worker_dies(void **state)
{
    struct login logins[20];
    (void)state;
    for (size_t i = 0; i < 20; i++)
        begin(&logins[i], "await get('/plain'); c.idToken.c = await (await get('/gate')).text();");
    await_inside(20);
    kill_children();
    open_gate(true);
    for (size_t i = 0; i < 20; i++) {
        end(&logins[i]);
        assert_claims(&logins[i], "through");
        assert_int_equal(logins[i].told.called_count, 2);
        drop(&logins[i]);
    }
    assert_int_equal(gate.requests, 20);
}

static void what_only_reads_may_be_other_when_it_is_done_again(void **state)
{
    struct login login;
    (void)state;
    begin(&login,
          "await get('/plain?' + Math.random()); var both = await Promise.all([get('/gate?a'), get('/gate?' +"
          " Math.random())]); c.idToken.c = both.map(function (r) { return r.status; }).join();");
    await_inside(2);
    kill_children();
    open_gate(true);
    end(&login);
    assert_claims(&login, "200,200");
    assert_true(login.told.tries > 1);
    drop(&login);
    assert_serves();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_of_one_rule_run_at_once, start, leave),
        cmocka_unit_test_setup_teardown(the_record_tells_status_and_bytes, start, leave),
        cmocka_unit_test_setup_teardown(of_one_login_ten_are_under_way_at_most, start, leave),
        cmocka_unit_test_setup_teardown(of_thousands_of_calls_a_login_gets_fifty, start, leave),
        cmocka_unit_test_setup_teardown(what_a_login_receives_is_bounded, start, leave),
        cmocka_unit_test_setup_teardown(nothing_private_is_called, start_closed, leave),
        cmocka_unit_test_setup_teardown(what_a_rule_sends_off_goes_on_without_the_login, start, leave),
        cmocka_unit_test_setup_teardown(a_target_that_never_answers_costs_its_login_alone, start_hasty,
                                        leave),
        cmocka_unit_test_setup_teardown(a_slow_target_takes_no_others_place, start_narrow, leave),
        cmocka_unit_test_setup_teardown(a_call_under_way_is_not_made_again_when_its_worker_dies, start,
                                        leave),
        cmocka_unit_test_setup_teardown(what_only_reads_may_be_other_when_it_is_done_again, start, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
