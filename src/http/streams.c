#include "http/streams_own.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "http/address_counts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NORMAL_CLOSURE = 1000 /* RFC 6455 section 7.4.1 */ };

/* --- lists --- */

static struct stream **row_of(struct streams *streams, const char *topic)
{
    uint64_t hash = 14695981039346656037U;
    for (; *topic != '\0'; topic++)
        hash = (hash ^ (unsigned char)*topic) * 1099511628211U;
    return &streams->topics[(hash ^ hash >> 32) % TOPIC_ROWS];
}

static void join_topic(struct streams *streams, struct stream *stream)
{
    struct stream **row = row_of(streams, stream->topic);
    stream->next_of_topic = *row;
    stream->place_of_topic = row;
    if (*row != NULL)
        (*row)->place_of_topic = &stream->next_of_topic;
    *row = stream;
}

static void leave_topic(struct stream *stream)
{
    if (stream->place_of_topic == NULL)
        return;
    *stream->place_of_topic = stream->next_of_topic;
    if (stream->next_of_topic != NULL)
        stream->next_of_topic->place_of_topic = stream->place_of_topic;
    stream->place_of_topic = NULL;
}

void stream_leave_slot(struct stream *stream)
{
    if (stream->place_of_slot == NULL)
        return;
    *stream->place_of_slot = stream->next_of_slot;
    if (stream->next_of_slot != NULL)
        stream->next_of_slot->place_of_slot = stream->place_of_slot;
    stream->place_of_slot = NULL;
}

/* To the stream_second of the next heartbeat, or of the deadline where that is sooner. */
void stream_join_slot(struct stream *stream)
{
    struct streams *streams = stream->owner;
    int64_t left = (stream->deadline - clock_monotonic_ns()) / stream_second + 1;
    int64_t wait = streams->config.heartbeat_seconds;
    if (left < wait)
        wait = left < 1 ? 1 : left;
    struct stream **slot = &streams->wheel[(streams->tick + wait) % SLOTS];
    stream->next_of_slot = *slot;
    stream->place_of_slot = slot;
    if (*slot != NULL)
        (*slot)->place_of_slot = &stream->next_of_slot;
    *slot = stream;
}

void streams_ring(const struct streams *streams)
{
    while (eventfd_write(streams->bell, 1) != 0 && errno == EINTR)
        continue;
}

/* --- the end of a stream --- */

static void bury(struct stream *stream)
{
    struct streams *streams = stream->owner;
    stream->next = streams->dead;
    streams->dead = stream;
    streams_ring(streams);
}

/* The client is gone, or is to be. Memory stays while a turn or the lent connection needs it. */
void stream_close(struct stream *stream)
{
    struct streams *streams = stream->owner;
    if (stream->is_gone)
        return;
    stream->is_gone = true;
    leave_topic(stream);
    stream_leave_slot(stream);
    if (stream->fd >= 0) {
        epoll_ctl(streams->epoll, EPOLL_CTL_DEL, stream->fd, NULL);
        close(stream->fd);
        stream->fd = -1;
    }
    free(stream->unsent);
    stream->unsent = NULL;
    stream->unsent_size = 0;
    free(stream->unread);
    stream->unread = NULL;
    websocket_clear(&stream->websocket);
    address_counts_give_back(streams->addresses, &stream->person);
    atomic_fetch_sub(&streams->count, 1);
    if (stream->is_lent && stream->is_suspended) {
        stream->is_suspended = false;
        stream->resume(stream->resume_context);
    }
    if (stream->turn == RESTS && !stream->is_lent)
        bury(stream);
}

/* --- sending --- */

static void watch_for(struct stream *stream, int operation)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = stream};
    if (stream->wants_room)
        event.events |= EPOLLOUT;
    if (stream->kind == HTTP_STREAM_SOCKET)
        event.events |= EPOLLIN;
    epoll_ctl(stream->owner->epoll, operation, stream->fd, &event);
}

static void watch_for_room(struct stream *stream, bool wants_room)
{
    if (stream->wants_room == wants_room)
        return;
    stream->wants_room = wants_room;
    watch_for(stream, EPOLL_CTL_MOD);
}

static void drop_sent(struct stream *stream, size_t size)
{
    stream->unsent_size -= size;
    if (stream->unsent_size > 0) {
        memmove(stream->unsent, stream->unsent + size, stream->unsent_size);
        return;
    }
    free(stream->unsent);
    stream->unsent = NULL;
    stream->is_stalled = false;
}

