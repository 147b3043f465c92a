/* Guardian's settings: which factors are on, and how text messages are sent. Each is one document (store/settings.h). */
#include "management/resources.h"
#include "script/liquid.h"
#include "store/settings.h"

#include <string.h>

#define SMS_TEMPLATE "{{code}} is your verification code for {{tenant.friendly_name}}"

/* A document that GET shows and PUT replaces. */
struct setting {
    const char *path;
    const char *name;     /* in the store; two paths may name one */
    const char *defaults; /* JSON: what an absent document, or member, shows as */
    const char *nulls;    /* JSON: what an absent member of a document that was set shows as; NULL: nothing */
    const char *hidden;   /* a member that is never shown; NULL: none */
    bool sealed;
    bool (*check)(struct call *call);
};

static bool check_remember(struct call *call)
{
    int64_t idle = json_int(call->body, "mfa_session_inactivity_timeout", 604800);
    int64_t overall = json_int(call->body, "mfa_session_overall_timeout", 2592000);
    return idle <= overall ||
           management_bad_body(
               call->x,
               "mfa_session_inactivity_timeout must not be greater than mfa_session_overall_timeout");
}

/* Templates are tried out before they are kept: what does not render here would not render at a login. */
static bool check_templates(struct call *call)
{
    static const char *const members[] = {"enrollment_message", "verification_message"};
    static const char variables[] =
        "{\"code\":\"123456\",\"message_type\":\"sms\",\"locale\":\"en\",\"requestInfo\":{\"lang\":\"en\"},"
        "\"tenant\":{\"friendly_name\":\"T\",\"friendlyName\":\"T\"},\"pause\":\"\"}";
    for (size_t i = 0; i < ARRAY_LENGTH(members) && call->tenant->scripts != NULL; i++) {
        const char *error = NULL;
        yyjson_mut_doc *doc = json_thaw(call->arena, json_parse_own(call->arena, variables));
        if (liquid_render(call->tenant->scripts, call->arena, json_text(call->body, members[i]),
                          yyjson_mut_doc_get_root(doc), &error) == NULL) {
            return management_bad_body(call->x,
                                       arena_printf(call->arena, "Invalid %s template: %s.", members[i],
                                                    error != NULL ? error : "it cannot be rendered"));
        }
    }
    return true;
}

static const char phone_templates[] =
    "{\"enrollment_message\":\"" SMS_TEMPLATE ". Please enter this code to verify your enrollment.\","
    "\"verification_message\":\"" SMS_TEMPLATE "\"}";
static const char twilio_nulls[] =
    "{\"auth_token\":null,\"sid\":null,\"from\":null,\"messaging_service_sid\":null}";
static const char default_provider[] = "{\"provider\":\"auth0\"}";
static const char sns_nulls[] =
    "{\"aws_access_key_id\":null,\"aws_secret_access_key\":null,\"aws_region\":null,"
    "\"sns_apns_platform_application_arn\":null,\"sns_gcm_platform_application_arn\":null}";
static const char apns_defaults[] = "{\"bundle_id\":null,\"sandbox\":false}";

static const struct setting settings[] = {
    {"/guardian/policies", "guardian.policies", "[]", NULL, NULL, false, NULL},
    {"/guardian/settings", "guardian.settings",
     "{\"display_remember_me_checkbox\":true,\"remember_me_default_value\":false,"
     "\"mfa_session_inactivity_timeout\":604800,\"mfa_session_overall_timeout\":2592000}",
     NULL, NULL, false, check_remember},
    {"/guardian/factors/phone/message-types", "guardian.phone.message-types", "{\"message_types\":[]}", NULL,
     NULL, false, NULL},
    {"/guardian/factors/phone/selected-provider", "guardian.phone.selected-provider", default_provider, NULL,
     NULL, false, NULL},
    {"/guardian/factors/sms/selected-provider", "guardian.phone.selected-provider", default_provider, NULL,
     NULL, false, NULL},
    {"/guardian/factors/phone/providers/twilio", "guardian.phone.twilio", "{}", twilio_nulls, NULL, true,
     NULL},
    {"/guardian/factors/sms/providers/twilio", "guardian.phone.twilio", "{}", twilio_nulls, NULL, true, NULL},
    {"/guardian/factors/phone/providers/webhook", "guardian.phone.webhook", "{}", NULL, "secret", true, NULL},
    {"/guardian/factors/phone/templates", "guardian.phone.templates", phone_templates, NULL, NULL, false,
     check_templates},
    {"/guardian/factors/sms/templates", "guardian.phone.templates", phone_templates, NULL, NULL, false,
     check_templates},
    {"/guardian/factors/phone/settings", "guardian.phone.settings",
     "{\"otp_length\":6,\"otp_expiration_time\":300}", NULL, NULL, false, NULL},
    {"/guardian/factors/push-notification/settings", "guardian.push.settings",
     "{\"number_matching_required\":false,\"block_reported\":false}", NULL, NULL, false, NULL},
    {"/guardian/factors/push-notification/selected-provider", "guardian.push-notification.selected-provider",
     "{\"provider\":\"guardian\"}", NULL, NULL, false, NULL},
    {"/guardian/factors/push-notification/providers/sns", "guardian.push.sns", "{}", sns_nulls, NULL, true,
     NULL},
    {"/guardian/factors/push-notification/providers/apns", "guardian.push.apns", apns_defaults, NULL, "p12",
     true, NULL},
    {"/guardian/factors/push-notification/providers/fcmv1", "guardian.push.fcmv1", "{}", NULL,
     "server_credentials", true, NULL},
    /* Kept for tools that set it; Google closed the API that it is for in 2024, so nothing is sent by it. */
    {"/guardian/factors/push-notification/providers/fcm", "guardian.push.fcm", "{}", NULL, "server_key", true,
     NULL},
};

