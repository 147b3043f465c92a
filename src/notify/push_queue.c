/*
 * The queue of pushes. One thread sends them all, many at a time: it waits for none of them, so that a push service that
 * does not answer holds up its own messages only. As with mail a message leaves at least once.
 */
#include "notify/outbox.h"
#include "notify/push_sender.h"
#include "notify/queue_rows.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum {
    SLOTS = 64, /* messages under way at once */
    LOOK_EVERY_MS = 15 * 1000,
    LEASE_MS = 60 * 1000, /* longer than all calls for a message */
    FIRST_RETRY_MS = 2 * 1000
};

/* A message under way. */
struct slot {
    struct arena *arena; /* NULL: free */
    struct queued queued;
    int64_t lease;
    struct push_message message;
    struct push_job job;
    const struct push_sender *sender;
    struct http_pending *pending;
};

struct lane {
    struct notifier *notifier;
    struct slot slots[SLOTS];
    int64_t next_retry_ns; /* of the steady clock; 0: none is known of */
};

static const char *write_message(struct arena *arena, const struct push_message *message)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "service", message->service);
    json_set_text(doc, root, "token", message->token);
    json_set_text(doc, root, "authenticator_id", message->authenticator_id);
    json_set_text(doc, root, "user_id", message->user_id);
    json_set_text(doc, root, "title", message->title);
    json_set_text(doc, root, "body", message->body);
    json_set_text(doc, root, "payload", message->payload);
    return json_write_doc(arena, doc);
}

static bool leaves(const struct notifier *notifier, struct arena *arena, const struct push_message *message)
{
    if (message->service == NULL || strcmp(message->service, "NONE") == 0)
        return false;
    return !notifier->config.dev ||
           (strcmp(message->service, "WEBPUSH") == 0 && web_push_is_loopback(arena, message->token));
}

enum db_result notifier_queue_push(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                                   const struct push_message *message)
{
    if (notifier->config.dev) {
        enum db_result result = outbox_add(tx, arena,
                                           &(struct message){.channel = "push",
                                                             .to = message->authenticator_id,
                                                             .subject = message->title,
                                                             .text = message->body,
                                                             .payload = message->payload});
        if (result != DB_OK)
            return result;
    }
    if (!leaves(notifier, arena, message))
        return DB_OK;
    return queue_add(notifier, tx, arena, "push", write_message(arena, message), message->expires_at);
}

static void release(struct slot *slot)
{
    arena_destroy(&slot->arena);
    *slot = (struct slot){.arena = NULL};
}

static void give_up(struct lane *lane, struct slot *slot, const char *reason)
{
    struct notifier *notifier = lane->notifier;
    LOG_WARN("notify.push_given_up", LOG_TEXT("message", slot->queued.id),
             LOG_TEXT("authenticator", slot->message.authenticator_id),
             LOG_TEXT("service", slot->message.service), LOG_INT("attempts", slot->queued.attempts + 1),
             LOG_TEXT("reason", reason));
    if (notifier->config.logs != NULL)
        log_entry_add(notifier->config.logs, &(struct log_entry){.type = "gd_send_pn_failure",
                                                                 .description = reason,
                                                                 .user_id = slot->message.user_id});
    queue_drop(notifier, &slot->queued);
}

static void report_dead_token(struct notifier *notifier, const struct push_message *message)
{
    pthread_mutex_lock(&notifier->lock);
    notifier_dead_token dead_token = notifier->dead_token;
    void *context = notifier->dead_token_context;
    pthread_mutex_unlock(&notifier->lock);
    if (dead_token != NULL)
        dead_token(context, message->authenticator_id, message->token);
}

static void retry_later(struct lane *lane, struct slot *slot)
{
    int64_t wait = FIRST_RETRY_MS;
    for (int64_t i = 0; i < slot->queued.attempts && wait < PUSH_RETRY_MOST_MS; i++)
        wait *= 2;
    wait = wait < PUSH_RETRY_MOST_MS ? wait : PUSH_RETRY_MOST_MS;
    wait = wait > slot->job.retry_after_ms ? wait : slot->job.retry_after_ms;
    int64_t next = clock_now_ms() + wait, steady = clock_monotonic_ns() + wait * 1000000;
    if (next >= slot->queued.expires_at) {
        give_up(lane, slot, slot->job.reason);
        return;
    }
    LOG_INFO("notify.push_retried", LOG_TEXT("message", slot->queued.id), LOG_INT("in_ms", wait),
             LOG_TEXT("reason", slot->job.reason));
    if (!queue_move(lane->notifier, &slot->queued, slot->lease, next))
        LOG_WARN("notify.lease_lost", LOG_TEXT("message", slot->queued.id));
    else if (lane->next_retry_ns == 0 || steady < lane->next_retry_ns)
        lane->next_retry_ns = steady;
}

/* Called with the client's lock held; the thread that it wakes takes none while it holds the notifier's. */
static void wake(void *context)
{
    struct notifier *notifier = context;
    pthread_mutex_lock(&notifier->lock);
    notifier->push_woken = true;
    pthread_cond_broadcast(&notifier->wake);
    pthread_mutex_unlock(&notifier->lock);
}

