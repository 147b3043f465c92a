/* What a login's log entry tells of the way to it, as Auth0's `details.prompts` does, and of its rules. */
#include "oauth/proceed.h"

#include "base/clock.h"

#include <string.h>

static int64_t time_of_method(yyjson_val *methods, const char *name)
{
    size_t index, count;
    yyjson_val *method;
    int64_t time = 0;
    if (!yyjson_is_arr(methods))
        return 0;
    yyjson_arr_foreach(methods, index, count, method)
    {
        const char *found = json_text(method, "name");
        if (found != NULL && strcmp(found, name) == 0)
            time = json_int(method, "timestamp", 0);
    }
    return time;
}

static void add_times(yyjson_mut_doc *doc, yyjson_mut_val *prompt, int64_t began, int64_t ended)
{
    if (began > 0)
        json_set_int(doc, prompt, "initiatedAt", began);
    if (ended > 0)
        json_set_int(doc, prompt, "completedAt", ended);
    if (began > 0 && ended >= began)
        json_set_int(doc, prompt, "elapsedTime", ended - began);
}

/* The page of the password, where one was shown in this login. */
static void add_password(const struct login *login, yyjson_mut_doc *doc, yyjson_mut_val *prompts)
{
    int64_t ended = json_int(login->doc, "authenticated_at", 0);
    if (ended < login->transaction->created_at)
        return;
    yyjson_mut_val *prompt = yyjson_mut_arr_add_obj(doc, prompts);
    json_set_text(doc, prompt, "name", "prompt-authenticate");
    add_times(doc, prompt, login->transaction->created_at, ended);
    json_set_text(doc, prompt, "connection", json_text(login->doc, "connection"));
    json_set_text(doc, prompt, "connection_id", json_text(login->connection, "id"));
    json_set_text(doc, prompt, "strategy", json_text(login->connection, "strategy"));
    const char *bar = login->user.user_id != NULL ? strchr(login->user.user_id, '|') : NULL;
    json_set_text(doc, prompt, "identity", bar != NULL ? bar + 1 : NULL);
    yyjson_mut_val *stats = yyjson_mut_obj(doc);
    json_set_int(doc, stats, "loginsCount", json_int(login->user.doc, "logins_count", 0) + 1);
    json_set(doc, prompt, "stats", stats);
}

static void add_second_factor(const struct login *login, yyjson_mut_doc *doc, yyjson_mut_val *prompts)
{
    if (!login_multifactor_passed(login))
        return;
    yyjson_val *mfa = json_member(login->doc, "mfa");
    const char *provider = json_text(mfa, "provider");
    yyjson_mut_val *prompt = yyjson_mut_arr_add_obj(doc, prompts);
    json_set_text(doc, prompt, "name", "mfa");
    json_set_text(doc, prompt, "flow", "universal-mfa");
    add_times(doc, prompt, json_int(mfa, "started_at", 0),
              time_of_method(json_member(login->doc, "methods"), "mfa"));
    json_set_text(doc, prompt, "provider",
                  provider == NULL || strcmp(provider, "any") == 0 ? "guardian" : provider);
    yyjson_mut_val *acr = yyjson_mut_arr(doc);
    yyjson_mut_arr_add_str(doc, acr, acr_multifactor);
    json_set(doc, prompt, "performed_acr", acr);
    yyjson_mut_val *amr = yyjson_mut_arr(doc);
    yyjson_mut_arr_add_str(doc, amr, "mfa");
    json_set(doc, prompt, "performed_amr", amr);
}

void login_log_details(const struct login *login, yyjson_mut_doc *doc, yyjson_mut_val *details)
{
    yyjson_mut_val *prompts = yyjson_mut_arr(doc);
    add_password(login, doc, prompts);
    add_second_factor(login, doc, prompts);
    if (yyjson_mut_arr_size(prompts) > 0) {
        json_set(doc, details, "prompts", prompts);
        add_times(doc, details, login->transaction->created_at, clock_now_ms());
    }
    yyjson_mut_val *rules = json_mut_member(login->transaction->root, "rules");
    if (rules != NULL)
        json_set(doc, details, "rules", yyjson_mut_val_mut_copy(doc, rules));
}
