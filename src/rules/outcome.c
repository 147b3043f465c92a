/* What a login does with what its rules left behind. */
#include "rules/program.h"

#include "base/log.h"

#include <string.h>
#include <strings.h>

enum { CLAIMS_BYTES_MOST = 100 * 1000 };

/* Auth0's document "Create Custom Claims", restricted claims; sip_* beside them. */
static const char *const reserved_claims[] = {
    "acr",    "act",          "active",    "amr",       "at_hash",
    "ath",    "attest",       "aud",       "auth_time", "authorization_details",
    "azp",    "c_hash",       "client_id", "cnf",       "cty",
    "dest",   "entitlements", "events",    "exp",       "groups",
    "gty",    "htm",          "htu",       "iat",       "internalService",
    "iss",    "jcard",        "jku",       "jti",       "jwe",
    "jwk",    "kid",          "may_act",   "mky",       "nbf",
    "nonce",  "object_id",    "org_id",    "org_name",  "orig",
    "origid", "permissions",  "roles",     "rph",       "s_hash",
    "sid",    "sub",          "sub_jwk",   "toe",       "txn",
    "typ",    "uuid",         "vot",       "vtm",       "x5t#S256",
};

/* Namespaces that only Auth0 may use. */
static bool is_auth0s(const char *name)
{
    static const char *const domains[] = {"auth0.com", "webtask.io", "webtask.run"};
    if (strncasecmp(name, "urn:auth0", 9) == 0)
        return true;
    const char *host = strstr(name, "://");
    if (host == NULL)
        return false;
    host += 3;
    size_t length = strcspn(host, "/:?#");
    for (size_t i = 0; i < ARRAY_LENGTH(domains); i++) {
        size_t size = strlen(domains[i]);
        if (length < size || strncasecmp(host + length - size, domains[i], size) != 0)
            continue;
        if (length == size || host[length - size - 1] == '.')
            return true;
    }
    return false;
}

static bool is_reserved(const char *name)
{
    if (strncmp(name, "sip_", 4) == 0 || is_auth0s(name))
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(reserved_claims); i++)
        if (strcmp(reserved_claims[i], name) == 0)
            return true;
    return false;
}

static yyjson_val *freeze(yyjson_mut_doc *doc)
{
    yyjson_doc *frozen = yyjson_mut_doc_imut_copy(doc, &doc->alc);
    return frozen == NULL ? NULL : frozen->root;
}

/* The claims that a token may carry; `without` is a member that is none (NULL: none). */
static yyjson_val *claims_of(struct arena *arena, yyjson_val *object, const char *without)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    size_t index = 0;
    size_t size = 0;
    yyjson_val *name = NULL;
    yyjson_val *value = NULL;
    if (yyjson_is_obj(object)) {
        yyjson_obj_foreach(object, index, size, name, value)
        {
            const char *text = yyjson_get_str(name);
            if (!is_reserved(text) && (without == NULL || strcmp(text, without) != 0))
                yyjson_mut_obj_add(claims, yyjson_val_mut_copy(doc, name), yyjson_val_mut_copy(doc, value));
        }
    }
    return freeze(doc);
}

/* accessToken.scope: a list of texts, or one text with spaces. NULL where it is neither. */
static yyjson_val *scopes_of(struct arena *arena, yyjson_val *scope)
{
    if (!yyjson_is_arr(scope) && !yyjson_is_str(scope))
        return NULL;
    yyjson_mut_doc *doc = json_new_array(arena);
    yyjson_mut_val *list = yyjson_mut_doc_get_root(doc);
    size_t index = 0;
    size_t size = 0;
    yyjson_val *item = NULL;
    if (yyjson_is_arr(scope)) {
        yyjson_arr_foreach(scope, index, size, item)
        {
            if (yyjson_is_str(item) && yyjson_get_len(item) > 0)
                yyjson_mut_arr_add_val(list, yyjson_val_mut_copy(doc, item));
        }
        return freeze(doc);
    }
    for (const char *at = yyjson_get_str(scope); *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length > 0)
            yyjson_mut_arr_add_strncpy(doc, list, at, length);
        at += length + strspn(at + length, " ");
    }
    return freeze(doc);
}

/* As JavaScript sees it in a condition. */
static bool is_truthy(yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return yyjson_get_bool(value);
    if (yyjson_is_num(value))
        return yyjson_get_num(value) != 0;
    if (yyjson_is_str(value))
        return yyjson_get_len(value) > 0;
    return value != NULL && !yyjson_is_null(value);
}

