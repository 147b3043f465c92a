#include "notify/notifier.h"

#include "base/log.h"
#include "store/settings.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct notifier *notifier_start(struct db *db, const struct keyring *keyring, struct http_client *http,
                                const struct notifier_config *config)
{
    struct notifier *notifier = calloc(1, sizeof *notifier);
    if (notifier == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    notifier->db = db;
    notifier->keyring = keyring;
    notifier->http = http;
    notifier->arena = arena_create();
    notifier->config = (struct notifier_config){
        .dev = config->dev,
        .smtp_url = arena_strdup(notifier->arena, config->smtp_url),
        .mail_from = arena_strdup(notifier->arena, config->mail_from),
        .twilio_url = arena_strdup(notifier->arena, config->twilio_url),
        .fcm_url = arena_strdup(notifier->arena, config->fcm_url),
        .apns_url = arena_strdup(notifier->arena, config->apns_url),
        .sns_url = arena_strdup(notifier->arena, config->sns_url),
        .apns_key = arena_strdup(notifier->arena, config->apns_key),
        .apns_key_id = arena_strdup(notifier->arena, config->apns_key_id),
        .apns_team_id = arena_strdup(notifier->arena, config->apns_team_id),
        .issuer = arena_strdup(notifier->arena, config->issuer),
        .logs = config->logs,
    };

    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&notifier->lock, NULL);
    pthread_cond_init(&notifier->wake, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&notifier->sender, NULL, queue_sender, notifier) != 0 ||
        pthread_create(&notifier->push_sender, NULL, push_queue_sender, notifier) != 0)
        abort();
    return notifier;
}

void notifier_stop(struct notifier **notifier_pointer)
{
    struct notifier *notifier = *notifier_pointer;
    *notifier_pointer = NULL;
    if (notifier == NULL)
        return;
    pthread_mutex_lock(&notifier->lock);
    notifier->stopping = true;
    pthread_cond_broadcast(&notifier->wake);
    pthread_mutex_unlock(&notifier->lock);
    pthread_join(notifier->sender, NULL);
    pthread_join(notifier->push_sender, NULL);
    pthread_cond_destroy(&notifier->wake);
    pthread_mutex_destroy(&notifier->lock);
    arena_destroy(&notifier->arena);
    explicit_bzero(&notifier->push_cache, sizeof notifier->push_cache);
    free(notifier);
}

void notify_wake(struct notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    notifier->woken = notifier->push_woken = true;
    pthread_cond_broadcast(&notifier->wake);
    pthread_mutex_unlock(&notifier->lock);
}

bool notifier_wait(struct notifier *notifier, bool *woken, int64_t most_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += most_ms / 1000;
    until.tv_nsec += most_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&notifier->lock);
    int waited = 0;
    while (!*woken && !notifier->stopping && waited == 0)
        waited = pthread_cond_timedwait(&notifier->wake, &notifier->lock, &until);
    *woken = false;
    bool stopping = notifier->stopping;
    pthread_mutex_unlock(&notifier->lock);
    return !stopping;
}

bool notifier_is_stopping(struct notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    bool stopping = notifier->stopping;
    pthread_mutex_unlock(&notifier->lock);
    return stopping;
}

void notifier_on_dead_token(struct notifier *notifier, notifier_dead_token dead_token, void *context)
{
    pthread_mutex_lock(&notifier->lock);
    notifier->dead_token = dead_token;
    notifier->dead_token_context = context;
    pthread_mutex_unlock(&notifier->lock);
}

/* The way that the tenant chose for text messages (guardian/factors/phone/selected-provider), and its
 * settings. */
static enum notify_result choose_sms_channel(struct notifier *notifier, struct arena *arena,
                                             const struct channel **channel, yyjson_val **settings)
{
    struct db_tx *tx;
    if (db_begin_read(notifier->db, &tx) != DB_OK)
        return NOTIFY_FAILED;
    yyjson_val *selected = NULL;
    enum db_result read = settings_get(tx, arena, "guardian.phone.selected-provider", &selected);
    const char *provider = json_text(selected, "provider");
    *channel = NULL;
    if (read == DB_OK && provider != NULL && strcmp(provider, "twilio") == 0) {
        *channel = &twilio_channel;
        read = settings_get_sealed(tx, arena, notifier->keyring, "guardian.phone.twilio", settings);
    } else if (read == DB_OK && provider != NULL && strcmp(provider, "phone-message-hook") == 0) {
        *channel = &webhook_channel;
        read = settings_get_sealed(tx, arena, notifier->keyring, "guardian.phone.webhook", settings);
    }
    db_end(&tx);
    if (read == DB_FAILED)
        return NOTIFY_FAILED;
    return *channel != NULL && *settings != NULL ? NOTIFY_SENT : NOTIFY_NOT_CONFIGURED;
}

enum notify_result notify_send(struct notifier *notifier, struct arena *arena, const struct message *message,
                               const char **reason)
{
    *reason = NULL;
    yyjson_val *settings = NULL;
    const struct channel *channel;
    if (notifier->config.dev) {
        channel = &outbox_channel;
    } else if (strcmp(message->channel, "sms") == 0) {
        enum notify_result chosen = choose_sms_channel(notifier, arena, &channel, &settings);
        if (chosen != NOTIFY_SENT) {
            *reason =
                chosen == NOTIFY_FAILED ? "the store could not be read" : "no phone provider is configured";
            return chosen;
        }
    } else {
        channel = &smtp_channel;
    }
    enum notify_result result = channel->send(notifier, arena, settings, message, reason);
    if (result != NOTIFY_SENT)
        LOG_WARN("notify.failed", LOG_TEXT("channel", channel->name), LOG_TEXT("reason", *reason));
    return result;
}
