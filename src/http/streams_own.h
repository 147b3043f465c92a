/* What a stream is made of; for streams.c and streams_watch.c alone. All with the owner's lock held. */
#ifndef COUNTERSIGN_HTTP_STREAMS_OWN_H
#define COUNTERSIGN_HTTP_STREAMS_OWN_H

#include "http/streams.h"
#include "http/websocket.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    TOPIC_ROWS = 4096,
    SLOTS = 64, /* of the wheel, a second each */
    MOST_HEARTBEAT_S = SLOTS - 2,
    MOST_UNSENT = 64 * 1024,   /* of one stream; who lets more gather is cut */
    UNANSWERED_MS = 30 * 1000, /* until the kernel gives a silent peer up */
    RETRY_MS = 20,             /* where the request threads' queue was full */
    EVENTS_AT_ONCE = 256,
    MOST_MESSAGES = 16, /* of one socket that wait for their turn */
};

/* That came by a socket. */
struct message {
    struct message *next;
    char text[];
};

enum turn_state { RESTS, QUEUED, RUNS };

struct stream {
    struct work work; /* first: a request thread gets this */
    struct streams *owner;
    http_producer produce;
    enum http_stream_kind kind;
    char *topic;
    const char *key; /* this and `beat` behind the struct */
    const char *beat;
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
    struct websocket websocket; /* of a socket, this and what follows */
    char *unread;               /* bytes of a frame that is not whole */
    size_t unread_size;
    struct message *first_message; /* each has a turn */
    struct message **last_message;
    unsigned messages;
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

static const int64_t stream_second = 1000000000;

/* The place in the wheel: of the next heartbeat, or of the deadline where that is sooner. */
void stream_join_slot(struct stream *stream);
void stream_leave_slot(struct stream *stream);
/* Lets all that are due have their heartbeat. */
void streams_turn_wheel(struct streams *streams);
/* Wakes the watching thread. */
void streams_ring(const struct streams *streams);

/* The client is gone, or is to be. Memory stays while a turn or the lent connection needs it. */
void stream_close(struct stream *stream);
/* Sends what waits to be sent, as far as it goes. */
void stream_flush(struct stream *stream);
void stream_say(struct stream *stream, const char *data, size_t size);

void stream_queue_turn(struct stream *stream);
/* Gives turns to the request threads, as many as may run at once. */
void streams_hand_out_turns(struct streams *streams);

#endif
