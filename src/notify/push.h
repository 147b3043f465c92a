/* Pushes to phones: queued with what asks, delivered by the sender thread; a login never waits for a push service. */
#ifndef COUNTERSIGN_NOTIFY_PUSH_H
#define COUNTERSIGN_NOTIFY_PUSH_H

#include "notify/channel.h"

struct push_message {
    const char *service; /* "APNS", "GCM", "WEBPUSH"; "NONE" is not sent: that phone looks by itself */
    const char *token;   /* of that service; WEBPUSH: the browser's subscription as JSON */
    const char *authenticator_id;
    const char *user_id;
    const char *title; /* for the lock screen */
    const char *body;
    const char *payload; /* JSON object: dai, txtkn, c, d, sh; where known txlnkid, s, l. Where it is too
                            large for the service, l and then s are left out */
    int64_t expires_at;  /* ms: worth nothing afterwards */
};

/*
 * Queues within the caller's write; notify_wake after its commit. With --dev it is in the outbox (channel "push", to the
 * authenticator's id) by that same write, and nothing leaves this machine: only a Web Push to a loopback address is sent too.
 */
enum db_result notifier_queue_push(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                                   const struct push_message *message) NODISCARD;

/*
 * The public key by which browsers know the sender (VAPID, RFC 8292): what PushManager.subscribe takes, as base64url. Made
 * when it is first asked for, and the same from then on. NULL where the store fails.
 */
const char *notifier_web_push_key(struct notifier *notifier, struct arena *arena) NODISCARD;

/*
 * Called on the push thread where a push service said that a token is no more, with no transaction open. Set once, before
 * anything is queued.
 */
typedef void (*notifier_dead_token)(void *context, const char *authenticator_id, const char *token);
void notifier_on_dead_token(struct notifier *notifier, notifier_dead_token dead_token, void *context);

#endif