void stream_flush(struct stream *stream)
{
    if (stream->is_lent) {
        bool resumes = stream->is_suspended && (stream->unsent_size > 0 || stream->is_ending);
        if (resumes) {
            stream->is_suspended = false;
            stream->resume(stream->resume_context);
        }
        return;
    }
    while (stream->unsent_size > 0) {
        ssize_t sent = send(stream->fd, stream->unsent, stream->unsent_size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            drop_sent(stream, (size_t)sent);
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch_for_room(stream, true);
            return;
        } else if (sent == 0 || errno != EINTR) {
            stream_close(stream);
            return;
        }
    }
    if (stream->is_ending)
        stream_close(stream);
    else
        watch_for_room(stream, false);
}

void stream_say(struct stream *stream, const char *data, size_t size)
{
    if (stream->is_gone || size == 0)
        return;
    if (stream->unsent_size + size > MOST_UNSENT) {
        stream_close(stream);
        return;
    }
    char *larger = realloc(stream->unsent, stream->unsent_size + size);
    if (larger == NULL)
        abort();
    memcpy(larger + stream->unsent_size, data, size);
    stream->unsent = larger;
    stream->unsent_size += size;
    stream_flush(stream);
}

/* --- turns --- */

/* With the lock held. */
void stream_queue_turn(struct stream *stream)
{
    struct streams *streams = stream->owner;
    if (stream->is_gone || stream->is_ending)
        return;
    if (stream->turn != RESTS) {
        stream->is_woken = true;
        return;
    }
    stream->turn = QUEUED;
    stream->next = NULL;
    *streams->last_turn = stream;
    streams->last_turn = &stream->next;
}

static void run_turn(struct work *work);

/* Gives turns to the request threads, as many as may run at once. With the lock held. */
void streams_hand_out_turns(struct streams *streams)
{
    while (streams->first_turn != NULL && streams->turns_running < streams->config.turns) {
        struct stream *stream = streams->first_turn;
        if (!stream->is_gone && !workers_reserve(streams->config.workers)) {
            /* The watching thread tries again in a moment. */
            if (!streams->is_retrying)
                streams_ring(streams);
            streams->is_retrying = true;
            return;
        }
        streams->is_retrying = false;
        streams->first_turn = stream->next;
        if (streams->first_turn == NULL)
            streams->last_turn = &streams->first_turn;
        stream->turn = RUNS;
        if (stream->is_gone) {
            stream->turn = RESTS;
            if (!stream->is_lent)
                bury(stream);
            continue;
        }
        stream->is_woken = false;
        streams->turns_running++;
        stream->work.run = run_turn;
        workers_submit(streams->config.workers, &stream->work);
    }
}

/* Takes the next message from those that wait. With the lock held. */
static const char *next_message(struct stream *stream, struct arena *arena)
{
    struct message *message = stream->first_message;
    if (message == NULL)
        return NULL;
    stream->first_message = message->next;
    if (stream->first_message == NULL)
        stream->last_message = &stream->first_message;
    stream->messages--;
    const char *text = arena_strdup(arena, message->text);
    free(message);
    return text;
}

/* With the lock held. */
static void listen_to(struct stream *stream, const char *topic)
{
    leave_topic(stream);
    free(stream->topic);
    stream->topic = strdup(topic);
    if (stream->topic == NULL)
        abort();
    join_topic(stream->owner, stream);
    stream->is_woken = true;
}

/* With the lock held. */
static void deliver(struct stream *stream, const struct http_turn *turn, bool goes_on)
{
    bool is_answered = stream->kind == HTTP_STREAM_ONCE && turn->out->size > 0;
    if (!goes_on && stream->kind == HTTP_STREAM_SOCKET)
        websocket_write_close(turn->out, NORMAL_CLOSURE);
    stream->is_ending = !goes_on || is_answered || turn->out->overflowed;
    stream_say(stream, turn->out->data, turn->out->size);
    if (!stream->is_gone && stream->is_ending)
        stream_flush(stream);
    if (stream->is_gone)
        return;
    if (turn->topic != NULL)
        listen_to(stream, turn->topic);
    if (stream->is_woken || stream->first_message != NULL)
        stream_queue_turn(stream);
}

static void run_turn(struct work *work)
{
    struct stream *stream = (struct stream *)(void *)work;
    struct streams *streams = stream->owner;
    struct arena *arena = arena_create();
    struct buffer said = buffer_create(arena, MOST_UNSENT / 2);
    struct http_turn turn = {.arena = arena,
                             .context = streams->config.context,
                             .key = stream->key,
                             .note = &stream->note,
                             .kind = stream->kind,
                             .streams = streams,
                             .out = &said};
    pthread_mutex_lock(&streams->lock);
    turn.message = next_message(stream, arena);
    pthread_mutex_unlock(&streams->lock);
    bool goes_on = stream->produce(&turn);
    pthread_mutex_lock(&streams->lock);
    streams->turns_running--;
    stream->turn = RESTS;
    if (!stream->is_gone)
        deliver(stream, &turn, goes_on);
    else if (!stream->is_lent)
        bury(stream);
    streams_hand_out_turns(streams);
    pthread_mutex_unlock(&streams->lock);
    arena_destroy(&arena);
}

