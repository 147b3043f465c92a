#include "rules/calls.h"

#include "base/clock.h"
#include "crypto/jwt.h"
#include "script/modules.h"
#include "store/users.h"
#include "json/merge.h"

#include <string.h>

enum { UPDATE_TRIES = 5, TOKEN_SECONDS = 300, HTTP_CALLS_MOST = 50, MODULE_CALLS_MOST = 50 };

/* One try at the update; DB_NOT_FOUND where another changed the user meanwhile, with *exists true. */
static enum db_result try_update(struct rules_calls *calls, struct arena *arena, const char *user_id,
                                 const char *member, yyjson_val *patch, bool *exists,
                                 yyjson_mut_doc **updated)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(calls->tenant->db, &tx);
    if (result != DB_OK)
        return result;
    struct user user;
    result = user_by_id(tx, arena, user_id, &user);
    *exists = result == DB_OK;
    if (result == DB_OK) {
        *updated = json_thaw(arena, user.doc);
        yyjson_mut_val *root = yyjson_mut_doc_get_root(*updated);
        json_merge_metadata(*updated, root, member, patch);
        json_set_text(*updated, root, "updated_at", clock_iso8601(arena, clock_now_ms()));
        result = user_update(tx, arena, user_id, user.version, *updated);
    }
    if (result == DB_OK)
        return db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static const char *update(struct rules_calls *calls, struct arena *arena, yyjson_val *arguments,
                          const char *member, const char **error)
{
    const char *user_id = json_text(arguments, "user_id");
    yyjson_val *patch = json_member(arguments, "patch");
    if (user_id == NULL || !yyjson_is_obj(patch)) {
        *error = "a user id and an object with the metadata are needed";
        return NULL;
    }
    exact_numbers_restore(calls->numbers, arena, patch);
    for (int i = 0; i < UPDATE_TRIES; i++) {
        bool exists = false;
        yyjson_mut_doc *updated = NULL;
        enum db_result result = try_update(calls, arena, user_id, member, patch, &exists, &updated);
        if (result == DB_OK)
            return json_write_doc(arena, updated);
        if (result == DB_NOT_FOUND && !exists) {
            *error = "The user does not exist.";
            return NULL;
        }
        if (result == DB_FAILED)
            break;
    }
    *error = "the user could not be stored";
    return NULL;
}

static const char *update_app_metadata(void *context, struct arena *arena, yyjson_val *arguments,
                                       const char **error)
{
    return update(context, arena, arguments, "app_metadata", error);
}

static const char *update_user_metadata(void *context, struct arena *arena, yyjson_val *arguments,
                                        const char **error)
{
    return update(context, arena, arguments, "user_metadata", error);
}

/* A Management API token with the two scopes that Auth0 gives to rules. */
static const char *access_token(void *context, struct arena *arena, UNUSED yyjson_val *arguments,
                                const char **error)
{
    struct tenant *tenant = ((struct rules_calls *)context)->tenant;
    struct db_tx *tx = NULL;
    const char *token = NULL;
    if (db_begin_read(tenant->db, &tx) == DB_OK) {
        const struct signing_key *key = tenant_signing_key(tenant, tx);
        yyjson_mut_doc *doc = json_new_object(arena);
        yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
        int64_t now = clock_now();
        json_set_text(doc, claims, "iss", tenant->config->issuer);
        json_set_text(doc, claims, "sub", "rules@clients");
        json_set_text(doc, claims, "aud", arena_printf(arena, "%sapi/v2/", tenant->config->issuer));
        json_set_int(doc, claims, "iat", now);
        json_set_int(doc, claims, "exp", now + TOKEN_SECONDS);
        json_set_text(doc, claims, "scope", "read:users update:users");
        json_set_text(doc, claims, "gty", "client-credentials");
        token = key != NULL ? jwt_sign_rs256(arena, key, "JWT", claims) : NULL;
        db_end(&tx);
    }
    if (token == NULL) {
        *error = "no token could be made";
        return NULL;
    }
    yyjson_mut_doc *answer = json_new(arena);
    yyjson_mut_doc_set_root(answer, yyjson_mut_str(answer, token));
    return json_write_doc(arena, answer);
}

static const char *modules_of(void *context, struct arena *arena)
{
    const struct tenant *tenant = ((struct rules_calls *)context)->tenant;
    return module_directory(arena, tenant->config->data);
}

static const char *module_versions(void *context, struct arena *arena, yyjson_val *arguments,
                                   const char **error)
{
    return script_module_versions(modules_of(context, arena), arena, arguments, error);
}

static const char *module_text(void *context, struct arena *arena, yyjson_val *arguments, const char **error)
{
    return script_module_text(modules_of(context, arena), arena, arguments, error);
}

void rules_calls_allow(struct rules_calls *calls, struct script_job *job)
{
    static const struct script_call table[] = {
        {"users.updateAppMetadata", 20, update_app_metadata},
        {"users.updateUserMetadata", 20, update_user_metadata},
        {"accessToken", 1, access_token},
        {"http", HTTP_CALLS_MOST, NULL},
        {"module.versions", MODULE_CALLS_MOST, module_versions},
        {"module.text", MODULE_CALLS_MOST, module_text},
    };
    job->calls = table;
    job->call_count = ARRAY_LENGTH(table);
    job->context = calls;
}
