#include "http/streams.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/address_counts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TOPIC_ROWS = 4096,
    SLOTS = 64, /* of the wheel, a second each */
    MOST_HEARTBEAT_S = SLOTS - 2,
    MOST_UNSENT = 64 * 1024,   /* of one stream; who lets more gather is cut */
    UNANSWERED_MS = 30 * 1000, /* until the kernel gives a silent peer up */
    RETRY_MS = 20,             /* where the request threads' queue was full */
    EVENTS_AT_ONCE = 256,
};

static const int64_t second = 1000000000;
static const char heartbeat[] = ":\n\n";

enum turn_state { RESTS, QUEUED, RUNS };

struct stream {
    struct work work; /* first: a request thread gets this */
    struct streams *owner;
    http_producer produce;
    const char *topic; /* both behind the struct */
    const char *key;
    int64_t note;
    int64_t deadline; /* monotonic nanoseconds */
    struct address person;
    struct stream *next_of_topic;
    struct stream **place_of_topic; /* that points here; NULL: in no list */
    struct stream *next_of_slot;
    struct stream **place_of_slot;
    struct stream *next; /* in the queue of turns, or among the dead */
    char *unsent;
    size_t unsent_size;
    int fd; /* -1: lent, or not there yet, or gone */
    enum turn_state turn;
    bool is_woken;  /* once more, after the turn that runs */
    bool is_ending; /* once all is sent */
    bool is_gone;
    bool is_stalled; /* had unsent bytes at the last heartbeat */
    bool wants_room; /* epoll tells when more can be sent */
    bool is_lent;
    bool is_suspended; /* the lent connection waits for `resume` */
    void (*resume)(void *context);
    void *resume_context;
};

struct streams {
    struct streams_config config;
    struct address_counts *addresses;
    _Atomic unsigned count;
    int epoll;
    int bell; /* rung for the watching thread */
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows, and the streams */
    struct stream *topics[TOPIC_ROWS];
    struct stream *wheel[SLOTS];
    int64_t tick; /* the second that the wheel stands at */
    struct stream *first_turn;
    struct stream **last_turn;
    unsigned turns_running;
    struct stream *dead; /* freed by the watching thread, which may hold an event of theirs */
    bool is_asleep;      /* the watching thread: until the bell rings */
    bool is_retrying;    /* the request threads' queue was full */
    bool is_closed;
    bool is_stopping;
};

/* --- lists; all with the lock held --- */

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

static void leave_slot(struct stream *stream)
{
    if (stream->place_of_slot == NULL)
        return;
    *stream->place_of_slot = stream->next_of_slot;
    if (stream->next_of_slot != NULL)
        stream->next_of_slot->place_of_slot = stream->place_of_slot;
    stream->place_of_slot = NULL;
}

/* To the second of the next heartbeat, or of the deadline where that is sooner. */
static void join_slot(struct streams *streams, struct stream *stream)
{
    int64_t left = (stream->deadline - clock_monotonic_ns()) / second + 1;
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

static void ring(const struct streams *streams)
{
    while (eventfd_write(streams->bell, 1) != 0 && errno == EINTR)
        continue;
}

/* --- the end of a stream; with the lock held --- */

static void bury(struct stream *stream)
{
    struct streams *streams = stream->owner;
    stream->next = streams->dead;
    streams->dead = stream;
    ring(streams);
}

/* The client is gone, or is to be. Memory stays while a turn or the lent connection needs it. */
static void close_stream(struct stream *stream)
{
    struct streams *streams = stream->owner;
    if (stream->is_gone)
        return;
    stream->is_gone = true;
    leave_topic(stream);
    leave_slot(stream);
    if (stream->fd >= 0) {
        epoll_ctl(streams->epoll, EPOLL_CTL_DEL, stream->fd, NULL);
        close(stream->fd);
        stream->fd = -1;
    }
    free(stream->unsent);
    stream->unsent = NULL;
    stream->unsent_size = 0;
    address_counts_give_back(streams->addresses, &stream->person);
    atomic_fetch_sub(&streams->count, 1);
    if (stream->is_lent && stream->is_suspended) {
        stream->is_suspended = false;
        stream->resume(stream->resume_context);
    }
    if (stream->turn == RESTS && !stream->is_lent)
        bury(stream);
}

/* --- sending; with the lock held --- */

static void watch_for_room(struct stream *stream, bool wants_room)
{
    if (stream->wants_room == wants_room)
        return;
    stream->wants_room = wants_room;
    struct epoll_event event = {.events = EPOLLRDHUP | (wants_room ? EPOLLOUT : 0U), .data.ptr = stream};
    epoll_ctl(stream->owner->epoll, EPOLL_CTL_MOD, stream->fd, &event);
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

static void flush(struct stream *stream)
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
            close_stream(stream);
            return;
        }
    }
    if (stream->is_ending)
        close_stream(stream);
    else
        watch_for_room(stream, false);
}

static void say(struct stream *stream, const char *data, size_t size)
{
    if (stream->is_gone || size == 0)
        return;
    if (stream->unsent_size + size > MOST_UNSENT) {
        close_stream(stream);
        return;
    }
    char *larger = realloc(stream->unsent, stream->unsent_size + size);
    if (larger == NULL)
        abort();
    memcpy(larger + stream->unsent_size, data, size);
    stream->unsent = larger;
    stream->unsent_size += size;
    flush(stream);
}

/* --- turns --- */

