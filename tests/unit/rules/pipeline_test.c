/* Rules as the store holds them: order, stages, configuration, and what rules store themselves. */
#include "rules/pipeline.h"

#include "../store/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct script_pool *pool;
static struct config config = {.issuer = "https://acme.login.test/", .host = "acme.login.test"};
static struct tenant tenant;
static struct rules_outcome outcome;

static int set_up(void **state)
{
    if (store_set_up(state) != 0)
        return -1;
    struct script_pool_config workers = {.executable = getenv("COUNTERSIGN_BINARY"),
                                         .workers = 1,
                                         .queue = 8,
                                         .time_ms = 30000,
                                         .cpu_ms = 4000,
                                         .memory_bytes = (size_t)32 << 20};
    const char *error = NULL;
    if (store.keyring == NULL)
        store.keyring = keyring_parse(store.arena, keyring_new_line(store.arena), &error);
    pool = script_pool_start(&workers, store.arena, &error);
    tenant = (struct tenant){.config = &config, .db = store.db, .keyring = store.keyring, .scripts = pool};
    return pool == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    script_pool_stop(&pool);
    return store_tear_down(state);
}

static void add_rule(const char *id, int64_t order, bool enabled, const char *stage, const char *script)
{
    yyjson_mut_doc *doc = json_new_object(store.arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "name", arena_printf(store.arena, "Rule %s", id));
    json_set_text(doc, root, "stage", stage);
    json_set_text(doc, root, "script", script);
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO rules (id, name, rule_order, enabled, doc, version, created_at) "
                             "VALUES (?, ?, ?, ?, ?, 1, 1)",
                             "ttiit", id, json_mut_text(root, "name"), order, (int64_t)enabled,
                             json_write_doc(store.arena, doc)),
                     DB_OK);
    store_commit(tx);
}

static void add_config(const char *key, const char *value, const char *purpose)
{
    struct db_tx *tx = store_write();
    const char *sealed = keyring_seal(store.keyring, store.arena, purpose, bytes_of_text(value));
    assert_int_equal(
        db_exec(tx, NULL,
                "INSERT INTO rules_configs (id, sealed, doc, version, created_at) VALUES (?, ?, '{}', 1, 1)",
                "tt", key, sealed),
        DB_OK);
    store_commit(tx);
}

static struct user read_user(void)
{
    struct user user;
    struct db_tx *tx = store_read();
    assert_int_equal(user_by_id(tx, store.arena, "auth0|1", &user), DB_OK);
    db_end(&tx);
    return user;
}

static void add_user(const char *text)
{
    struct db_tx *tx = store_write();
    yyjson_mut_doc *doc = json_thaw(store.arena, json_parse_own(store.arena, text));
    assert_int_equal(user_insert(tx, store.arena, "auth0|1", "Users", doc), DB_OK);
    store_commit(tx);
}

static void run(void)
{
    struct user user = read_user();
    struct client client = {.client_id = "client1"};
    struct rules_login login = {
        .user = &user, .client = &client, .protocol = "oidc-basic-profile", .logins_count = 1};
    rules_run(&tenant, store.arena, &login, &outcome);
}

static const char *user_text =
    "{\"user_id\":\"auth0|1\",\"email\":\"a@b.test\",\"app_metadata\":{\"use_mfa\":true},"
    "\"user_metadata\":{\"n\":9007199254740993}}";

static void without_rules_the_profile_stays(void **state)
{
    (void)state;
    add_user(user_text);
    add_rule("off", 1, false, "login_success", "function (u, c, cb) { cb(new Error('off')); }");
    add_rule("early", 2, true, "pre_authorize", "function (c, cb) { cb(new Error('early')); }");
    run();
    assert_null(outcome.error);
    assert_false(outcome.wants_multifactor);
    assert_string_equal(json_text(outcome.user, "email"), "a@b.test");
    assert_int_equal(yyjson_obj_size(outcome.id_token), 0);
}

static void rules_run_in_their_order_with_their_configuration(void **state)
{
    (void)state;
    add_user(user_text);
    add_config("KEY",
               "s\xC3\xA4"
               "cret",
               "rules_configs:KEY");
    add_rule("second", 20, true, "login_success",
             "function (u, c, cb) { c.idToken.c += ' then ' + configuration.KEY; cb(null, u, c); }");
    add_rule("first", 3, true, NULL,
             "function (u, c, cb) { c.idToken.c = c.tenant + ' first'; cb(null, u, c); }");
    run();
    assert_null(outcome.error);
    assert_string_equal(json_text(outcome.id_token, "c"), "acme first then s\xC3\xA4"
                                                          "cret");
    assert_int_equal(yyjson_arr_size(outcome.run), 2);
}

