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
    const char *payload; /* JSON object with the members of ../protocol/guardian.md A5 */
    int64_t expires_at;  /* ms: worth nothing afterwards */
};

/*
 * Queues within the caller's write; notify_wake after its commit. With --dev it is in the outbox (channel "push", to the
 * authenticator's id) by that same write.
 */
enum db_result notifier_queue_push(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                                   const struct push_message *message) NODISCARD;

#endif
