/* What a login does with what its rules left behind. */
#include "rules/program.h"

#include <string.h>
#include <strings.h>

enum { CLAIMS_BYTES_MOST = 100 * 1000, ID_TOKEN_SECONDS_MOST = 30 * 24 * 3600 };

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

bool rules_claim_is_reserved(const char *name)
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
            if (!rules_claim_is_reserved(text) && (without == NULL || strcmp(text, without) != 0))
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

/* Whoever follows it leaves for where the rule said and nowhere else: an absolute address of the web, on one line. */
static bool is_web_address(const char *url)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    if (scheme == 0 || url[scheme] == '\0' || strchr("/?#\\@", url[scheme]) != NULL)
        return false;
    for (const char *at = url; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7F || *at == '\\')
            return false;
    return true;
}

static void read_redirect(struct rules_outcome *outcome, yyjson_val *redirect)
{
    yyjson_val *url = json_member(redirect, "url");
    if (url == NULL || !is_truthy(url))
        return;
    if (yyjson_is_str(url) && is_web_address(yyjson_get_str(url)))
        outcome->redirect_url = yyjson_get_str(url);
    else
        refuse(outcome, "access_denied", "context.redirect.url is no absolute http or https URL");
}

static void read_jwt_configuration(struct rules_outcome *outcome, yyjson_val *configuration)
{
    int64_t seconds = json_int(configuration, "lifetimeInSeconds", 0);
    if (seconds > 0 && seconds <= ID_TOKEN_SECONDS_MOST)
        outcome->id_token_seconds = seconds;
    yyjson_val *scopes = json_member(configuration, "scopes");
    if (yyjson_is_obj(scopes) && yyjson_obj_size(scopes) > 0)
        outcome->scope_claims = scopes;
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
        refuse(outcome, "access_denied", "The rules' answer could not be read");
        return;
    }
    read_multifactor(outcome, json_member(answer, "multifactor"));
    read_redirect(outcome, json_member(answer, "redirect"));
    read_jwt_configuration(outcome, json_member(answer, "jwt_configuration"));
    outcome->primary_user_id = json_text(answer, "primary_user");
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
    outcome->run = rules_record(arena, set, report, outcome);
}
