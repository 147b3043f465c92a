#include "bench/scenarios.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/password.h"
#include "store/authenticators.h"
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
    must(db_open(server_store(arena, server), 1, arena, &db, &error));
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

/* Confirmed one-time codes for a user, past the server: the seed is sealed under the tenant's own keyring. */
static void insert_factor(struct db_tx *tx, const struct keyring *keyring, const char *user_id,
                          struct bytes secret)
{
    struct arena *arena = arena_create();
    struct authenticator factor = {.id = random_id(arena, "dev_", 16),
                                   .user_id = user_id,
                                   .kind = "otp",
                                   .secret = secret,
                                   .doc = json_parse_own(arena, "{}"),
                                   .created_at = clock_now_ms()};
    must(authenticator_insert(tx, arena, keyring, &factor, NULL));
    must(authenticator_confirm(tx, factor.id, 0, clock_now_ms()));
    arena_destroy(&arena);
}

const char **seed_factors(struct arena *arena, const struct server *server, unsigned count)
{
    static const char secret_text[] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const char **secrets = arena_calloc(arena, count, sizeof *secrets);
    struct db *db = NULL;
    struct db_tx *tx = NULL;
    const char *error = NULL;
    struct bytes secret;
    struct keyring *keyring =
        keyring_load_file(arena, arena_printf(arena, "%s/keyring", server->data), &error);
    if (keyring == NULL || !base32_decode(arena, secret_text, strlen(secret_text), &secret))
        exit(1);
    must(db_open(server_store(arena, server), 1, arena, &db, &error));
    must(db_begin_write(db, &tx));
    for (unsigned i = 0; i < count; i++) {
        const char *user_id = arena_printf(arena, "auth0|%024x", i);
        struct user user;
        must(user_by_id(tx, arena, user_id, &user));
        yyjson_mut_doc *doc = json_thaw(arena, user.doc);
        yyjson_mut_val *metadata = yyjson_mut_obj(doc);
        json_set_bool(doc, metadata, "use_mfa", true);
        json_set(doc, yyjson_mut_doc_get_root(doc), "app_metadata", metadata);
        must(user_update(tx, arena, user_id, user.version, doc));
        insert_factor(tx, keyring, user_id, secret);
        secrets[i] = secret_text;
    }
    must(db_commit(&tx));
    db_close(&db);
    keyring_free(&keyring);
    return secrets;
}