static void read_multifactor(struct rules_outcome *outcome, yyjson_val *multifactor)
{
    static const char *const providers[] = {"any", "guardian", "google-authenticator", "duo", "none"};
    if (!yyjson_is_obj(multifactor) || json_text(multifactor, "provider") == NULL)
        return;
    outcome->multifactor = multifactor;
    /* A provider that nobody knows must not let the login pass without a factor. */
    outcome->provider = "any";
    for (size_t i = 0; i < ARRAY_LENGTH(providers); i++)
        if (strcmp(providers[i], json_text(multifactor, "provider")) == 0)
            outcome->provider = providers[i];
    outcome->wants_multifactor = true;
    yyjson_val *allow = json_member(multifactor, "allowRememberBrowser");
    outcome->allow_remember_browser =
        (allow == NULL || is_truthy(allow)) && !is_truthy(json_member(multifactor, "ignoreCookie"));
}

static void refuse(struct rules_outcome *outcome, const char *error, const char *description)
{
    outcome->error = error;
    outcome->error_description = description;
}

static const char *rule_name(const struct rule_set *set, int64_t index)
{
    return index >= 0 && (size_t)index < set->count ? set->rules[index].name : NULL;
}

static void read_error(struct rules_outcome *outcome, const struct rule_set *set, yyjson_val *error)
{
    const char *kind = json_text(error, "kind");
    const char *message = json_text(error, "message");
    outcome->refusing_rule = rule_name(set, json_int(error, "rule", -1));
    if (kind != NULL && strcmp(kind, "memory") == 0)
        message = "Request to Webtask exceeded allowed memory";
    refuse(outcome, kind != NULL && strcmp(kind, "unauthorized") == 0 ? "unauthorized" : "access_denied",
           message != NULL ? message : "The rule failed");
}

static void read_answer(struct arena *arena, struct rules_outcome *outcome, const struct rule_set *set,
                        yyjson_val *answer)
{
    yyjson_val *error = json_member(answer, "error");
    if (error != NULL) {
        read_error(outcome, set, error);
        return;
    }
    yyjson_val *access_token = json_member(answer, "access_token");
    outcome->id_token = claims_of(arena, json_member(answer, "id_token"), NULL);
    outcome->access_token = claims_of(arena, access_token, "scope");
    outcome->scopes = scopes_of(arena, json_member(access_token, "scope"));
    outcome->user = json_member(answer, "user");
    if (strlen(json_write(arena, outcome->id_token)) > CLAIMS_BYTES_MOST ||
        strlen(json_write(arena, outcome->access_token)) > CLAIMS_BYTES_MOST) {
        refuse(outcome, "access_denied", "The custom claims of a token are larger than 100 kB");
        return;
    }
    if (!yyjson_is_obj(outcome->user)) {
        refuse(outcome, "server_error", "The rules' answer could not be read");
        return;
    }
    read_multifactor(outcome, json_member(answer, "multifactor"));
    outcome->redirect_url = json_text(json_member(answer, "redirect"), "url");
}

static void read_ending(struct rules_outcome *outcome, const struct rule_set *set, enum script_outcome ended,
                        const struct script_report *report)
{
    switch (ended) {
    case SCRIPT_TIMEOUT:
        refuse(outcome, "access_denied", "Request to Webtask exceeded allowed execution time");
        break;
    case SCRIPT_MEMORY:
        refuse(outcome, "access_denied", "Request to Webtask exceeded allowed memory");
        break;
    case SCRIPT_THREW: {
        const char *message = json_text(report->answer, "message");
        refuse(outcome, "access_denied", message != NULL ? message : "The rules' answer could not be read");
        break;
    }
    case SCRIPT_REPEATED:
        refuse(outcome, "server_error",
               "The rules had to be run again, and could not be without repeating a call");
        break;
    case SCRIPT_BUSY:
        refuse(outcome, "server_error", "Too many logins are running rules; try again");
        return;
    default:
        refuse(outcome, "server_error", "The rules ended unexpectedly");
        break;
    }
    outcome->refusing_rule = rule_name(set, report->stage);
}

/* --- the record of the run --- */

static yyjson_mut_val *error_record(yyjson_mut_doc *doc, const struct rules_outcome *outcome,
                                    yyjson_val *told)
{
    yyjson_mut_val *error = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_strcpy(doc, error, "message", outcome->error_description);
    yyjson_val *line = json_member(told, "line");
    yyjson_val *column = json_member(told, "column");
    if (json_text(told, "name") != NULL)
        yyjson_mut_obj_add_strcpy(doc, error, "name", json_text(told, "name"));
    if (yyjson_is_int(line))
        yyjson_mut_obj_add_val(doc, error, "line", yyjson_val_mut_copy(doc, line));
    if (yyjson_is_int(column))
        yyjson_mut_obj_add_val(doc, error, "column", yyjson_val_mut_copy(doc, column));
    return error;
}

static const char *level_name(char level)
{
    static const struct {
        char letter;
        const char *name;
    } levels[] = {{'i', "info"}, {'w', "warn"}, {'e', "error"}, {'d', "debug"}};
    for (size_t i = 0; i < ARRAY_LENGTH(levels); i++)
        if (levels[i].letter == level)
            return levels[i].name;
    return "log";
}