static const struct setting *setting_of(const struct call *call)
{
    for (size_t i = 0; i < ARRAY_LENGTH(settings); i++) {
        if (strcmp(settings[i].path, call->operation->path) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

/* The members of `more` that the object lacks. */
static void add_absent(yyjson_mut_doc *doc, struct arena *arena, const char *more)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(json_parse_own(arena, more), index, count, name, value)
    {
        if (json_mut_member(root, yyjson_get_str(name)) == NULL) {
            json_set(doc, root, yyjson_get_str(name), yyjson_val_mut_copy(doc, value));
        }
    }
}

static void show_setting(struct call *call)
{
    const struct setting *setting = setting_of(call);
    struct db_tx *tx = NULL;
    yyjson_val *stored = NULL;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result =
        setting->sealed ? settings_get_sealed(tx, call->arena, call->tenant->keyring, setting->name, &stored)
                        : settings_get(tx, call->arena, setting->name, &stored);
    db_end(&tx);
    if (result != DB_OK && result != DB_NOT_FOUND) {
        (void)management_store_failed(call->x);
        return;
    }
    yyjson_mut_doc *doc =
        json_thaw(call->arena, stored != NULL ? stored : json_parse_own(call->arena, setting->defaults));
    add_absent(doc, call->arena,
               stored != NULL && setting->nulls != NULL ? setting->nulls : setting->defaults);
    if (setting->hidden != NULL) {
        json_remove(yyjson_mut_doc_get_root(doc), setting->hidden);
    }
    if (strcmp(setting->name, "guardian.push.apns") == 0) {
        json_set_bool(doc, yyjson_mut_doc_get_root(doc), "enabled",
                      json_text(stored, "p12") != NULL && json_text(stored, "bundle_id") != NULL);
    }
    http_reply_json(call->x, 200, doc);
}

/* Every change of these settings stands in the log of the factors too. */
static void log_change(struct call *call)
{
    tenant_log(call->tenant, call->x,
               (struct log_entry){.type = "gd_tenant_update",
                                  .description = "Guardian - Updates tenant settings",
                                  .client_id = call->caller.client_id});
}

/* What is stored, with what the body says in place of its members. */
static enum db_result merge_setting(struct call *call, struct db_tx *tx, const struct setting *setting,
                                    const char **text)
{
    yyjson_val *stored = NULL, *name, *value;
    size_t index, count;
    enum db_result result = settings_lock(tx, call->arena, setting->name);
    if (result == DB_OK) {
        result = settings_get_sealed(tx, call->arena, call->tenant->keyring, setting->name, &stored);
    }
    if (result != DB_OK && result != DB_NOT_FOUND) {
        return result;
    }
    yyjson_mut_doc *doc = stored != NULL ? json_thaw(call->arena, stored) : json_new_object(call->arena);
    yyjson_obj_foreach(call->body, index, count, name, value)
    {
        json_set(doc, yyjson_mut_doc_get_root(doc), yyjson_get_str(name), yyjson_val_mut_copy(doc, value));
    }
    *text = json_write_doc(call->arena, doc);
    return DB_OK;
}

/* PUT replaces the settings; PATCH (of sealed ones) the members that it names. */
static void set_setting(struct call *call)
{
    const struct setting *setting = setting_of(call);
    struct db_tx *tx = NULL;
    const char *text = json_write(call->arena, call->body);
    if ((setting->check != NULL && !setting->check(call)) || !call_write(call, &tx)) {
        return;
    }
    enum db_result result = DB_OK;
    if (strcmp(call->operation->method, "PATCH") == 0) {
        result = merge_setting(call, tx, setting, &text);
    }
    if (result == DB_OK) {
        result = setting->sealed
                     ? settings_put_sealed(tx, call->arena, call->tenant->keyring, setting->name, text)
                     : settings_put(tx, setting->name, text);
    }
    if (result != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (!call_commit(call, &tx)) {
        return;
    }
    log_change(call);
    yyjson_mut_doc *doc = json_thaw(call->arena, json_parse_own(call->arena, text));
    if (setting->hidden != NULL) {
        json_remove(yyjson_mut_doc_get_root(doc), setting->hidden);
    }
    http_reply_json(call->x, 200, doc);
}

/* --- which factors are on --- */

static const char *const factor_names[] = {
    "sms",           "push-notification", "otp", "email", "duo", "webauthn-roaming", "webauthn-platform",
    "recovery-code",
};

static void list_factors(struct call *call)
{
    struct db_tx *tx = NULL;
    yyjson_val *switches = NULL;
    if (!call_read(call, &tx)) {
        return;
    }
    enum db_result result = settings_get(tx, call->arena, "guardian.factors", &switches);
    db_end(&tx);
    if (result != DB_OK && result != DB_NOT_FOUND) {
        (void)management_store_failed(call->x);
        return;
    }
    yyjson_mut_doc *doc = json_new_array(call->arena);
    for (size_t i = 0; i < ARRAY_LENGTH(factor_names); i++) {
        yyjson_mut_val *factor = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
        json_set_text(doc, factor, "name", factor_names[i]);
        json_set_bool(doc, factor, "enabled", json_bool(switches, factor_names[i], false));
        json_set_bool(doc, factor, "trial_expired", false);
    }
    http_reply_json(call->x, 200, doc);
}

/* Clients set several factors at once: the settings are locked, so that none of the switches is lost. */
static enum db_result switch_factor(struct call *call, struct db_tx *tx, bool on)
{
    yyjson_val *stored = NULL;
    enum db_result result = settings_lock(tx, call->arena, "guardian.factors");
    if (result == DB_OK) {
        result = settings_get(tx, call->arena, "guardian.factors", &stored);
    }
    if (result != DB_OK) {
        return result;
    }
    yyjson_mut_doc *doc = stored != NULL ? json_thaw(call->arena, stored) : json_new_object(call->arena);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), http_parameter(call->x, "name"), on);
    return settings_put(tx, "guardian.factors", json_write_doc(call->arena, doc));
}

static void set_factor(struct call *call)
{
    bool on = json_bool(call->body, "enabled", false);
    struct db_tx *tx = NULL;
    if (!call_write(call, &tx)) {
        return;
    }
    if (switch_factor(call, tx, on) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        log_change(call);
        yyjson_mut_doc *doc = json_new_object(call->arena);
        json_set_bool(doc, yyjson_mut_doc_get_root(doc), "enabled", on);
        http_reply_json(call->x, 200, doc);
    }
}

#define SETTING(path)                                                                                        \
    {"GET", path, show_setting, NULL},                                                                       \
    {                                                                                                        \
        "PUT", path, set_setting, NULL                                                                       \
    }

#define PROVIDER(path)                                                                                       \
    {"PUT", path, set_setting, NULL},                                                                        \
    {                                                                                                        \
        "PATCH", path, set_setting, NULL                                                                     \
    }

static const struct operation list[] = {
    {"GET", "/guardian/factors", list_factors, NULL},
    {"PUT", "/guardian/factors/{name}", set_factor, NULL},
    SETTING("/guardian/policies"),
    SETTING("/guardian/settings"),
    SETTING("/guardian/factors/phone/message-types"),
    SETTING("/guardian/factors/phone/selected-provider"),
    SETTING("/guardian/factors/sms/selected-provider"),
    SETTING("/guardian/factors/phone/providers/twilio"),
    SETTING("/guardian/factors/sms/providers/twilio"),
    SETTING("/guardian/factors/phone/providers/webhook"),
    SETTING("/guardian/factors/phone/templates"),
    SETTING("/guardian/factors/sms/templates"),
    SETTING("/guardian/factors/phone/settings"),
    SETTING("/guardian/factors/push-notification/settings"),
    SETTING("/guardian/factors/push-notification/selected-provider"),
    PROVIDER("/guardian/factors/push-notification/providers/sns"),
    {"GET", "/guardian/factors/push-notification/providers/sns", show_setting, NULL},
    PROVIDER("/guardian/factors/push-notification/providers/apns"),
    {"GET", "/guardian/factors/push-notification/providers/apns", show_setting, NULL},
    PROVIDER("/guardian/factors/push-notification/providers/fcmv1"),
    PROVIDER("/guardian/factors/push-notification/providers/fcm"),
};
const struct operations factors_operations = {list, ARRAY_LENGTH(list)};