/* With the lock held. */
static void queue_turn(struct stream *stream)
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
static void hand_out_turns(struct streams *streams)
{
    while (streams->first_turn != NULL && streams->turns_running < streams->config.turns) {
        struct stream *stream = streams->first_turn;
        if (!stream->is_gone && !workers_reserve(streams->config.workers)) {
            /* The watching thread tries again in a moment. */
            if (!streams->is_retrying)
                ring(streams);
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

/* With the lock held. */
static void end_turn(struct stream *stream, const struct buffer *said, bool goes_on)
{
    struct streams *streams = stream->owner;
    streams->turns_running--;
    stream->turn = RESTS;
    if (stream->is_gone) {
        if (!stream->is_lent)
            bury(stream);
    } else {
        bool is_whole = !said->overflowed;
        stream->is_ending = !goes_on || !is_whole;
        say(stream, said->data, said->size);
        if (!stream->is_gone && stream->is_ending)
            flush(stream);
        if (!stream->is_gone && stream->is_woken)
            queue_turn(stream);
    }
    hand_out_turns(streams);
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
                             .out = &said};
    bool goes_on = stream->produce(&turn);
    pthread_mutex_lock(&streams->lock);
    end_turn(stream, &said, goes_on);
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
                queue_turn(stream);
    } else {
        for (unsigned i = 0; i < SLOTS; i++)
            for (struct stream *stream = streams->wheel[i]; stream != NULL; stream = stream->next_of_slot)
                queue_turn(stream);
    }
    hand_out_turns(streams);
    pthread_mutex_unlock(&streams->lock);
}

/* --- the watching thread; with the lock held --- */

static void beat(struct streams *streams, struct stream *stream)
{
    if (clock_monotonic_ns() >= stream->deadline || (stream->unsent_size > 0 && stream->is_stalled)) {
        /* A lent connection sees its end only after what was said before. */
        stream->is_ending = true;
        close_stream(stream);
        return;
    }
    join_slot(streams, stream);
    if (stream->unsent_size > 0)
        stream->is_stalled = true;
    else
        say(stream, heartbeat, sizeof heartbeat - 1);
}

static void turn_wheel(struct streams *streams)
{
    int64_t now = clock_monotonic_ns() / second;
    while (streams->tick < now) {
        streams->tick++;
        struct stream *due = streams->wheel[streams->tick % SLOTS];
        streams->wheel[streams->tick % SLOTS] = NULL;
        if (due != NULL)
            due->place_of_slot = &due;
        while (due != NULL) {
            struct stream *stream = due;
            leave_slot(stream);
            beat(streams, stream);
        }
    }
}

static void free_dead(struct streams *streams)
{
    while (streams->dead != NULL) {
        struct stream *stream = streams->dead;
        streams->dead = stream->next;
        free(stream);
    }
}

static void notice(struct stream *stream, uint32_t events)
{
    if (stream->is_gone)
        return;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        close_stream(stream);
    else if ((events & EPOLLOUT) != 0)
        flush(stream);
}

/* How long the watching thread may sleep: no longer than to the wheel's next second while there are streams. */
static int patience(const struct streams *streams)
{
    if (streams->is_retrying)
        return RETRY_MS;
    if (atomic_load(&streams->count) == 0)
        return -1;
    int64_t left = (streams->tick + 1) * second - clock_monotonic_ns();
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
        turn_wheel(streams);
        hand_out_turns(streams);
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
    streams->tick = clock_monotonic_ns() / second;
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
            close_stream(streams->wheel[i]);
    hand_out_turns(streams);
    pthread_mutex_unlock(&streams->lock);
}

void streams_stop(struct streams **streams)
{
    struct streams *ending = *streams;
    if (ending == NULL)
        return;
    pthread_mutex_lock(&ending->lock);
    ending->is_stopping = true;
    ring(ending);
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
    size_t topic_size = strlen(stream->topic) + 1;
    size_t key_size = strlen(stream->key) + 1;
    struct stream *opened = calloc(1, sizeof *opened + topic_size + key_size);
    if (opened == NULL)
        abort();
    char *texts = (char *)(opened + 1);
    memcpy(texts, stream->topic, topic_size);
    memcpy(texts + topic_size, stream->key, key_size);
    opened->topic = texts;
    opened->key = texts + topic_size;
    opened->owner = streams;
    opened->produce = stream->produce;
    opened->deadline = clock_monotonic_ns() + stream->seconds * second;
    opened->person = *person;
    opened->fd = -1;
    return opened;
}

/* With the lock held: it may be woken from now on, and has its first turn. */
static void begin(struct stream *stream)
{
    struct streams *streams = stream->owner;
    if (streams->is_closed) {
        close_stream(stream);
        return;
    }
    /* Nobody turned the wheel while there was no stream. */
    turn_wheel(streams);
    if (streams->is_asleep)
        ring(streams);
    join_topic(streams, stream);
    join_slot(streams, stream);
    queue_turn(stream);
    hand_out_turns(streams);
}

void stream_take(struct stream *stream, int fd, const char *head)
{
    struct streams *streams = stream->owner;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){UNANSWERED_MS}, sizeof(int));
    pthread_mutex_lock(&streams->lock);
    stream->fd = fd;
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = stream};
    epoll_ctl(streams->epoll, EPOLL_CTL_ADD, fd, &event);
    say(stream, head, strlen(head));
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
        close_stream(stream);
    else if (stream->turn == RESTS)
        bury(stream);
    pthread_mutex_unlock(&streams->lock);
}
