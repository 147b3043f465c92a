/* The notifier's inside, for the files of this folder. */
#ifndef COUNTERSIGN_NOTIFY_NOTIFIER_H
#define COUNTERSIGN_NOTIFY_NOTIFIER_H

#include "notify/channel.h"
#include "notify/push.h"
#include "json/json.h"

#include <pthread.h>

enum {
    NOTIFY_SMS_MS = 8000,         /* a person waits for this answer */
    NOTIFY_MAIL_S = 60,           /* nobody does */
    NOTIFY_LARGEST_ANSWER = 65536 /* of a provider */
};

/* What the push thread keeps between messages; nobody else looks at it. */
struct push_cache {
    char fcm_account[65]; /* hash of the service account that the token is for */
    char fcm_token[4096];
    int64_t fcm_until; /* ms */
    char apns_token[512];
    int64_t apns_made_at; /* seconds */
};

struct notifier {
    struct db *db;
    const struct keyring *keyring;
    struct http_client *http;
    struct arena *arena; /* of the config's texts; nothing is added after the start */
    struct notifier_config config;

    pthread_t sender;
    pthread_t push_sender;
    struct push_cache push_cache;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t wake;
    bool woken;
    bool push_woken;
    bool stopping;
    notifier_dead_token dead_token; /* NULL: nobody asks */
    void *dead_token_context;
};

/* Waits until `woken` is set (and clears it), the time is over, or the notifier stops: then false. */
bool notifier_wait(struct notifier *notifier, bool *woken, int64_t most_ms) NODISCARD;
bool notifier_is_stopping(struct notifier *notifier) NODISCARD;

extern const struct channel twilio_channel;
extern const struct channel webhook_channel;
extern const struct channel smtp_channel;
extern const struct channel outbox_channel;

/* The sender thread of queue.c; the argument is the notifier. */
void *queue_sender(void *notifier);
/* The same of push_queue.c. */
void *push_queue_sender(void *notifier);

#endif
