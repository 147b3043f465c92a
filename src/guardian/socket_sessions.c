#include "guardian/socket_sessions.h"

#include "base/clock.h"
#include "base/random.h"
#include "http/address_counts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1024, MOST_SESSIONS = 20000, MOST_OF_ADDRESS = 200, MOST_OUTBOX = 16 * 1024, IDLE_S = 60 };

struct entry {
    struct entry *next;
    struct socket_session session;
    struct address person;
    int64_t seen; /* monotonic nanoseconds */
    char *outbox; /* NULL: empty */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct entry *rows[ROWS];
static unsigned count;
static struct address_counts *addresses;

static struct entry **row_of(const char *sid)
{
    uint32_t hash = 2166136261U;
    for (; *sid != '\0'; sid++)
        hash = (hash ^ (unsigned char)*sid) * 16777619U;
    return &rows[hash % ROWS];
}

/* With the lock held. */
static void drop(struct entry **place)
{
    struct entry *gone = *place;
    *place = gone->next;
    address_counts_give_back(addresses, &gone->person);
    count--;
    free(gone->outbox);
    free(gone);
    if (count == 0)
        address_counts_free(&addresses);
}

/* Drops those of a row that nobody asks for any more. With the lock held. */
static void sweep(struct entry **row)
{
    int64_t oldest = clock_monotonic_ns() - IDLE_S * INT64_C(1000000000);
    while (*row != NULL) {
        if ((*row)->seen < oldest)
            drop(row);
        else
            row = &(*row)->next;
    }
}

/* With the lock held. */
static struct entry **find(const char *sid)
{
    struct entry **row = row_of(sid);
    sweep(row);
    while (*row != NULL && strcmp((*row)->session.sid, sid) != 0)
        row = &(*row)->next;
    if (*row != NULL)
        (*row)->seen = clock_monotonic_ns();
    return row;
}

const char *socket_session_open(struct arena *arena, const char *client_ip)
{
    struct entry *entry = calloc(1, sizeof *entry);
    const char *sid = random_text(arena, RANDOM_ALPHANUMERIC, SOCKET_SID_LENGTH);
    if (entry == NULL)
        abort();
    if (!address_parse(client_ip, &entry->person))
        memset(&entry->person, 0, sizeof entry->person);
    memcpy(entry->session.sid, sid, SOCKET_SID_LENGTH);
    entry->seen = clock_monotonic_ns();
    pthread_mutex_lock(&lock);
    if (addresses == NULL)
        addresses = address_counts_create();
    count++;
    bool is_within =
        address_counts_add(addresses, &entry->person) <= MOST_OF_ADDRESS && count <= MOST_SESSIONS;
    struct entry **row = row_of(sid);
    entry->next = *row;
    *row = entry;
    if (!is_within) {
        drop(row);
        for (size_t i = 0; i < ROWS; i++)
            sweep(&rows[i]);
    }
    pthread_mutex_unlock(&lock);
    return is_within ? sid : NULL;
}

bool socket_session_find(const char *sid, struct socket_session *session)
{
    pthread_mutex_lock(&lock);
    const struct entry *entry = *find(sid);
    if (entry != NULL)
        *session = entry->session;
    pthread_mutex_unlock(&lock);
    return entry != NULL;
}

void socket_session_end(const char *sid)
{
    pthread_mutex_lock(&lock);
    struct entry **place = find(sid);
    if (*place != NULL)
        drop(place);
    pthread_mutex_unlock(&lock);
}

bool socket_session_update(const char *sid, socket_session_change change, const void *value,
                           struct socket_session *before)
{
    pthread_mutex_lock(&lock);
    struct entry *entry = *find(sid);
    if (entry != NULL) {
        *before = entry->session;
        change(&entry->session, value);
    }
    pthread_mutex_unlock(&lock);
    return entry != NULL;
}

/* With the lock held. */
static bool append(struct entry *entry, const char *packets)
{
    size_t had = entry->outbox != NULL ? strlen(entry->outbox) : 0;
    size_t more = strlen(packets);
    if (had + more + 2 > MOST_OUTBOX)
        return false;
    char *larger = realloc(entry->outbox, had + more + 2);
    if (larger == NULL)
        abort();
    if (had > 0)
        larger[had++] = '\x1e';
    memcpy(larger + had, packets, more + 1);
    entry->outbox = larger;
    return true;
}

bool socket_session_put(const char *sid, const char *packets)
{
    pthread_mutex_lock(&lock);
    struct entry *entry = *find(sid);
    bool is_put = entry != NULL && (packets[0] == '\0' || append(entry, packets));
    pthread_mutex_unlock(&lock);
    return is_put;
}

const char *socket_session_take(struct arena *arena, const char *sid)
{
    const char *packets = "";
    pthread_mutex_lock(&lock);
    struct entry *entry = *find(sid);
    if (entry != NULL && entry->outbox != NULL) {
        packets = arena_strdup(arena, entry->outbox);
        explicit_bzero(entry->outbox, strlen(entry->outbox)); /* it may hold a signature */
        free(entry->outbox);
        entry->outbox = NULL;
    }
    pthread_mutex_unlock(&lock);
    return packets;
}
