/* From a login to its outcome, through real workers, without a store. */
#include "rules/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct script_pool *pool;
static struct rules_outcome outcome;

static int start(void **state)
{
    (void)state;
    arena = arena_create();
    struct script_pool_config config = {.executable = getenv("COUNTERSIGN_BINARY"),
                                        .workers = 1,
                                        .queue = 8,
                                        .time_ms = 30000,
                                        .cpu_ms = 500,
                                        .memory_bytes = (size_t)32 << 20};
    const char *error = NULL;
    pool = script_pool_start(&config, arena, &error);
    return pool == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    script_pool_stop(&pool);
    arena_destroy(&arena);
    return 0;
}

static const char user_text[] =
    "{\"user_id\":\"auth0|1\",\"email\":\"a@b.test\",\"email_verified\":true,\"name\":\"Ann\","
    "\"app_metadata\":{\"use_mfa\":true,\"name\":\"Ann of the app\",\"__proto__\":{\"evil\":1}},"
    "\"user_metadata\":{\"n\":9007199254740993,\"huge\":123456789012345678901234567890,\"plain\":1.5}}";

static void run_for(const char *user, const char *const *scripts, size_t count)
{
    struct user person = {.user_id = "auth0|1", .doc = json_parse_own(arena, user)};
    assert_non_null(person.doc);
    struct client client = {
        .client_id = "client1",
        .doc = json_parse_own(arena, "{\"name\":\"App\",\"client_metadata\":{\"tier\":\"gold\"}}")};
    struct rules_login login = {
        .user = &person,
        .client = &client,
        .connection = json_parse_own(arena, "{\"id\":\"con_1\",\"name\":\"Users\",\"strategy\":\"auth0\"}"),
        .protocol = "oidc-basic-profile",
        .query = json_parse_own(arena, "{\"scope\":\"openid\",\"acr_values\":\"x\"}"),
        .authentication_methods = json_parse_own(arena, "[{\"name\":\"pwd\",\"timestamp\":1700000000000}]"),
        .logins_count = 3};
    struct rules_place place = {
        .tenant = "acme", .host = "login.test", .issuer = "https://login.test/", .has_factor = true};
    struct rule *rules = arena_calloc(arena, count + 1, sizeof *rules);
    for (size_t i = 0; i < count; i++)
        rules[i] = (struct rule){.id = arena_printf(arena, "rul_%zu", i),
                                 .name = arena_printf(arena, "Rule %zu", i),
                                 .script = scripts[i]};
    struct rule_set set = {.rules = rules, .count = count};
    struct script_job allowed = {.context = NULL};
    yyjson_mut_doc *input = rules_input(arena, &login, &place);
    rules_program_run(pool, arena, &set, input, exact_numbers_in(arena, person.doc), &allowed, &outcome);
}

static void run(const char *script)
{
    run_for(user_text, &script, 1);
}

static void assert_goes_on(void)
{
    if (outcome.error != NULL)
        print_error("%s: %s\n", outcome.error, outcome.error_description);
    assert_null(outcome.error);
}

static void assert_refused(const char *error, const char *description)
{
    assert_non_null(outcome.error);
    assert_string_equal(outcome.error, error);
    assert_string_equal(outcome.error_description, description);
}

static void context_has_the_documented_members(void **state)
{
    (void)state;
    run("function (user, c, cb) { c.idToken.c = [c.tenant, c.clientID, c.clientName, c.clientMetadata.tier,"
        "c.connectionID, c.connection, c.connectionStrategy, JSON.stringify(c.connectionOptions),"
        "JSON.stringify(c.samlConfiguration), c.protocol, c.stats.loginsCount, c.request.query.acr_values,"
        "JSON.stringify(c.request.geoip), c.request.hostname, c.authentication.methods[0].name,"
        "c.authorization.roles.length, typeof c.multifactor, typeof c.redirect, typeof c.sessionID].join(); "
        "cb(null, user, c); }");
    assert_goes_on();
    assert_string_equal(
        json_text(outcome.id_token, "c"),
        "acme,client1,App,gold,con_1,Users,auth0,{},{},oidc-basic-profile,3,x,{},login.test,pwd,0,"
        "undefined,undefined,undefined");
}

