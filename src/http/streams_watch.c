/* The thread that watches streams: heartbeats, deadlines, clients who leave, and what comes by sockets. */
#include "http/streams_own.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "http/address_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const char heartbeat[] = ":\n\n";

enum {
    READ_AT_ONCE = 4096,
    ANSWER_S = 10,         /* for a long poll's client to take the answer */
    NORMAL_CLOSURE = 1000, /* RFC 6455 section 7.4.1 */
    POLICY_VIOLATION = 1008,
};

/* --- the wheel; with the lock held --- */

static void say_beat(struct stream *stream)
{
    struct arena *arena = arena_create();
    struct buffer out = buffer_create(arena, MOST_UNSENT);
    if (stream->kind == HTTP_STREAM_EVENTS)
        buffer_add(&out, heartbeat);
    else if (stream->kind == HTTP_STREAM_SOCKET && stream->beat != NULL)
        websocket_write(&out, WEBSOCKET_TEXT, stream->beat, strlen(stream->beat));
    stream_say(stream, out.data, out.size);
    arena_destroy(&arena);
}

/* A long poll's deadline is no end of anything: it is answered. */
static void end_late(struct stream *stream)
{
    bool is_answered = stream->kind == HTTP_STREAM_ONCE && stream->beat != NULL && !stream->is_ending;
    stream->is_ending = true;
    if (is_answered) {
        stream->deadline += ANSWER_S * stream_second;
        stream_join_slot(stream);
        stream_say(stream, stream->beat, strlen(stream->beat));
    } else {
        stream_close(stream);
    }
}

static void beat(struct stream *stream)
{
    if (clock_monotonic_ns() >= stream->deadline) {
        end_late(stream);
    } else if (stream->unsent_size > 0 && stream->is_stalled) {
        stream_close(stream);
    } else {
        stream_join_slot(stream);
        stream->is_stalled = stream->unsent_size > 0;
        if (!stream->is_stalled && !stream->is_ending)
            say_beat(stream);
    }
}

void streams_turn_wheel(struct streams *streams)
{
    int64_t now = clock_monotonic_ns() / stream_second;
    while (streams->tick < now) {
        streams->tick++;
        struct stream *due = streams->wheel[streams->tick % SLOTS];
        streams->wheel[streams->tick % SLOTS] = NULL;
        if (due != NULL)
            due->place_of_slot = &due;
        while (due != NULL) {
            struct stream *stream = due;
            stream_leave_slot(stream);
            beat(stream);
        }
    }
}

static void free_stream(struct stream *stream)
{
    while (stream->first_message != NULL) {
        struct message *message = stream->first_message;
        stream->first_message = message->next;
        free(message);
    }
    free(stream->topic);
    free(stream);
}

static void free_dead(struct streams *streams)
{
    while (streams->dead != NULL) {
        struct stream *stream = streams->dead;
        streams->dead = stream->next;
        free_stream(stream);
    }
}

/* --- sockets; with the lock held --- */

static void add_message(struct stream *stream, struct bytes text)
{
    struct message *message = malloc(sizeof *message + text.size + 1);
    if (message == NULL)
        abort();
    memcpy(message->text, text.data, text.size);
    message->text[text.size] = '\0';
    message->next = NULL;
    *stream->last_message = message;
    stream->last_message = &message->next;
    stream->messages++;
}

static void close_socket(struct stream *stream, unsigned status)
{
    struct arena *arena = arena_create();
    struct buffer out = buffer_create(arena, MOST_UNSENT);
    websocket_write_close(&out, status);
    stream->is_ending = true;
    stream_say(stream, out.data, out.size);
    arena_destroy(&arena);
}

/* Whether reading goes on after that. */
static bool heed(struct stream *stream, enum websocket_event event, struct bytes payload, unsigned status)
{
    struct arena *arena;
    struct buffer out;
    switch (event) {
    case WEBSOCKET_MESSAGE:
        if (stream->messages == MOST_MESSAGES) {
            close_socket(stream, POLICY_VIOLATION);
            return false;
        }
        add_message(stream, payload);
        stream_queue_turn(stream);
        return true;
    case WEBSOCKET_PING:
        arena = arena_create();
        out = buffer_create(arena, MOST_UNSENT);
        websocket_write(&out, WEBSOCKET_PONGING, payload.data, payload.size);
        stream_say(stream, out.data, out.size);
        arena_destroy(&arena);
        return !stream->is_gone;
    case WEBSOCKET_CLOSE:
        close_socket(stream, NORMAL_CLOSURE);
        return false;
    case WEBSOCKET_WRONG:
        close_socket(stream, status);
        return false;
    default:
        return true;
    }
}