static void add_console(yyjson_mut_doc *doc, yyjson_mut_val *entry, const struct script_report *report,
                        size_t stage)
{
    yyjson_mut_val *lines = NULL;
    for (size_t i = 0; i < report->line_count; i++) {
        if (report->lines[i].stage != stage)
            continue;
        if (lines == NULL)
            lines = yyjson_mut_obj_add_arr(doc, entry, "console");
        yyjson_mut_val *line = yyjson_mut_arr_add_obj(doc, lines);
        yyjson_mut_obj_add_str(doc, line, "level", level_name(report->lines[i].level));
        yyjson_mut_obj_add_str(doc, line, "text", report->lines[i].text);
    }
}

/* An address for a log: without a user, a password or a query. */
static const char *public_address(struct arena *arena, const char *url)
{
    const char *authority = strstr(url, "://");
    if (authority == NULL)
        return "";
    authority += 3;
    size_t authority_size = strcspn(authority, "/?#");
    const char *host = memrchr(authority, '@', authority_size);
    host = host == NULL ? authority : host + 1;
    return arena_printf(arena, "%.*s%.*s", (int)(authority - url), url, (int)strcspn(host, "?#"), host);
}

static void add_http(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *entry,
                     const struct script_report *report, size_t stage)
{
    yyjson_mut_val *calls = NULL;
    for (size_t i = 0; i < report->called_count; i++) {
        const struct script_called *called = &report->called[i];
        const char *method = json_text(called->arguments, "method");
        const char *url = json_text(called->arguments, "url");
        if (called->stage != stage || !called->is_http || method == NULL || url == NULL)
            continue;
        if (calls == NULL)
            calls = yyjson_mut_obj_add_arr(doc, entry, "http");
        yyjson_mut_val *call = yyjson_mut_arr_add_obj(doc, calls);
        yyjson_mut_obj_add_str(doc, call, "method", method);
        yyjson_mut_obj_add_str(doc, call, "url", public_address(arena, url));
        yyjson_mut_obj_add_int(doc, call, "ms", called->ms);
        if (called->status > 0) {
            yyjson_mut_obj_add_int(doc, call, "status", called->status);
            yyjson_mut_obj_add_uint(doc, call, "bytes", called->bytes);
        } else {
            yyjson_mut_obj_add_str(doc, call, "error",
                                   called->fault != NULL ? called->fault : "the rules did not wait for it");
        }
    }
}

static yyjson_val *record_of(struct arena *arena, const struct rule_set *set,
                             const struct script_report *report, const struct rules_outcome *outcome)
{
    yyjson_mut_doc *doc = json_new_array(arena);
    yyjson_val *runs = json_member(report->answer, "runs");
    size_t told = yyjson_arr_size(runs);
    /* A run that never ended left no entry of its own. */
    size_t reached = told > report->stage + 1 ? told : report->stage + 1;
    for (size_t i = 0; i < reached && i < set->count; i++) {
        yyjson_val *run = yyjson_arr_get(runs, i);
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
        yyjson_mut_obj_add_strcpy(doc, entry, "rule", set->rules[i].name);
        yyjson_mut_obj_add_strcpy(doc, entry, "id", set->rules[i].id);
        if (yyjson_is_num(json_member(run, "ms")))
            yyjson_mut_obj_add_val(doc, entry, "ms", yyjson_val_mut_copy(doc, json_member(run, "ms")));
        add_console(doc, entry, report, i);
        add_http(arena, doc, entry, report, i);
        if (outcome->error != NULL && outcome->refusing_rule == set->rules[i].name)
            yyjson_mut_obj_add_val(doc, entry, "error",
                                   error_record(doc, outcome, json_member(report->answer, "error")));
    }
    return freeze(doc);
}

void rules_outcome_plain(struct arena *arena, yyjson_val *user, struct rules_outcome *outcome)
{
    *outcome = (struct rules_outcome){.user = user, .allow_remember_browser = true};
    outcome->id_token = freeze(json_new_object(arena));
    outcome->access_token = freeze(json_new_object(arena));
    outcome->run = freeze(json_new_array(arena));
}

void rules_outcome_read(struct arena *arena, const struct rule_set *set, enum script_outcome ended,
                        const struct script_report *report, struct rules_outcome *outcome)
{
    *outcome = (struct rules_outcome){.allow_remember_browser = true};
    if (ended == SCRIPT_DONE)
        read_answer(arena, outcome, set, report->answer);
    else
        read_ending(outcome, set, ended, report);
    if (ended == SCRIPT_DONE && json_bool(report->answer, "saml_changed", false))
        LOG_WARN("rules.saml_ignored",
                 LOG_TEXT("reason", "there is no SAML login; what was set has no effect"));
    outcome->run = record_of(arena, set, report, outcome);
}
