#include "oauth/code.h"

#include "base/clock.h"
#include "store/fixture.h"

#include <string.h>

static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/* RFC 7636 appendix B. */
static void the_challenge_of_a_verifier_is_the_one_of_the_rfc(void **state)
{
    (void)state;
    assert_string_equal(code_challenge_of(store.arena, verifier),
                        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static const char *issue(bool challenge)
{
    yyjson_mut_doc *grant = json_new_object(store.arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(grant);
    const char *code = NULL;
    json_set_text(grant, root, "user_id", "auth0|1");
    json_set_text(grant, root, "redirect_uri", "https://app.test/cb");
    if (challenge)
        json_set_text(grant, root, "code_challenge", code_challenge_of(store.arena, verifier));
    struct db_tx *tx = store_write();
    assert_int_equal(authorization_code_issue(tx, store.arena, "client", grant, &code), DB_OK);
    store_commit(tx);
    return code;
}

static enum code_fault redeem(const char *code, const char *client_id, const char *redirect_uri,
                              const char *with)
{
    struct code_try attempt = {
        .code = code, .client_id = client_id, .redirect_uri = redirect_uri, .verifier = with};
    yyjson_val *grant = NULL;
    const char *hash = NULL;
    struct db_tx *tx = store_write();
    enum code_fault fault = authorization_code_redeem(tx, store.arena, &attempt, &grant, &hash);
    if (fault == CODE_FINE)
        assert_string_equal(json_text(grant, "user_id"), "auth0|1");
    store_commit(tx);
    return fault;
}

static void a_code_works_once(void **state)
{
    (void)state;
    const char *code = issue(true);
    assert_int_equal(redeem(code, "client", "https://app.test/cb", verifier), CODE_FINE);
    assert_int_equal(redeem(code, "client", "https://app.test/cb", verifier), CODE_REPLAYED);
    assert_int_equal(redeem("unknown", "client", NULL, verifier), CODE_INVALID);
}

static void redirect_uri_may_be_left_out_but_not_differ(void **state)
{
    (void)state;
    assert_int_equal(redeem(issue(true), "client", NULL, verifier), CODE_FINE);
    assert_int_equal(redeem(issue(true), "client", "https://app.test/cb/", verifier), CODE_WRONG_REDIRECT);
}

/* A16: whatever is wrong with the first try, the code is dead after it. */
static void a_failed_try_spends_the_code(void **state)
{
    (void)state;
    const char *code = issue(true);
    assert_int_equal(redeem(code, "client", NULL, "another-verifier-another-verifier-another-verifier"),
                     CODE_WRONG_VERIFIER);
    assert_int_equal(redeem(code, "client", NULL, verifier), CODE_REPLAYED);
    code = issue(true);
    assert_int_equal(redeem(code, "client", NULL, NULL), CODE_WRONG_VERIFIER);
    assert_int_equal(redeem(code, "client", NULL, verifier), CODE_REPLAYED);
    code = issue(true);
    assert_int_equal(redeem(code, "stranger", NULL, verifier), CODE_INVALID);
    assert_int_equal(redeem(code, "client", NULL, verifier), CODE_REPLAYED);
}

/* RFC 9700 section 2.1.1: a verifier for a code without a challenge is an attacker's downgrade. */
static void a_verifier_without_a_challenge_is_refused(void **state)
{
    (void)state;
    assert_int_equal(redeem(issue(false), "client", NULL, verifier), CODE_WRONG_VERIFIER);
    assert_int_equal(redeem(issue(false), "client", NULL, NULL), CODE_FINE);
}

static void a_code_dies_after_a_minute(void **state)
{
    (void)state;
    const char *code = issue(true);
    const char *late = issue(true);
    clock_advance(59 * 1000);
    assert_int_equal(redeem(code, "client", NULL, verifier), CODE_FINE);
    clock_advance(2 * 1000);
    assert_int_equal(redeem(late, "client", NULL, verifier), CODE_INVALID);
}

static void a_replay_revokes_what_the_code_gave(void **state)
{
    (void)state;
    const char *code = issue(true);
    struct code_try attempt = {.code = code, .client_id = "client", .verifier = verifier};
    yyjson_val *grant = NULL;
    const char *hash = NULL;
    struct db_tx *tx = store_write();
    assert_int_equal(authorization_code_redeem(tx, store.arena, &attempt, &grant, &hash), CODE_FINE);
    assert_int_equal(
        db_exec(tx, NULL,
                "INSERT INTO access_tokens (token_hash, user_id, code_hash, doc, created_at, expires_at) "
                "VALUES (?, ?, ?, ?, 0, 0)",
                "tttt", "t", "auth0|1", hash, "{}"),
        DB_OK);
    store_commit(tx);
    assert_int_equal(redeem(code, "client", NULL, verifier), CODE_REPLAYED);
    struct db_value *row = NULL;
    tx = store_read();
    assert_int_equal(
        db_row(tx, store.arena, &row, "SELECT 1 FROM access_tokens WHERE token_hash = ?", "t", "t"),
        DB_NOT_FOUND);
    db_end(&tx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(the_challenge_of_a_verifier_is_the_one_of_the_rfc),
        store_test(a_code_works_once),
        store_test(redirect_uri_may_be_left_out_but_not_differ),
        store_test(a_failed_try_spends_the_code),
        store_test(a_verifier_without_a_challenge_is_refused),
        store_test(a_code_dies_after_a_minute),
        store_test(a_replay_revokes_what_the_code_gave),
    };
    return STORE_RUN_TESTS(tests);
}
