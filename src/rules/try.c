#include "rules/try.h"

#include "base/encode.h"
#include "script/modules.h"

#include <string.h>

enum { OWN_CALLS_MOST = 20, HTTP_CALLS_MOST = 50, MODULE_CALLS_MOST = 50 };

struct trial {
    const struct rules_try_world *world;
    struct rules_tried *tried;
    yyjson_val *http;
};

/* --- what rules may ask for --- */

static void note_asked(struct trial *trial, const char *call, yyjson_val *arguments)
{
    struct rules_tried *tried = trial->tried;
    if (tried->asked_count < ARRAY_LENGTH(tried->asked))
        tried->asked[tried->asked_count++] = (struct rules_asked){.call = call, .arguments = arguments};
}

/* Answers as if the user held nothing but what was stored just now. */
static const char *updated(struct arena *arena, const char *member, yyjson_val *arguments)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "user_id", json_text(arguments, "user_id"));
    yyjson_val *patch = json_member(arguments, "patch");
    if (patch != NULL)
        json_set(doc, yyjson_mut_doc_get_root(doc), member, yyjson_val_mut_copy(doc, patch));
    return json_write_doc(arena, doc);
}

static const char *update_app_metadata(void *context, struct arena *arena, yyjson_val *arguments,
                                       UNUSED const char **error)
{
    note_asked(context, "users.updateAppMetadata", arguments);
    return updated(arena, "app_metadata", arguments);
}

static const char *update_user_metadata(void *context, struct arena *arena, yyjson_val *arguments,
                                        UNUSED const char **error)
{
    note_asked(context, "users.updateUserMetadata", arguments);
    return updated(arena, "user_metadata", arguments);
}

static const char *access_token(UNUSED void *context, UNUSED struct arena *arena,
                                UNUSED yyjson_val *arguments, UNUSED const char **error)
{
    return "\"a-token-that-is-worth-nothing\"";
}

static bool url_matches(const char *pattern, const char *url)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(pattern, url, length - 1) == 0;
    return strcmp(pattern, url) == 0;
}

static yyjson_val *answer_for(yyjson_val *answers, const char *method, const char *url)
{
    size_t index, count;
    yyjson_val *answer;
    if (!yyjson_is_arr(answers))
        return NULL;
    yyjson_arr_foreach(answers, index, count, answer)
    {
        const char *wanted = json_text(answer, "url");
        const char *verb = json_text(answer, "method");
        if (wanted != NULL && url_matches(wanted, url) && (verb == NULL || strcasecmp(verb, method) == 0))
            return answer;
    }
    return NULL;
}

static const char *module_versions(void *context, struct arena *arena, yyjson_val *arguments,
                                   const char **error)
{
    return script_module_versions(((struct trial *)context)->world->modules, arena, arguments, error);
}

static const char *module_text(void *context, struct arena *arena, yyjson_val *arguments, const char **error)
{
    return script_module_text(((struct trial *)context)->world->modules, arena, arguments, error);
}

/* In the shape that script_http_end gives (script/outgoing.h). */
static const char *canned(struct arena *arena, yyjson_val *answer)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_val *body = json_member(answer, "body");
    yyjson_val *given = json_member(answer, "headers");
    const char *text = yyjson_is_str(body) ? yyjson_get_str(body)
                       : body != NULL      ? json_write(arena, body)
                                           : "";
    json_set_int(doc, root, "status", json_int(answer, "status", 200));
    yyjson_mut_val *headers = yyjson_mut_obj_add_arr(doc, root, "headers");
    if (body != NULL && !yyjson_is_str(body) && json_member(given, "content-type") == NULL) {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, headers);
        yyjson_mut_arr_add_str(doc, pair, "content-type");
        yyjson_mut_arr_add_str(doc, pair, "application/json");
    }
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(given, index, count, name, value)
    {
        yyjson_mut_val *pair = yyjson_mut_arr_add_arr(doc, headers);
        yyjson_mut_arr_add_strcpy(doc, pair, yyjson_get_str(name));
        yyjson_mut_arr_add_strcpy(doc, pair, yyjson_is_str(value) ? yyjson_get_str(value) : "");
    }
    json_set_text(doc, root, "body", base64_encode(arena, bytes_of_text(text)));
    return json_write_doc(arena, doc);
}

static const char *canned_http(void *context, struct arena *arena, yyjson_val *arguments, const char **error)
{
    const char *method = json_text(arguments, "method");
    const char *url = json_text(arguments, "url");
    if (method == NULL || url == NULL) {
        *error = "a method and a URL are needed";
        return NULL;
    }
    yyjson_val *answer = answer_for(((struct trial *)context)->http, method, url);
    if (answer == NULL) {
        *error = arena_printf(arena, "no answer is given for %s %s", method, url);
        return NULL;
    }
    return canned(arena, answer);
}

/* --- the run --- */

