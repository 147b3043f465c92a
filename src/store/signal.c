#include "store/signal.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/random.h"
#include "store/driver.h"
#include "store/signals.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LISTENERS = 8, NAME_SIZE = 17 };

struct listener {
    signal_heard heard;
    void *context;
};

struct signals {
    pthread_rwlock_t lock; /* guards the listeners: held for reading while they are called */
    struct listener listeners[MOST_LISTENERS];
    unsigned count;

    pthread_mutex_t start_lock;
    char *uri;                          /* NULL: no other process */
    struct postgres_listener *postgres; /* since the first signal_listen */
    char name[NAME_SIZE];               /* of this process among those on the store */
};

struct raised {
    struct raised *next;
    char topic[];
};

struct signals *signals_create(const char *uri)
{
    struct signals *signals = calloc(1, sizeof *signals);
    uint8_t name[(NAME_SIZE - 1) / 2];
    if (signals == NULL)
        abort();
    pthread_rwlock_init(&signals->lock, NULL);
    pthread_mutex_init(&signals->start_lock, NULL);
    if (uri != NULL && (signals->uri = strdup(uri)) == NULL)
        abort();
    random_fill(name, sizeof name);
    for (size_t i = 0; i < sizeof name; i++)
        snprintf(signals->name + 2 * i, 3, "%02x", name[i]);
    return signals;
}

void signals_free(struct signals **signals)
{
    struct signals *ending = *signals;
    if (ending == NULL)
        return;
    postgres_listener_stop(&ending->postgres);
    pthread_mutex_destroy(&ending->start_lock);
    pthread_rwlock_destroy(&ending->lock);
    if (ending->uri != NULL)
        explicit_bzero(ending->uri, strlen(ending->uri)); /* it may hold a password */
    free(ending->uri);
    free(ending);
    *signals = NULL;
}

static bool is_topic(const char *topic)
{
    size_t length = strlen(topic);
    if (length == 0 || length >= SIGNAL_TOPIC_SIZE)
        return false;
    for (size_t i = 0; i < length; i++)
        if (topic[i] < 0x20 || topic[i] > 0x7e)
            return false;
    return true;
}

void signal_raise(struct db_tx *tx, const char *topic)
{
    if (!tx->writing || !is_topic(topic)) {
        LOG_ERROR("store.signal_dropped", LOG_TEXT("why", tx->writing ? "no topic" : "not in a write"));
        return;
    }
    for (const struct raised *other = tx->raised; other != NULL; other = other->next)
        if (strcmp(other->topic, topic) == 0)
            return;
    size_t size = strlen(topic) + 1;
    struct raised *raised = malloc(sizeof *raised + size);
    if (raised == NULL)
        abort();
    memcpy(raised->topic, topic, size);
    raised->next = tx->raised;
    tx->raised = raised;
    if (db_tx_kind(tx) == DB_POSTGRES) {
        char payload[NAME_SIZE + SIGNAL_TOPIC_SIZE];
        snprintf(payload, sizeof payload, "%s %s", tx->db->signals->name, topic);
        /* A failure ends the transaction, which db_commit then tells. */
        (void)!db_exec(tx, NULL, "SELECT pg_notify('" SIGNAL_CHANNEL "', ?)", "t", payload);
    }
}

void signals_tell(struct signals *signals, const char *topic)
{
    pthread_rwlock_rdlock(&signals->lock);
    for (unsigned i = 0; i < signals->count; i++)
        signals->listeners[i].heard(signals->listeners[i].context, topic);
    pthread_rwlock_unlock(&signals->lock);
}

void signals_settle(struct signals *signals, struct raised **raised, bool committed)
{
    while (*raised != NULL) {
        struct raised *first = *raised;
        *raised = first->next;
        if (committed)
            signals_tell(signals, first->topic);
        free(first);
    }
}

static bool start_listening(struct signals *signals)
{
    if (signals->uri == NULL)
        return true;
    pthread_mutex_lock(&signals->start_lock);
    if (signals->postgres == NULL)
        signals->postgres = postgres_listener_start(signals, signals->uri, signals->name);
    bool is_started = signals->postgres != NULL;
    pthread_mutex_unlock(&signals->start_lock);
    return is_started;
}

bool signal_listen(struct db *db, signal_heard heard, void *context)
{
    struct signals *signals = db->signals;
    pthread_rwlock_wrlock(&signals->lock);
    bool has_room = signals->count < MOST_LISTENERS;
    if (has_room)
        signals->listeners[signals->count++] = (struct listener){.heard = heard, .context = context};
    pthread_rwlock_unlock(&signals->lock);
    if (has_room && start_listening(signals))
        return true;
    LOG_ERROR("store.cannot_listen");
    if (has_room)
        signal_unlisten(db, heard, context);
    return false;
}

void signal_unlisten(struct db *db, signal_heard heard, void *context)
{
    struct signals *signals = db->signals;
    pthread_rwlock_wrlock(&signals->lock);
    for (unsigned i = 0; i < signals->count; i++)
        if (signals->listeners[i].heard == heard && signals->listeners[i].context == context) {
            signals->listeners[i] = signals->listeners[--signals->count];
            break;
        }
    pthread_rwlock_unlock(&signals->lock);
}