static void app_metadata_is_at_the_users_root_too_and_wins(void **state)
{
    (void)state;
    run("function (user, c, cb) { c.idToken.c = [user.use_mfa, user.name, user.app_metadata.name, ({}).evil,"
        "user.multifactor.join()].join(); cb(null, user, c); }");
    assert_goes_on();
    assert_string_equal(json_text(outcome.id_token, "c"), "true,Ann of the app,Ann of the app,,guardian");
}

static void metadata_that_was_never_stored_is_undefined(void **state)
{
    (void)state;
    const char *script =
        "function (user, c, cb) { c.idToken.c = typeof user.app_metadata + typeof user.user_metadata;"
        "cb(null, user, c); }";
    run_for("{\"user_id\":\"auth0|1\"}", &script, 1);
    assert_string_equal(json_text(outcome.id_token, "c"), "undefinedundefined");
    /* A11: cleared is an empty object. */
    run_for("{\"user_id\":\"auth0|1\",\"app_metadata\":{},\"user_metadata\":{}}", &script, 1);
    assert_string_equal(json_text(outcome.id_token, "c"), "objectobject");
}

/* C4 */
static void digits_of_large_numbers_come_back_equal(void **state)
{
    (void)state;
    run("function (user, c, cb) { c.idToken['https://app.test/meta'] = user.user_metadata; user.nickname = "
        "'x'; cb(null, user, c); }");
    assert_goes_on();
    const char *expected = "{\"n\":9007199254740993,\"huge\":123456789012345678901234567890,\"plain\":1.5}";
    assert_string_equal(json_write(arena, json_member(outcome.user, "user_metadata")), expected);
    assert_string_equal(json_write(arena, json_member(outcome.id_token, "https://app.test/meta")), expected);
    const char *script = "function (user, c, cb) { cb(null, user, c); }";
    const char *twins =
        "{\"user_id\":\"auth0|1\",\"user_metadata\":{\"a\":9007199254740993,\"b\":9007199254740992,"
        "\"c\":-9007199254740993}}";
    run_for(twins, &script, 1);
    assert_string_equal(json_write(arena, json_member(outcome.user, "user_metadata")),
                        "{\"a\":9007199254740993,\"b\":9007199254740992,\"c\":-9007199254740993}");
}

static void reserved_claims_are_dropped(void **state)
{
    (void)state;
    run("function (user, c, cb) { var names = ['sub', 'iss', 'aud', 'exp', 'roles', 'sip_from', 'x5t#S256', "
        "'mky',"
        "'https://x.auth0.com/a', 'https://webtask.io', 'urn:auth0:x', 'fine', 'https://notauth0.com/a', "
        "'http://app.test/b'];"
        "names.forEach(function (n) { c.idToken[n] = 1; c.accessToken[n] = 1; }); cb(null, user, c); }");
    assert_goes_on();
    const char *expected = "{\"fine\":1,\"https://notauth0.com/a\":1,\"http://app.test/b\":1}";
    assert_string_equal(json_write(arena, outcome.id_token), expected);
    assert_string_equal(json_write(arena, outcome.access_token), expected);
}

static void scopes_come_as_a_list_or_a_text(void **state)
{
    (void)state;
    run("function (user, c, cb) { c.accessToken.scope = ['openid', 7, 'read:x']; cb(null, user, c); }");
    assert_string_equal(json_write(arena, outcome.scopes), "[\"openid\",\"read:x\"]");
    assert_string_equal(json_write(arena, outcome.access_token), "{}");
    run("function (user, c, cb) { c.accessToken.scope = ' openid  read:x'; cb(null, user, c); }");
    assert_string_equal(json_write(arena, outcome.scopes), "[\"openid\",\"read:x\"]");
    run("function (user, c, cb) { cb(null, user, c); }");
    assert_null(outcome.scopes);
}

