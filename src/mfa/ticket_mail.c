#include "mfa/ticket_mail.h"

#include "base/log.h"
#include "page/page.h"
#include "script/liquid.h"
#include "store/settings.h"

#include <string.h>

/* What the mail speaks of, read at once. */
struct ticket_mail {
    const char *friendly_name;
    const char *language;
    const char *url;
    yyjson_val *tenant_settings;
    yyjson_val *custom; /* the operator's template {subject, body, enabled}; NULL: none */
};

static bool read_mail(struct tenant *tenant, struct arena *arena, struct ticket_mail *mail)
{
    struct db_tx *tx;
    if (db_begin_read(tenant->db, &tx) != DB_OK)
        return false;
    mail->friendly_name = tenant_friendly_name(tenant, tx, arena);
    enum db_result settings = settings_get(tx, arena, "tenant", &mail->tenant_settings);
    enum db_result custom = settings_get(tx, arena, "email-templates.enrollment_email", &mail->custom);
    db_end(&tx);
    if (!json_bool(mail->custom, "enabled", false))
        mail->custom = NULL;
    return settings != DB_FAILED && custom != DB_FAILED;
}

/* The language asked for, else the user's own, else the first of the tenant. */
static const char *language_of(const struct user *user, const struct ticket_wish *wish,
                               yyjson_val *tenant_settings)
{
    const char *wanted = wish->email_locale;
    if (wanted == NULL)
        wanted = json_text(json_member(user->doc, "user_metadata"), "lang");
    if (wanted == NULL)
        wanted = json_text(user->doc, "locale");
    if (wanted == NULL)
        wanted = yyjson_get_str(yyjson_arr_get_first(json_member(tenant_settings, "enabled_locales")));
    return page_language(wanted, NULL);
}

static void copy_members(yyjson_mut_doc *doc, yyjson_mut_val *to, yyjson_val *from, const char *const *names,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        yyjson_val *value = json_member(from, names[i]);
        if (value != NULL)
            json_set(doc, to, names[i], yyjson_val_mut_copy(doc, value));
    }
}

/* The variables of Auth0's enrollment_email template. */
static yyjson_mut_val *liquid_variables(struct tenant *tenant, yyjson_mut_doc *doc, const struct user *user,
                                        const struct ticket_mail *mail, struct arena *arena)
{
    static const char *const user_members[] = {"email",    "email_verified", "picture",
                                               "nickname", "given_name",     "family_name",
                                               "name",     "app_metadata",   "user_metadata"};
    static const char *const support_members[] = {"support_email", "support_url"};
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "link", mail->url);
    json_set_text(doc, root, "tenant", tenant_name(tenant, arena));
    json_set_text(doc, root, "friendly_name", mail->friendly_name);
    json_set_text(doc, root, "request_language", mail->language);
    copy_members(doc, root, mail->tenant_settings, support_members, ARRAY_LENGTH(support_members));
    yyjson_mut_val *shown = yyjson_mut_obj(doc);
    copy_members(doc, shown, user->doc, user_members, ARRAY_LENGTH(user_members));
    json_set(doc, root, "user", shown);
    yyjson_mut_val *domain = yyjson_mut_obj(doc);
    json_set_text(doc, domain, "domain", tenant->config->host);
    json_set(doc, root, "custom_domain", domain);
    yyjson_mut_val *application = yyjson_mut_obj(doc);
    json_set_text(doc, application, "name", mail->friendly_name);
    json_set(doc, root, "application", application);
    return root;
}

/* By the operator's template; false where there is none, or it fails: ours leaves then. */
static bool write_custom(struct tenant *tenant, struct arena *arena, const struct user *user,
                         const struct ticket_mail *mail, struct message *message)
{
    const char *subject = json_text(mail->custom, "subject"), *body = json_text(mail->custom, "body");
    if (subject == NULL || body == NULL)
        return false;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *variables = liquid_variables(tenant, doc, user, mail, arena);
    const char *error = NULL;
    const char *rendered_subject = liquid_render(tenant->scripts, arena, subject, variables, &error);
    const char *html =
        rendered_subject != NULL ? liquid_render(tenant->scripts, arena, body, variables, &error) : NULL;
    if (html == NULL || strstr(html, mail->url) == NULL) {
        LOG_WARN("mfa.mail_template_failed", LOG_TEXT("template", "enrollment_email"),
                 LOG_TEXT("error", error != NULL ? error : "the mail lacks the link"));
        return false;
    }
    message->subject = rendered_subject;
    message->html = html;
    return true;
}

bool ticket_mail_write(struct tenant *tenant, const struct http_exchange *x, struct arena *arena,
                       const struct user *user, const struct ticket_wish *wish, const char *url,
                       struct message *message)
{
    (void)x;
    struct ticket_mail mail = {.url = url};
    const char *to = wish->email != NULL ? wish->email : json_text(user->doc, "email");
    if (to == NULL || !read_mail(tenant, arena, &mail))
        return false;
    mail.language = language_of(user, wish, mail.tenant_settings);

    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *variables = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, variables, "companyName", mail.friendly_name);
    json_set_text(doc, variables, "clientName", mail.friendly_name);
    json_set_text(doc, variables, "url", url);
    *message = (struct message){
        .channel = "email",
        .to = to,
        .subject = page_text_filled(arena, mail.language, "enrollment_email", "subject", variables),
        .html = page_render(arena, "enrollment_email", mail.language, variables),
        .text = page_render(arena, "enrollment_email.txt", mail.language, variables),
        .action = "enrollment",
        .tenant = tenant_name(tenant, arena),
        .user_id = user->user_id,
        .locale = mail.language,
    };
    if (mail.custom != NULL)
        (void)write_custom(tenant, arena, user, &mail, message);
    return true;
}