static void a_changed_rule_counts_at_the_next_login(void **state)
{
    (void)state;
    add_user(user_text);
    add_rule("r", 1, true, "login_success", "function (u, c, cb) { c.idToken.c = 'old'; cb(null, u, c); }");
    run();
    assert_string_equal(json_text(outcome.id_token, "c"), "old");
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL, "UPDATE rules SET doc = ?, version = 2 WHERE id = ?", "tt",
                             "{\"script\":\"function (u, c, cb) { c.idToken.c = 'new'; cb(null, u, c); }\"}",
                             "r"),
                     DB_OK);
    store_commit(tx);
    run();
    assert_string_equal(json_text(outcome.id_token, "c"), "new");
}

static void a_configuration_that_does_not_open_ends_the_login(void **state)
{
    (void)state;
    add_user(user_text);
    add_config("KEY", "secret", "rules_configs:OTHER");
    add_rule("r", 1, true, "login_success", "function (u, c, cb) { cb(null, u, c); }");
    run();
    assert_string_equal(outcome.error, "server_error");
}

/* C4 and A10, through a rule's own update. */
static void metadata_is_merged_at_the_first_level(void **state)
{
    (void)state;
    add_user(user_text);
    add_rule("r", 1, true, "login_success",
             "async function (u, c, cb) { u.app_metadata.seen = { a: 1 };"
             "await auth0.users.updateAppMetadata(u.user_id, u.app_metadata);"
             "await auth0.users.updateUserMetadata(u.user_id, { copy: u.user_metadata.n, gone: null });"
             "var after = await auth0.users.updateAppMetadata(u.user_id, { use_mfa: null });"
             "c.idToken.c = JSON.stringify(after.app_metadata); cb(null, u, c); }");
    run();
    assert_null(outcome.error);
    assert_string_equal(json_text(outcome.id_token, "c"), "{\"seen\":{\"a\":1}}");
    struct user user = read_user();
    assert_string_equal(json_write(store.arena, json_member(user.doc, "app_metadata")),
                        "{\"seen\":{\"a\":1}}");
    assert_string_equal(json_write(store.arena, json_member(user.doc, "user_metadata")),
                        "{\"n\":9007199254740993,\"copy\":9007199254740993}");
    assert_non_null(json_text(user.doc, "updated_at"));
}

static void what_a_rule_changes_is_not_stored_by_itself(void **state)
{
    (void)state;
    add_user(user_text);
    add_rule("r", 1, true, "login_success",
             "function (u, c, cb) { u.nickname = 'n'; u.app_metadata.x = 1; cb(null, u, c); }");
    run();
    assert_string_equal(json_text(outcome.user, "nickname"), "n");
    struct user user = read_user();
    assert_null(json_member(user.doc, "nickname"));
    assert_null(json_member(json_member(user.doc, "app_metadata"), "x"));
}

static void an_update_of_nobody_is_an_error_of_the_rule(void **state)
{
    (void)state;
    add_user(user_text);
    add_rule("r", 1, true, "login_success",
             "function (u, c, cb) { auth0.users.updateAppMetadata('auth0|2', {}).then(function () { cb(); }, "
             "cb); }");
    run();
    assert_string_equal(outcome.error, "access_denied");
    assert_string_equal(outcome.error_description, "The user does not exist.");
}

static void an_enrolled_user_shows_it(void **state)
{
    (void)state;
    add_user(user_text);
    add_rule("r", 1, true, "login_success",
             "function (u, c, cb) { c.idToken.c = String(u.multifactor); cb(null, u, c); }");
    run();
    assert_string_equal(json_text(outcome.id_token, "c"), "undefined");
    struct db_tx *tx = store_write();
    assert_int_equal(
        db_exec(tx, NULL,
                "INSERT INTO authenticators (id, user_id, kind, status, last_step, doc, version, created_at) "
                "VALUES ('dev_1', 'auth0|1', 'otp', 'confirmed', 0, '{}', 1, 1)",
                ""),
        DB_OK);
    store_commit(tx);
    run();
    assert_string_equal(json_text(outcome.id_token, "c"), "guardian");
}

#define pipeline_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pipeline_test(without_rules_the_profile_stays),
        pipeline_test(rules_run_in_their_order_with_their_configuration),
        pipeline_test(a_changed_rule_counts_at_the_next_login),
        pipeline_test(a_configuration_that_does_not_open_ends_the_login),
        pipeline_test(metadata_is_merged_at_the_first_level),
        pipeline_test(what_a_rule_changes_is_not_stored_by_itself),
        pipeline_test(an_update_of_nobody_is_an_error_of_the_rule),
        pipeline_test(an_enrolled_user_shows_it),
    };
    return STORE_RUN_TESTS(tests);
}