static void multifactor_in_all_its_forms(void **state)
{
    (void)state;
    static const struct {
        const char *multifactor;
        const char *provider; /* NULL: none asked */
        bool wants;
        bool remember;
    } forms[] = {
        {"{ provider: 'any' }", "any", true, true},
        {"{ provider: 'guardian', allowRememberBrowser: false }", "guardian", true, false},
        {"{ provider: 'guardian', allowRememberBrowser: true }", "guardian", true, true},
        {"{ provider: 'guardian', allowRememberBrowser: undefined }", "guardian", true, true},
        {"{ provider: 'guardian', allowRememberBrowser: 0 }", "guardian", true, false},
        {"{ provider: 'guardian', ignoreCookie: true }", "guardian", true, false},
        {"{ provider: 'google-authenticator', issuer: 'Acme' }", "google-authenticator", true, true},
        {"{ provider: 'duo', ikey: 'i', skey: 's', host: 'h' }", "duo", true, true},
        {"{ provider: 'none' }", "none", true, true},
        {"{ provider: 'carrier-pigeon' }", "any", true, true},
        {"{ }", NULL, false, true},
        {"'any'", NULL, false, true},
        {"null", NULL, false, true},
        {"undefined", NULL, false, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        run(arena_printf(arena, "function (user, c, cb) { c.multifactor = %s; cb(null, user, c); }",
                         forms[i].multifactor));
        assert_goes_on();
        assert_int_equal(outcome.wants_multifactor, forms[i].wants);
        assert_int_equal(outcome.allow_remember_browser, forms[i].remember);
        if (forms[i].provider == NULL)
            assert_null(outcome.provider);
        else
            assert_string_equal(outcome.provider, forms[i].provider);
    }
    run("function (user, c, cb) { c.multifactor = { provider: 'duo', ikey: 'i' }; cb(null, user, c); }");
    assert_string_equal(json_text(outcome.multifactor, "ikey"), "i");
}

static void redirects_pass_through(void **state)
{
    (void)state;
    run("function (user, c, cb) { c.redirect = { url: 'https://app.test/consent?x=1' }; cb(null, user, c); "
        "}");
    assert_string_equal(outcome.redirect_url, "https://app.test/consent?x=1");
    run("function (user, c, cb) { c.redirect = { url: 7 }; cb(null, user, c); }");
    assert_null(outcome.redirect_url);
}

static void refusals_name_their_rule(void **state)
{
    (void)state;
    const char *scripts[] = {
        "function (user, c, cb) { cb(null, user, c); }",
        "function (user, c, cb) { console.log('going'); cb(new UnauthorizedError('Not you')); }"};
    run_for(user_text, scripts, 2);
    assert_refused("unauthorized", "Not you");
    assert_string_equal(outcome.refusing_rule, "Rule 1");
    yyjson_val *entry = yyjson_arr_get(outcome.run, 1);
    assert_string_equal(json_text(entry, "id"), "rul_1");
    assert_string_equal(json_text(yyjson_arr_get(json_member(entry, "console"), 0), "text"), "going");
    assert_string_equal(json_text(json_member(entry, "error"), "message"), "Not you");
    scripts[1] = "function (user, c, cb) { while (true); }";
    run_for(user_text, scripts, 2);
    assert_refused("access_denied", "Request to Webtask exceeded allowed execution time");
    assert_string_equal(outcome.refusing_rule, "Rule 1");
    scripts[0] = "function (user, c, cb) { cb(new Error('first')); }";
    run_for(user_text, scripts, 2);
    assert_refused("access_denied", "first");
    assert_string_equal(outcome.refusing_rule, "Rule 0");
    assert_int_equal(yyjson_arr_size(outcome.run), 1);
}

static void claims_of_more_than_100_kb_end_the_login(void **state)
{
    (void)state;
    run("function (user, c, cb) { c.idToken.c = 'x'.repeat(100001); cb(null, user, c); }");
    assert_refused("access_denied", "The custom claims of a token are larger than 100 kB");
    run("function (user, c, cb) { c.idToken.c = 'x'.repeat(99000); cb(null, user, c); }");
    assert_goes_on();
}

/* The JSON of what the first rule changed. */
static const char *changes(void)
{
    yyjson_val *told = json_member(yyjson_arr_get(outcome.run, 0), "changes");
    return told == NULL ? "nothing" : json_write(arena, told);
}

static void what_a_rule_changed_is_told(void **state)
{
    (void)state;
    run("function (user, c, cb) { user.app_metadata.list = [1]; user.user_metadata.n = null; delete "
        "user.name;"
        "c.request.query['a b'] = 'x'; cb(null, user, c); }");
    assert_goes_on();
    assert_string_equal(changes(),
                        "[{\"path\":\"user.app_metadata.list\",\"to\":[1]},"
                        "{\"path\":\"user.user_metadata.n\",\"from\":9007199254740993,\"to\":null},"
                        "{\"path\":\"user.name\",\"from\":\"Ann of the app\"},"
                        "{\"path\":\"context.request.query[\\\"a b\\\"]\",\"to\":\"x\"}]");
    run("function (user, c, cb) { user.email = 'a@b' + '.test'; cb(null, JSON.parse(JSON.stringify(user)), "
        "c); }");
    assert_string_equal(changes(), "nothing");
    run("function (user, c, cb) { user.when = new Date(0); user.f = cb; user.long = 'é'.repeat(5000);"
        "user.app_metadata = [user.app_metadata]; cb(null, user, c); }");
    assert_goes_on();
    assert_non_null(strstr(changes(), "{\"path\":\"user.when\",\"to\":\"1970-01-01T00:00:00.000Z\"}"));
    assert_non_null(strstr(changes(), "é…\"}"));
    assert_null(strstr(changes(), "user.f\""));
    assert_non_null(strstr(changes(), "{\"path\":\"user.app_metadata\",\"from\":{"));
}

static void the_second_rules_changes_are_its_own(void **state)
{
    (void)state;
    const char *scripts[] = {"function (user, c, cb) { user.a = {b: 1}; cb(null, user, c); }",
                             "function (user, c, cb) { user.a.b = 2; cb(null, user, c); }"};
    run_for(user_text, scripts, 2);
    assert_string_equal(json_write(arena, json_member(yyjson_arr_get(outcome.run, 1), "changes")),
                        "[{\"path\":\"user.a.b\",\"from\":1,\"to\":2}]");
}

static void objects_that_fight_being_looked_at_are_let_be(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "Object.defineProperty(user, 'x', {enumerable: true, get: function () { throw new Error('no'); }});",
        "user.x = new Proxy({}, {ownKeys: function () { throw new Error('no'); }});",
        "user.x = {toJSON: function () { throw new Error('no'); }};",
        "user.app_metadata.toJSON = function () { return user; };",
        "var a = user; for (var i = 0; i < 3000; i++) { a.x = {}; a = a.x; }",
        "c.x = []; c.x[4294967290] = 1;",
        "c.x = c;",
        "Object.prototype.toJSON = function () { return 1; }; Array.prototype.push = null;",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        run(arena_printf(arena, "function (user, c, cb) { %s cb(null, user, c); }", bodies[i]));
        assert_true(outcome.error == NULL || strcmp(outcome.error, "access_denied") == 0);
        assert_true(yyjson_is_arr(outcome.run));
    }
    run("function (user, c, cb) { cb(null, user, c); }");
    assert_goes_on();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_rule_changed_is_told),
        cmocka_unit_test(the_second_rules_changes_are_its_own),
        cmocka_unit_test(objects_that_fight_being_looked_at_are_let_be),
        cmocka_unit_test(context_has_the_documented_members),
        cmocka_unit_test(app_metadata_is_at_the_users_root_too_and_wins),
        cmocka_unit_test(metadata_that_was_never_stored_is_undefined),
        cmocka_unit_test(digits_of_large_numbers_come_back_equal),
        cmocka_unit_test(reserved_claims_are_dropped),
        cmocka_unit_test(scopes_come_as_a_list_or_a_text),
        cmocka_unit_test(multifactor_in_all_its_forms),
        cmocka_unit_test(redirects_pass_through),
        cmocka_unit_test(refusals_name_their_rule),
        cmocka_unit_test(claims_of_more_than_100_kb_end_the_login),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
