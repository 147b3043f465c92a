#include "notify/push_sender.h"

#include "base/clock.h"
#include "store/settings.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_MOST_S = 3600 };

static bool is_google(const char *service)
{
    return strcmp(service, "GCM") == 0 || strcmp(service, "FCM") == 0;
}

/*
 * A browser is reached by its own push service. Of the tenant's choices `sns` goes through Amazon; `direct` and `guardian` go
 * to Apple and Google by the tenant's own credentials: Auth0's app, for which `guardian` stands, takes pushes of Auth0's alone.
 */
static const struct push_sender *sender_of(const char *service, const char *provider)
{
    bool is_apple = strcmp(service, "APNS") == 0;
    if (strcmp(service, "WEBPUSH") == 0)
        return &web_push_sender;
    if ((is_apple || is_google(service)) && provider != NULL && strcmp(provider, "sns") == 0)
        return &sns_sender;
    return is_apple ? &apns_sender : is_google(service) ? &fcm_sender : NULL;
}

const struct push_sender *push_choose(struct push_job *job)
{
    struct notifier *notifier = job->notifier;
    yyjson_val *selected = NULL;
    struct db_tx *tx;
    enum db_result result = db_begin_read(notifier->db, &tx);
    job->reason = "the store could not be read";
    if (result != DB_OK)
        return NULL;
    result = settings_get(tx, job->arena, "guardian.push-notification.selected-provider", &selected);
    const struct push_sender *sender = sender_of(job->message->service, json_text(selected, "provider"));
    if (result != DB_FAILED && sender != NULL && sender->settings != NULL)
        result = settings_get_sealed(tx, job->arena, notifier->keyring, sender->settings, &job->settings);
    db_end(&tx);
    if (sender == NULL)
        job->reason = arena_printf(job->arena, "no sender for the service %.32s", job->message->service);
    else if (result != DB_FAILED && sender->settings != NULL && job->settings == NULL)
        job->reason = arena_printf(job->arena, "%s is not configured", sender->name);
    else if (result != DB_FAILED)
        return sender;
    return NULL;
}

/* Retry-After: seconds, or a date (RFC 9110 section 10.2.3). */
static int64_t retry_after_ms(const struct http_answer *answer)
{
    const char *text = http_pair(&answer->headers, "retry-after");
    if (text == NULL)
        return 0;
    char *end;
    int64_t seconds = strtol(text, &end, 10);
    if (end == text || *end != '\0')
        seconds = curl_getdate(text, NULL) - clock_now();
    if (seconds < 0)
        return 0;
    return (seconds < RETRY_AFTER_MOST_S ? seconds : RETRY_AFTER_MOST_S) * 1000;
}

enum delivery push_judge(struct push_job *job, const struct http_answer *answer)
{
    int status = answer->status;
    if (status >= 200 && status < 300)
        return DELIVERY_SENT;
    job->reason = status == 0 ? answer->error : arena_printf(job->arena, "answered %d", status);
    job->retry_after_ms = retry_after_ms(answer);
    return status == 0 || status == 408 || status == 429 || status >= 500 ? DELIVERY_LATER : DELIVERY_REFUSED;
}

yyjson_mut_doc *push_payload_less(struct arena *arena, const struct push_message *message, int step)
{
    yyjson_val *payload = message->payload != NULL ? json_parse_own(arena, message->payload) : NULL;
    if (step > 2 || !yyjson_is_obj(payload))
        return NULL;
    yyjson_mut_doc *doc = json_thaw(arena, payload);
    if (step > 0)
        json_remove(yyjson_mut_doc_get_root(doc), "l");
    if (step > 1)
        json_remove(yyjson_mut_doc_get_root(doc), "s");
    return doc;
}
