/*
 * E-mail by SMTP (RFC 5321) through libcurl. smtps:// speaks TLS from the first byte; smtp:// turns to TLS by
 * STARTTLS, which must succeed where a password would be sent to another machine, and is used where offered
 * otherwise.
 */
#include "notify/mail.h"
#include "notify/notifier.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <string.h>

enum { CONNECT_S = 15 };

struct upload {
    const char *at;
    size_t left;
};

static size_t give_upload(char *to, size_t size, size_t count, void *context)
{
    struct upload *upload = context;
    size_t take = size * count < upload->left ? size * count : upload->left;
    memcpy(to, upload->at, take);
    upload->at += take;
    upload->left -= take;
    return take;
}

/* Whether the URL names this machine, and whether it holds a password. */
static bool needs_tls(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL, *password = NULL;
    bool needed = true;
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool has_password = curl_url_get(parts, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;
        bool is_here =
            strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
        needed = has_password && !is_here;
    }
    curl_free(host);
    curl_free(password);
    curl_url_cleanup(parts);
    return needed;
}

static enum notify_result result_of(CURL *curl, CURLcode code, struct arena *arena, const char **reason)
{
    if (code == CURLE_OK)
        return NOTIFY_SENT;
    long answered = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answered);
    *reason = arena_printf(arena, "%s, server answered %ld", curl_easy_strerror(code), answered);
    /* A lasting no to this message; a refused login is the operator's to mend, and the mail waits for that.
     */
    bool lasting = answered >= 500 && code != CURLE_LOGIN_DENIED && code != CURLE_USE_SSL_FAILED;
    return lasting ? NOTIFY_REFUSED : NOTIFY_FAILED;
}

static enum notify_result send_by_smtp(struct notifier *notifier, struct arena *arena, yyjson_val *settings,
                                       const struct message *message, const char **reason)
{
    (void)settings;
    const struct notifier_config *config = &notifier->config;
    if (config->smtp_url == NULL || config->mail_from == NULL) {
        *reason = "no SMTP server is configured";
        return NOTIFY_NOT_CONFIGURED;
    }
    const char *name;
    const char *sender = mail_mailbox(arena, config->mail_from, &name);
    const char *recipient = mail_address(arena, message->to);
    const char *mail = mail_compose(arena, config->mail_from, message, clock_now_ms());
    if (mail == NULL) {
        *reason = "an address is not one";
        return NOTIFY_REFUSED;
    }
    CURL *curl = curl_easy_init();
    struct curl_slist *recipients = curl_slist_append(NULL, recipient);
    if (curl == NULL || recipients == NULL) {
        curl_easy_cleanup(curl);
        *reason = "out of memory";
        return NOTIFY_FAILED;
    }
    struct upload upload = {.at = mail, .left = strlen(mail)};
    curl_easy_setopt(curl, CURLOPT_URL, config->smtp_url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     (long)(needs_tls(config->smtp_url) ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, sender);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_upload);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)NOTIFY_MAIL_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    CURLcode code = curl_easy_perform(curl);
    enum notify_result result = result_of(curl, code, arena, reason);
    curl_slist_free_all(recipients);
    curl_easy_cleanup(curl);
    return result;
}

const struct channel smtp_channel = {.name = "smtp", .send = send_by_smtp};