static void read_frames(struct stream *stream)
{
    size_t at = 0, used = 1;
    unsigned status = 0;
    bool goes_on = true;
    while (goes_on && used > 0) {
        struct bytes payload;
        enum websocket_event event = websocket_read(&stream->websocket, stream->unread + at,
                                                    stream->unread_size - at, &used, &payload, &status);
        at += used;
        goes_on = heed(stream, event, payload, status);
    }
    if (stream->is_gone)
        return;
    stream->unread_size -= at;
    memmove(stream->unread, stream->unread + at, stream->unread_size);
    if (stream->unread_size == 0) {
        free(stream->unread);
        stream->unread = NULL;
    }
}

static void read_socket(struct stream *stream)
{
    char piece[READ_AT_ONCE];
    ssize_t got = recv(stream->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        stream_close(stream);
        return;
    }
    if (stream->is_ending)
        return;
    char *larger = realloc(stream->unread, stream->unread_size + (size_t)got);
    if (larger == NULL)
        abort();
    memcpy(larger + stream->unread_size, piece, (size_t)got);
    stream->unread = larger;
    stream->unread_size += (size_t)got;
    read_frames(stream);
}

static void notice(struct stream *stream, uint32_t events)
{
    if (!stream->is_gone && (events & EPOLLIN) != 0)
        read_socket(stream);
    if (!stream->is_gone && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        stream_close(stream);
    if (!stream->is_gone && (events & EPOLLOUT) != 0)
        stream_flush(stream);
}

/* How long the watching thread may sleep: no longer than to the wheel's next stream_second while there are streams. */
static int patience(const struct streams *streams)
{
    if (streams->is_retrying)
        return RETRY_MS;
    if (atomic_load(&streams->count) == 0)
        return -1;
    int64_t left = (streams->tick + 1) * stream_second - clock_monotonic_ns();
    return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

static void *watch(void *argument)
{
    struct streams *streams = argument;
    struct epoll_event events[EVENTS_AT_ONCE];
    pthread_setname_np(pthread_self(), "streams");
    pthread_mutex_lock(&streams->lock);
    while (!streams->is_stopping) {
        free_dead(streams);
        int wait = patience(streams);
        streams->is_asleep = wait < 0;
        pthread_mutex_unlock(&streams->lock);
        int count = epoll_wait(streams->epoll, events, EVENTS_AT_ONCE, wait);
        pthread_mutex_lock(&streams->lock);
        streams->is_asleep = false;
        for (int i = 0; i < count; i++) {
            eventfd_t rung;
            if (events[i].data.ptr == NULL)
                (void)!eventfd_read(streams->bell, &rung);
            else
                notice(events[i].data.ptr, events[i].events);
        }
        streams_turn_wheel(streams);
        streams_hand_out_turns(streams);
    }
    pthread_mutex_unlock(&streams->lock);
    return NULL;
}

struct streams *streams_start(const struct streams_config *config)
{
    struct streams *streams = calloc(1, sizeof *streams);
    if (streams == NULL)
        abort();
    streams->config = *config;
    if (streams->config.heartbeat_seconds == 0 || streams->config.heartbeat_seconds > MOST_HEARTBEAT_S)
        streams->config.heartbeat_seconds = MOST_HEARTBEAT_S;
    streams->addresses = address_counts_create();
    streams->last_turn = &streams->first_turn;
    streams->tick = clock_monotonic_ns() / stream_second;
    pthread_mutex_init(&streams->lock, NULL);
    streams->epoll = epoll_create1(EPOLL_CLOEXEC);
    streams->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (streams->epoll >= 0 && streams->bell >= 0 &&
        epoll_ctl(streams->epoll, EPOLL_CTL_ADD, streams->bell, &event) == 0 &&
        pthread_create(&streams->thread, NULL, watch, streams) == 0)
        return streams;
    if (streams->epoll >= 0)
        close(streams->epoll);
    if (streams->bell >= 0)
        close(streams->bell);
    address_counts_free(&streams->addresses);
    free(streams);
    return NULL;
}

void streams_close(struct streams *streams)
{
    pthread_mutex_lock(&streams->lock);
    streams->is_closed = true;
    for (unsigned i = 0; i < SLOTS; i++)
        while (streams->wheel[i] != NULL)
            stream_close(streams->wheel[i]);
    streams_hand_out_turns(streams);
    pthread_mutex_unlock(&streams->lock);
}

void streams_stop(struct streams **streams)
{
    struct streams *ending = *streams;
    if (ending == NULL)
        return;
    pthread_mutex_lock(&ending->lock);
    ending->is_stopping = true;
    streams_ring(ending);
    pthread_mutex_unlock(&ending->lock);
    pthread_join(ending->thread, NULL);
    free_dead(ending);
    close(ending->epoll);
    close(ending->bell);
    pthread_mutex_destroy(&ending->lock);
    address_counts_free(&ending->addresses);
    free(ending);
    *streams = NULL;
}