static void act(struct lane *lane, struct slot *slot, enum delivery delivery, const struct http_call *call)
{
    switch (delivery) {
    case DELIVERY_CALL:
        slot->pending = http_begin(lane->notifier->http, call, wake, lane->notifier);
        return;
    case DELIVERY_SENT:
        queue_drop(lane->notifier, &slot->queued);
        break;
    case DELIVERY_DEAD:
        report_dead_token(lane->notifier, &slot->message);
        give_up(lane, slot, slot->job.reason);
        break;
    case DELIVERY_REFUSED:
        give_up(lane, slot, slot->job.reason);
        break;
    case DELIVERY_LATER:
        retry_later(lane, slot);
        break;
    }
    release(slot);
}

static bool read_message(struct notifier *notifier, struct slot *slot)
{
    yyjson_val *root = queue_open(notifier, slot->arena, &slot->queued);
    slot->message = (struct push_message){
        .service = json_text(root, "service"),
        .token = json_text(root, "token"),
        .authenticator_id = json_text(root, "authenticator_id"),
        .user_id = json_text(root, "user_id"),
        .title = json_text(root, "title"),
        .body = json_text(root, "body"),
        .payload = json_text(root, "payload"),
        .expires_at = slot->queued.expires_at,
    };
    slot->job = (struct push_job){.notifier = notifier, .arena = slot->arena, .message = &slot->message};
    return slot->message.service != NULL && slot->message.payload != NULL;
}

/* False where another server had taken it, or the store could not be written. */
static bool start(struct lane *lane, struct slot *slot, const struct queued *queued)
{
    struct http_call call;
    slot->arena = arena_create();
    slot->queued = *queued;
    slot->queued.id = arena_strdup(slot->arena, queued->id);
    slot->lease = clock_now_ms() + LEASE_MS;
    if (!queue_move(lane->notifier, queued, queued->next_at, slot->lease)) {
        release(slot);
        return false;
    }
    enum delivery delivery = DELIVERY_REFUSED;
    if (!read_message(lane->notifier, slot))
        slot->job.reason = "the stored message cannot be opened";
    else if (clock_now_ms() >= queued->expires_at)
        slot->job.reason = "nobody took it before the sign-in ended";
    else if ((slot->sender = push_choose(&slot->job)) != NULL)
        delivery = slot->sender->begin(&slot->job, &call);
    slot->queued.sealed = NULL;
    act(lane, slot, delivery, &call);
    return true;
}

/* Starts what is due, as far as there is room; whether anything was. */
static bool start_due(struct lane *lane)
{
    struct queued due[SLOTS];
    struct slot *room[SLOTS];
    size_t free_slots = 0;
    bool any = false;
    for (size_t i = 0; i < SLOTS; i++)
        if (lane->slots[i].arena == NULL)
            room[free_slots++] = &lane->slots[i];
    if (free_slots == 0)
        return false;
    struct arena *arena = arena_create();
    size_t found = queue_due(lane->notifier, arena, QUEUE_PUSH, free_slots, due);
    for (size_t i = 0; i < found && !notifier_is_stopping(lane->notifier); i++)
        any = start(lane, room[i], &due[i]) || any;
    arena_destroy(&arena);
    return any;
}

/* Goes on with what was answered; whether anything was. */
static bool collect(struct lane *lane)
{
    bool any = false;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &lane->slots[i];
        if (slot->pending == NULL || !http_is_done(slot->pending))
            continue;
        struct http_answer answer;
        struct http_call call;
        http_end(&slot->pending, slot->arena, &answer);
        act(lane, slot, slot->sender->go_on(&slot->job, &answer, &call), &call);
        any = true;
    }
    return any;
}

static bool wait_for_work(struct lane *lane)
{
    int64_t most_ms = LOOK_EVERY_MS;
    if (lane->next_retry_ns != 0) {
        int64_t left_ms = (lane->next_retry_ns - clock_monotonic_ns()) / 1000000 + 1;
        if (left_ms < most_ms)
            most_ms = left_ms > 0 ? left_ms : 0;
        if (left_ms <= 0)
            lane->next_retry_ns = 0;
    }
    return notifier_wait(lane->notifier, &lane->notifier->push_woken, most_ms);
}

/* What is under way is left to the next server at once, not only when its lease is over. */
static void stop(struct lane *lane)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &lane->slots[i];
        if (slot->pending == NULL)
            continue;
        http_abandon(&slot->pending, true);
        if (!queue_move(lane->notifier, &slot->queued, slot->lease, clock_now_ms()))
            LOG_WARN("notify.lease_lost", LOG_TEXT("message", slot->queued.id));
        release(slot);
    }
}

void *push_queue_sender(void *argument)
{
    struct lane lane = {.notifier = argument};
    bool stays = true;
    while (stays && !notifier_is_stopping(lane.notifier)) {
        bool any = collect(&lane);
        any = start_due(&lane) || any;
        if (!any)
            stays = wait_for_work(&lane);
    }
    stop(&lane);
    return NULL;
}
