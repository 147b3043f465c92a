/* Ways of pushes out of the house, for the files of this folder. */
#ifndef COUNTERSIGN_NOTIFY_PUSH_SENDER_H
#define COUNTERSIGN_NOTIFY_PUSH_SENDER_H

#include "crypto/p256.h"
#include "notify/notifier.h"

enum {
    PUSH_CALL_MS = 8000,       /* each call to a push service */
    PUSH_LARGEST_BYTES = 4096, /* of a payload, at Apple and Google */
    PUSH_RETRY_MOST_MS = 60 * 1000
};

enum delivery {
    DELIVERY_CALL = 0, /* *call is to be done */
    DELIVERY_SENT = 1,
    DELIVERY_DEAD = 2,    /* the token is nobody's any more */
    DELIVERY_REFUSED = 3, /* it will never be taken */
    DELIVERY_LATER = 4,   /* another time, perhaps */
};

/* One attempt to deliver. */
struct push_job {
    struct notifier *notifier;
    struct arena *arena;
    const struct push_message *message;
    yyjson_val *settings;   /* the sender's; NULL where there are none */
    int stage;              /* the sender's own count of its calls */
    const char *reason;     /* for logs: no secrets, no addresses of people */
    int64_t retry_after_ms; /* as the service asked; 0: it did not */
};

/*
 * A service that takes a call or several: begin says the first, go_on reads an answer and says the next. Neither waits for
 * anything; both run on the push thread alone, so that what they keep in static places needs no lock.
 */
struct push_sender {
    const char *name;     /* "webpush", "fcm" */
    const char *settings; /* its sealed document; NULL: none */
    enum delivery (*begin)(struct push_job *job, struct http_call *call);
    enum delivery (*go_on)(struct push_job *job, const struct http_answer *answer, struct http_call *call);
};

extern const struct push_sender web_push_sender;
extern const struct push_sender fcm_sender;
extern const struct push_sender apns_sender;
extern const struct push_sender sns_sender;

/* Who sends to that service, as the tenant selected, and its settings; NULL, with job->reason, where nobody does. */
const struct push_sender *push_choose(struct push_job *job) NODISCARD;

/* What an answer means by its status alone: 2xx sent, none or 408, 429, 5xx later, others refused. Sets the reason. */
enum delivery push_judge(struct push_job *job, const struct http_answer *answer) NODISCARD;

/* Whether a Web Push token's endpoint is on this machine: where pushes go to with --dev. */
bool web_push_is_loopback(struct arena *arena, const char *token) NODISCARD;

/* The payload, without `l` from step 1 on, and without `s` from step 2 on; NULL from step 3 on, or where it is no object. */
yyjson_mut_doc *push_payload_less(struct arena *arena, const struct push_message *message,
                                  int step) NODISCARD;

/* VAPID's pair, made where there is none yet. */
enum db_result vapid_pair(struct notifier *notifier, struct arena *arena, struct p256_pair *pair) NODISCARD;

#endif
