#include "rules/try.h"

#include "rules/program.h"
#include "script/modules.h"

#include <string.h>

enum { UPDATES_MOST = 20, HTTP_CALLS_MOST = 50, MODULE_CALLS_MOST = 50 };

struct trial {
    struct tenant *tenant;
    struct rules_tried *tried;
};

static const char *note_update(struct trial *trial, const char *member, yyjson_val *arguments)
{
    struct rules_tried *tried = trial->tried;
    if (tried->update_count < ARRAY_LENGTH(tried->updates))
        tried->updates[tried->update_count++] =
            (struct rules_update){.member = member, .arguments = arguments};
    return "{}";
}

static const char *update_app_metadata(void *context, UNUSED struct arena *arena, yyjson_val *arguments,
                                       UNUSED const char **error)
{
    return note_update(context, "app_metadata", arguments);
}

static const char *update_user_metadata(void *context, UNUSED struct arena *arena, yyjson_val *arguments,
                                        UNUSED const char **error)
{
    return note_update(context, "user_metadata", arguments);
}

static const char *access_token(UNUSED void *context, UNUSED struct arena *arena,
                                UNUSED yyjson_val *arguments, const char **error)
{
    *error = "there is no access token in a try";
    return NULL;
}

static const char *modules_of(void *context, struct arena *arena)
{
    const struct tenant *tenant = ((struct trial *)context)->tenant;
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

static void put_context(yyjson_mut_doc *input, yyjson_val *given)
{
    yyjson_mut_val *context = json_mut_member(yyjson_mut_doc_get_root(input), "context");
    size_t index;
    size_t size;
    yyjson_val *name;
    yyjson_val *value;
    yyjson_obj_foreach(given, index, size, name, value)
    {
        json_set(input, context, yyjson_get_str(name), yyjson_val_mut_copy(input, value));
    }
}

void rules_try(struct tenant *tenant, struct arena *arena, const struct rules_wish *wish,
               struct rules_tried *tried)
{
    static const struct script_call table[] = {
        {"users.updateAppMetadata", UPDATES_MOST, update_app_metadata},
        {"users.updateUserMetadata", UPDATES_MOST, update_user_metadata},
        {"accessToken", 1, access_token},
        {"http", HTTP_CALLS_MOST, NULL},
        {"module.versions", MODULE_CALLS_MOST, module_versions},
        {"module.text", MODULE_CALLS_MOST, module_text},
    };
    *tried = (struct rules_tried){.update_count = 0};
    struct trial trial = {.tenant = tenant, .tried = tried};
    struct script_job calls = {.calls = table, .call_count = ARRAY_LENGTH(table), .context = &trial};
    struct rule rule = {.id = "try", .name = "try", .script = wish->script};
    struct rule_set set = {.rules = &rule, .count = 1};
    const char *user_id = json_text(wish->user, "user_id");
    struct user user = {.user_id = user_id != NULL ? user_id : "", .doc = wish->user};
    struct rules_login login = {.user = &user, .protocol = "oidc-basic-profile", .logins_count = 1};
    struct rules_place place = {
        .tenant = tenant_name(tenant, arena), .host = tenant->config->host, .issuer = tenant->config->issuer};
    yyjson_mut_doc *input = rules_input(arena, &login, &place);
    put_context(input, wish->context);
    const struct exact_numbers *numbers = wish->user != NULL ? exact_numbers_in(arena, wish->user) : NULL;
    rules_program_run(tenant->scripts, arena, &set, input, numbers, &calls, &tried->outcome);
}
