/* The words of a text message: the operator's Liquid template, else ours in the reader's language. */
#include "mfa/factors.h"

#include "base/log.h"
#include "script/liquid.h"

#include <string.h>

enum { LONGEST_SMS = 1600 /* what Twilio takes */ };

/* Auth0's own templates, which the Management API shows where none was set, mean our texts in all languages. */
#define DEFAULT_VERIFICATION "{{code}} is your verification code for {{tenant.friendly_name}}"
#define DEFAULT_ENROLLMENT DEFAULT_VERIFICATION ". Please enter this code to verify your enrollment."

struct words {
    const char *language;
    const char *verification; /* code, name of the tenant */
    const char *enrollment;
};

static const struct words languages[] = {
    {"en", "%s is your verification code for %s",
     "%s is your verification code for %s. Please enter this code to verify your enrollment."},
    {"es", "%s es tu código de verificación para %s",
     "%s es tu código de verificación para %s. Introdúcelo para confirmar la inscripción de tu teléfono."},
    {"fr", "%s est votre code de vérification pour %s",
     "%s est votre code de vérification pour %s. Saisissez-le pour confirmer l'inscription de votre "
     "téléphone."},
    {"de", "%s ist Ihr Bestätigungscode für %s",
     "%s ist Ihr Bestätigungscode für %s. Geben Sie ihn ein, um Ihr Telefon zu registrieren."},
    {"ja", "%sは%sの確認コードです", "%sは%sの確認コードです。このコードを入力して登録を完了してください。"},
    {"ar", "%s هو رمز التحقق الخاص بك لدى %s",
     "%s هو رمز التحقق الخاص بك لدى %s. أدخل هذا الرمز لتأكيد التسجيل."},
};

static const struct words *words_of(const char *locale)
{
    for (size_t i = 0; locale != NULL && i < ARRAY_LENGTH(languages); i++)
        if (strncmp(languages[i].language, locale, 2) == 0)
            return &languages[i];
    return &languages[0];
}

static const char *own_text(struct arena *arena, const char *locale, bool enrolling, const char *code,
                            const char *friendly_name)
{
    const struct words *words = words_of(locale);
    const char *text = enrolling ? words->enrollment : words->verification;
    const char *code_place = strstr(text, "%s");
    const char *name_place = strstr(code_place + 2, "%s");
    return arena_printf(arena, "%.*s%s%.*s%s%s", (int)(code_place - text), text, code,
                        (int)(name_place - code_place - 2), code_place + 2, friendly_name, name_place + 2);
}

/* The variables of Auth0's phone templates. */
static yyjson_mut_val *variables_of(struct factor_call *call, yyjson_mut_doc *doc, const char *code,
                                    const char *friendly_name)
{
    yyjson_mut_val *variables = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, variables, "code", code);
    json_set_text(doc, variables, "message_type", "sms");
    json_set_text(doc, variables, "locale", call->locale);
    yyjson_mut_val *tenant = yyjson_mut_obj(doc);
    json_set_text(doc, tenant, "friendly_name", friendly_name);
    json_set_text(doc, tenant, "friendlyName", friendly_name);
    json_set(doc, variables, "tenant", tenant);
    yyjson_mut_val *request = yyjson_mut_obj(doc);
    json_set_text(doc, request, "lang", call->locale);
    json_set(doc, variables, "requestInfo", request);
    yyjson_mut_val *domain = yyjson_mut_obj(doc);
    json_set_text(doc, domain, "domain", call->tenant->config->host);
    json_set(doc, variables, "custom_domain", domain);
    return variables;
}

const char *sms_text(struct factor_call *call, bool enrolling, const char *code, const char *friendly_name,
                     const char *custom_template)
{
    const char *own = own_text(call->arena, call->locale, enrolling, code, friendly_name);
    const char *standard = enrolling ? DEFAULT_ENROLLMENT : DEFAULT_VERIFICATION;
    if (custom_template == NULL || strcmp(custom_template, standard) == 0)
        return own;
    yyjson_mut_doc *doc = json_new_object(call->arena);
    const char *error = NULL;
    const char *text = liquid_render(call->tenant->scripts, call->arena, custom_template,
                                     variables_of(call, doc, code, friendly_name), &error);
    /* A message that lacks the code, or none at all, would lock the person out: ours leaves instead. */
    if (text != NULL && strlen(text) <= LONGEST_SMS && strstr(text, code) != NULL)
        return text;
    LOG_WARN("mfa.sms_template_failed",
             LOG_TEXT("template", enrolling ? "enrollment_message" : "verification_message"),
             LOG_TEXT("error", error != NULL ? error : "the message is too long, or lacks the code"));
    return own;
}