void streams_wake(struct streams *streams, const char *topic)
{
    if (atomic_load(&streams->count) == 0)
        return;
    pthread_mutex_lock(&streams->lock);
    if (topic != NULL) {
        for (struct stream *stream = *row_of(streams, topic); stream != NULL; stream = stream->next_of_topic)
            if (strcmp(stream->topic, topic) == 0)
                stream_queue_turn(stream);
    } else {
        for (unsigned i = 0; i < SLOTS; i++)
            for (struct stream *stream = streams->wheel[i]; stream != NULL; stream = stream->next_of_slot)
                stream_queue_turn(stream);
    }
    streams_hand_out_turns(streams);
    pthread_mutex_unlock(&streams->lock);
}

unsigned streams_count(const struct streams *streams)
{
    return atomic_load_explicit(&streams->count, memory_order_relaxed);
}

/* --- a stream's beginning --- */

struct stream *streams_open(struct streams *streams, const struct http_stream *stream,
                            const struct address *person)
{
    unsigned of_address = address_counts_add(streams->addresses, person);
    bool is_within = atomic_fetch_add(&streams->count, 1) < streams->config.total &&
                     (streams->config.per_address == 0 || of_address <= streams->config.per_address);
    if (!is_within) {
        atomic_fetch_sub(&streams->count, 1);
        address_counts_give_back(streams->addresses, person);
        return NULL;
    }
    size_t key_size = strlen(stream->key) + 1;
    size_t beat_size = stream->beat != NULL ? strlen(stream->beat) + 1 : 0;
    struct stream *opened = calloc(1, sizeof *opened + key_size + beat_size);
    if (opened == NULL || (opened->topic = strdup(stream->topic)) == NULL)
        abort();
    char *texts = (char *)(opened + 1);
    memcpy(texts, stream->key, key_size);
    opened->key = texts;
    if (beat_size > 0)
        opened->beat = memcpy(texts + key_size, stream->beat, beat_size);
    opened->kind = stream->kind;
    opened->last_message = &opened->first_message;
    opened->owner = streams;
    opened->produce = stream->produce;
    opened->deadline = clock_monotonic_ns() + stream->seconds * stream_second;
    opened->person = *person;
    opened->fd = -1;
    return opened;
}

/* With the lock held: it may be woken from now on, and has its first turn. */
static void begin(struct stream *stream)
{
    struct streams *streams = stream->owner;
    if (streams->is_closed) {
        stream_close(stream);
        return;
    }
    /* Nobody turned the wheel while there was no stream. */
    streams_turn_wheel(streams);
    if (streams->is_asleep)
        streams_ring(streams);
    join_topic(streams, stream);
    stream_join_slot(stream);
    stream_queue_turn(stream);
    streams_hand_out_turns(streams);
}

void stream_take(struct stream *stream, int fd, const char *head)
{
    struct streams *streams = stream->owner;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){UNANSWERED_MS}, sizeof(int));
    pthread_mutex_lock(&streams->lock);
    stream->fd = fd;
    watch_for(stream, EPOLL_CTL_ADD);
    stream_say(stream, head, strlen(head));
    if (!stream->is_gone)
        begin(stream);
    pthread_mutex_unlock(&streams->lock);
}

void stream_lend(struct stream *stream, void (*resume)(void *context), void *resume_context)
{
    struct streams *streams = stream->owner;
    pthread_mutex_lock(&streams->lock);
    stream->is_lent = true;
    stream->resume = resume;
    stream->resume_context = resume_context;
    begin(stream);
    pthread_mutex_unlock(&streams->lock);
}

int64_t stream_read(struct stream *stream, char *data, size_t size, void (*suspend)(void *context))
{
    struct streams *streams = stream->owner;
    int64_t count = -1;
    pthread_mutex_lock(&streams->lock);
    if (!stream->is_gone && stream->unsent_size > 0) {
        size_t given = stream->unsent_size < size ? stream->unsent_size : size;
        memcpy(data, stream->unsent, given);
        drop_sent(stream, given);
        count = (int64_t)given;
    } else if (!stream->is_gone && !stream->is_ending) {
        stream->is_suspended = true;
        suspend(stream->resume_context);
        count = 0;
    }
    pthread_mutex_unlock(&streams->lock);
    return count;
}

void stream_let_go(struct stream *stream)
{
    struct streams *streams = stream->owner;
    pthread_mutex_lock(&streams->lock);
    stream->is_suspended = false;
    stream->is_lent = false;
    if (!stream->is_gone)
        stream_close(stream);
    else if (stream->turn == RESTS)
        bury(stream);
    pthread_mutex_unlock(&streams->lock);
}
