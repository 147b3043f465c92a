#include "bench/browser.h"
#include "bench/scenarios.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/password.h"
#include "store/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 5000 };

static void must(enum db_result result)
{
    if (result == DB_OK)
        return;
    fputs("bench: the store refuses the seed\n", stderr);
    exit(1);
}

static void insert_user(struct db_tx *tx, unsigned number, const char *hash)
{
    struct arena *arena = arena_create();
    const char *now = clock_iso8601(arena, clock_now_ms());
    const char *id = arena_printf(arena, "auth0|%024x", number);
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *email = arena_printf(arena, "user%u@bench.test", number);
    json_set_text(doc, root, "created_at", now);
    json_set_text(doc, root, "email", email);
    json_set_bool(doc, root, "email_verified", true);
    yyjson_mut_val *identities = yyjson_mut_arr(doc);
    yyjson_mut_val *identity = yyjson_mut_arr_add_obj(doc, identities);
    json_set_text(doc, identity, "connection", "Username-Password-Authentication");
    json_set_text(doc, identity, "user_id", id + strlen("auth0|"));
    json_set_text(doc, identity, "provider", "auth0");
    json_set_bool(doc, identity, "isSocial", false);
    json_set(doc, root, "identities", identities);
    json_set_text(doc, root, "name", email);
    json_set_text(doc, root, "nickname", arena_printf(arena, "user%u", number));
    json_set_text(doc, root, "updated_at", now);
    json_set_text(doc, root, "user_id", id);
    must(user_insert(tx, arena, id, "Username-Password-Authentication", doc));
    must(user_password_put(tx, id, hash));
    arena_destroy(&arena);
}

void seed_users(struct arena *arena, const struct server *server, unsigned from, unsigned to)
{
    struct password_costs costs = {.memory_kib = 19456, .passes = 2, .parallelism = 1};
    struct password_gate *gate = password_gate_create(&costs, 1, 1);
    char *hash = NULL;
    struct db *db = NULL;
    const char *error = NULL;
    if (!password_hash(gate, arena, SEED_PASSWORD, &hash))
        exit(1);
    must(db_open(arena_printf(arena, "sqlite:%s/countersign.db", server->data), 1, arena, &db, &error));
    while (from < to) {
        struct db_tx *tx = NULL;
        must(db_begin_write(db, &tx));
        for (unsigned end = from + BATCH < to ? from + BATCH : to; from < end; from++)
            insert_user(tx, from, hash);
        must(db_commit(&tx));
    }
    db_close(&db);
    password_gate_free(&gate);
}

void seed_tenant(struct arena *arena, const struct server *server)
{
    server_management(arena, server, "PATCH", arena_printf(arena, "clients/%s", server->default_id),
                      arena_printf(arena, "{\"callbacks\":[\"%scallback\"]}", server->base));
    server_management(arena, server, "PUT", "guardian/factors/otp", "{\"enabled\":true}");
    server_management(
        arena, server, "POST", "rules",
        "{\"name\":\"use-mfa\",\"script\":\"function (user, context, callback) { if (user.app_metadata && "
        "user.app_metadata.use_mfa) { context.multifactor = { provider: 'guardian', allowRememberBrowser: "
        "false }; } callback(null, user, context); }\"}");
}

const char **seed_factors(struct arena *arena, const struct server *server, unsigned count)
{
    const char **secrets = arena_calloc(arena, count, sizeof *secrets);
    struct browser *browser = browser_create();
    for (unsigned i = 0; i < count; i++) {
        const char *id = arena_printf(arena, "auth0%%7C%024x", i);
        server_management(arena, server, "PATCH", arena_printf(arena, "users/%s", id),
                          "{\"app_metadata\":{\"use_mfa\":true}}");
        const char *made = server_management(arena, server, "POST",
                                             arena_printf(arena, "users/%s/authentication-methods", id),
                                             arena_printf(arena, "{\"type\":\"totp\",\"totp_secret\":\"%s\"}",
                                                          "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
        if (strstr(made, "totp") == NULL)
            exit(1);
        secrets[i] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    }
    browser_free(&browser);
    return secrets;
}