static void put_context(yyjson_mut_doc *input, yyjson_val *given)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(input);
    if (!yyjson_is_obj(given))
        return;
    yyjson_mut_val *patch = yyjson_val_mut_copy(input, given);
    json_set(input, root, "context", yyjson_mut_merge_patch(input, json_mut_member(root, "context"), patch));
}

void rules_try(const struct rules_try_world *world, struct arena *arena, const struct rules_wish *wish,
               struct rules_tried *tried)
{
    const struct script_call table[] = {
        {"users.updateAppMetadata", OWN_CALLS_MOST, update_app_metadata},
        {"users.updateUserMetadata", OWN_CALLS_MOST, update_user_metadata},
        {"accessToken", 1, access_token},
        {"http", HTTP_CALLS_MOST, wish->http != NULL ? canned_http : NULL},
        {"module.versions", MODULE_CALLS_MOST, module_versions},
        {"module.text", MODULE_CALLS_MOST, module_text},
    };
    *tried = (struct rules_tried){.asked_count = 0};
    struct trial trial = {.world = world, .tried = tried, .http = wish->http};
    struct script_job calls = {.calls = table, .call_count = ARRAY_LENGTH(table), .context = &trial};
    struct rule_set set = {.rules = wish->rules, .count = wish->count};
    const char *user_id = json_text(wish->user, "user_id");
    struct user user = {.user_id = user_id != NULL ? user_id : "", .doc = wish->user};
    struct rules_login login = {.user = &user, .protocol = "oidc-basic-profile", .logins_count = 1};
    struct rules_place place = {.tenant = world->tenant, .host = world->host, .issuer = world->issuer};
    yyjson_mut_doc *input = rules_input(arena, &login, &place);
    put_context(input, wish->context);
    if (yyjson_is_obj(wish->configuration))
        set.configuration = yyjson_val_mut_copy(input, wish->configuration);
    const struct exact_numbers *numbers = wish->user != NULL ? exact_numbers_in(arena, wish->user) : NULL;
    rules_program_run(world->scripts, arena, &set, input, numbers, &calls, &tried->outcome);
}

yyjson_val *rules_check(struct script_pool *scripts, struct arena *arena, const struct rule *rule)
{
    struct rule_set set = {.rules = rule, .count = 1};
    struct script_job nothing = {.context = NULL};
    struct rules_outcome outcome;
    struct user nobody = {.user_id = ""};
    struct rules_login login = {.user = &nobody, .protocol = ""};
    struct rules_place place = {.tenant = "", .host = "", .issuer = ""};
    yyjson_mut_doc *input = rules_input(arena, &login, &place);
    json_set_bool(input, yyjson_mut_doc_get_root(input), "check", true);
    rules_program_run(scripts, arena, &set, input, NULL, &nothing, &outcome);
    return outcome.error == NULL ? NULL : json_member(yyjson_arr_get(outcome.run, 0), "error");
}

/* --- what is told of it --- */

static void add_copy(yyjson_mut_doc *doc, const char *name, yyjson_val *value)
{
    if (value != NULL)
        json_set(doc, yyjson_mut_doc_get_root(doc), name, yyjson_val_mut_copy(doc, value));
}

/* Changes of metadata by the names of a user's members; other calls by theirs. */
static void add_asked(yyjson_mut_doc *doc, const struct rules_tried *tried)
{
    yyjson_mut_val *updates = yyjson_mut_arr(doc);
    for (size_t i = 0; i < tried->asked_count; i++) {
        yyjson_val *arguments = tried->asked[i].arguments;
        yyjson_val *patch = json_member(arguments, "patch");
        const char *call = tried->asked[i].call;
        yyjson_mut_val *update = yyjson_mut_arr_add_obj(doc, updates);
        json_set_text(doc, update, "user_id", json_text(arguments, "user_id"));
        if (patch != NULL)
            json_set(doc, update,
                     strcmp(call, "users.updateAppMetadata") == 0 ? "app_metadata" : "user_metadata",
                     yyjson_val_mut_copy(doc, patch));
    }
    json_set(doc, yyjson_mut_doc_get_root(doc), "updates", updates);
}

yyjson_mut_doc *rules_tried_json(struct arena *arena, const struct rules_tried *tried)
{
    const struct rules_outcome *outcome = &tried->outcome;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "error", outcome->error);
    json_set_text(doc, root, "error_description", outcome->error_description);
    if (outcome->error == NULL) {
        add_copy(doc, "user", outcome->user);
        add_copy(doc, "id_token", outcome->id_token);
        add_copy(doc, "access_token", outcome->access_token);
        add_copy(doc, "scope", outcome->scopes);
        add_copy(doc, "multifactor", outcome->multifactor);
        json_set_text(doc, root, "redirect_url", outcome->redirect_url);
        json_set_text(doc, root, "primary_user", outcome->primary_user_id);
    }
    add_asked(doc, tried);
    add_copy(doc, "run", outcome->run);
    return doc;
}
