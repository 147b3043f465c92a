/*
 * Messages to people: channels (SMS, e-mail) behind one interface, chosen by the tenant's settings. With
 * --dev every message goes to the outbox instead of leaving.
 */
#ifndef COUNTERSIGN_NOTIFY_CHANNEL_H
#define COUNTERSIGN_NOTIFY_CHANNEL_H

#include "crypto/keyring.h"
#include "http/client.h"
#include "store/db.h"
#include "store/logs.h"

struct message {
    const char *channel; /* "sms", "email" or "push" */
    const char *to;      /* E.164, or an address */
    const char *text;
    const char *subject; /* email */
    const char *html;    /* email; NULL: text only */
    const char *action;  /* for webhooks, as Auth0's phone-message hook says: "enrollment",
                            "second-factor-authentication" */
    const char *tenant;  /* for webhooks: the tenant's name */
    const char *user_id; /* for webhooks and logs; may be NULL */
    const char *code;    /* for webhooks: the code within the text; may be NULL */
    const char *locale;
    const char *payload; /* push: a JSON object; NULL else */
};

struct notifier;

/* SMTP as an operator configures it: "smtp://user:password@host:587" or smtps://, and the From address. */
struct notifier_config {
    bool dev; /* the outbox instead of the world */
    const char *smtp_url;
    const char *mail_from;  /* "Acme <login@acme.test>", or the bare address */
    const char *twilio_url; /* NULL: https://api.twilio.com; tests have one of their own */
    const char *fcm_url;    /* NULL: https://fcm.googleapis.com; likewise */
    const char *apns_url;   /* NULL: https://api.push.apple.com, or the sandbox's; likewise */
    const char *sns_url;    /* NULL: https://sns.REGION.amazonaws.com; likewise; no trailing slash */
    const char *apns_key;   /* Apple's key for provider tokens (.p8) as PEM; NULL: the tenant's certificate */
    const char *apns_key_id; /* its id, and the team's; both are set where the key is */
    const char *apns_team_id;
    const char *issuer;      /* whom push services may turn to (VAPID's sub); NULL: nobody is named */
    struct log_writer *logs; /* of the tenant, for messages given up (fn, gd_send_pn_failure); may be NULL */
};

struct notifier *notifier_start(struct db *db, const struct keyring *keyring, struct http_client *http,
                                const struct notifier_config *config) NODISCARD;
/* Ends its thread; what is queued stays in the store. */
void notifier_stop(struct notifier **notifier);

enum notify_result {
    NOTIFY_SENT = 0,
    NOTIFY_NOT_CONFIGURED = 1, /* no provider: tell the operator */
    NOTIFY_REFUSED = 2,        /* the provider said no; *reason for logs */
    NOTIFY_FAILED = 3,         /* not reached in time, or the store failed */
};

/* One way out of the house. `settings` is the channel's own sealed settings document; may be NULL. */
struct channel {
    const char *name; /* "twilio", "webhook", "smtp", "outbox" */
    enum notify_result (*send)(struct notifier *notifier, struct arena *arena, yyjson_val *settings,
                               const struct message *message, const char **reason);
};

/* Sends now and waits (SMS: at most 8 s). */
enum notify_result notify_send(struct notifier *notifier, struct arena *arena, const struct message *message,
                               const char **reason) NODISCARD;

/*
 * Queues within the caller's write: the message leaves once that is committed, with retries for 24 h
 * (e-mail). With --dev it is in the outbox by that same write.
 */
enum db_result notify_queue(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                            const struct message *message) NODISCARD;
/* Wakes the sender after a commit that queued. */
void notify_wake(struct notifier *notifier);

#endif
