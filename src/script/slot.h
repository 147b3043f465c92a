/*
 * The pool from inside: its worker processes (slots), and the jobs that run in them (runs). Private to src/script.
 *
 * Each run has a thread that waits for it. One of the threads that wait for a slot's runs reads its socket for all of them
 * (slot->reading) and watches its limits; where it is done, another takes over. So a lone login costs no thread switch more
 * than its worker's.
 *
 * All of this is guarded by the pool's lock, but for what is said to be a thread's own.
 */
#ifndef COUNTERSIGN_SCRIPT_SLOT_H
#define COUNTERSIGN_SCRIPT_SLOT_H

#include "script/outgoing.h"
#include "script/pool.h"
#include "script/progress.h"
#include "script/protocol.h"

#include <pthread.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

enum {
    SLOT_SOURCES_MOST = 256,
    SLOT_JOBS_MOST = PROGRESS_PLACES - 1,
    QUARANTINED_MOST = 64,
};

enum slot_state {
    SLOT_EMPTY = 0,    /* no process */
    SLOT_STARTING = 1, /* the keeper is at it */
    SLOT_UP = 2,
    SLOT_DEAD = 3, /* without runs, killed or to be killed: the keeper reaps it */
};

struct outbox {
    char *data;
    size_t start;
    size_t size;
    size_t capacity;
};

struct slot {
    enum slot_state state;
    bool is_alone;  /* one run has it for itself */
    bool is_closed; /* no new runs: it ends with those that it has */
    bool is_broken; /* killed, or gone */
    pid_t pid;
    int fd;
    int wake; /* an eventfd that gets the reading thread out of its poll */
    clockid_t cpu_clock;
    struct progress *progress;  /* shared with the worker */
    struct frame_reader reader; /* the reading thread's own */
    struct run *reading;
    struct outbox outbox; /* what the socket did not take */
    struct run *runs;
    unsigned run_count;
    struct run *places[PROGRESS_PLACES]; /* by their number modulo it */
    uint32_t last_id;
    int64_t next_look_ns; /* when somebody could be over a limit at the earliest */
    char sources[SLOT_SOURCES_MOST][FRAME_HASH_BYTES]; /* what the worker has */
    size_t source_count;
};

/* What becomes of a run; RUN_ON: nothing yet. */
enum verdict {
    RUN_ON = 0,
    RUN_ANSWERED,
    RUN_THREW,
    RUN_NO_MEMORY,
    RUN_OVER,
    RUN_DIED,
    RUN_DIVERGED, /* done once more, it did other than before */
    RUN_MOVED,    /* it is done once more, on another worker */
};

struct event {
    struct event *next;
    struct frame frame;
    char data[];
};

/* A call that a job made; kept so that the job can be done once more without calling again. */
struct record {
    const struct script_call *call; /* NULL: it was refused */
    const char *name;
    struct bytes json;
    yyjson_val *arguments;
    unsigned stage;
    int64_t began_ns;
    int64_t ms;
    struct script_http *http; /* under way */
    bool is_queued;           /* HTTP that waits until fewer are under way */
    bool is_answered;
    const char *answer; /* JSON; NULL: `fault` says why */
    const char *fault;
    struct script_http_facts facts;
    bool is_claimed; /* the job, as it is done now, has made it */
    bool is_dropped; /* it was made in an earlier try, did nothing but read, and is not asked for again */
    uint32_t id;     /* of that call's frame */
};

struct run {
    struct script_pool *pool;
    pthread_cond_t woken;
    struct slot *slot; /* NULL between two tries */
    uint32_t id;
    struct run *next;
    struct run **link;
    struct event *events;
    struct event **last_event;
    size_t event_bytes;
    enum verdict pulled; /* what another thread decided of it */
    bool http_is_ready;  /* a call was answered */
    bool is_waiting;     /* its thread sleeps on `woken` */
    bool is_alone;       /* it shall share its worker with nobody */
    int64_t burnt_ns;    /* of CPU, where it was killed for that */
    unsigned deaths;     /* workers that died while it waited in them */
    unsigned strikes;    /* workers that died while it ran in them */

    /* Its thread's own. */
    struct arena *arena;
    const struct script_job *job;
    struct script_report *report;
    int64_t deadline_ns;
    unsigned tries;
    struct script_line *lines;
    size_t line_room;
    size_t line_bytes;
    struct record **records; /* in the order they were made */
    size_t record_count;
    size_t record_room;
    size_t claimed;
    struct record **answered; /* in the order they were answered */
    size_t answered_count;
    size_t delivered; /* of them */
    unsigned *call_counts;
    unsigned http_under_way;
    size_t http_bytes;
};

struct quarantined {
    char hash[FRAME_HASH_BYTES];
    int64_t until_ns;
};

struct script_pool {
    struct script_pool_config config;
    struct script_outlet *outlet;
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a slot has room, or starting failed */
    pthread_cond_t work;  /* for the keeper */
    pthread_t keeper;
    bool stopping;
    bool start_failed;
    char start_error[160];
    unsigned runs;          /* in slots or waiting for one */
    unsigned waiting_alone; /* runs that wait for a slot of their own */
    unsigned slot_count;
    struct slot *slots;
    struct quarantined quarantined[QUARANTINED_MOST];
    size_t next_quarantined;
    int64_t quarantine_ends_ns; /* of the last */
};

/* --- spawn.c --- */

/* Starts a process and waits until it is ready; false, with one sentence in error (of 160 bytes), where it is not. */
bool slot_start(struct slot *slot, const struct script_pool_config *config, char error[160]) NODISCARD;
/* Kills and reaps the process, and closes what belonged to it. */
void slot_end(struct slot *slot);

/* --- slot.c; called with the pool's lock held --- */

/* Puts a run into the slot. */
void slot_attach(struct slot *slot, struct run *run);
/* Takes it out, and lets another thread read on. The keeper is told where the slot is done with. */
void slot_detach(struct run *run);
/* Sends a frame whole, or keeps what the socket does not take for the reading thread. */
void slot_send(struct slot *slot, const struct frame *frame, const struct iovec *pieces, size_t count);
/* Waits until the run has an event, was pulled, has an answer to a call, or is over its time. */
void slot_wait(struct run *run);
/* Kills the worker: `culprit` (may be NULL) gets the verdict, all others are done once more. */
void slot_break(struct slot *slot, const struct run *culprit, enum verdict verdict);
/* Whether it is the run's slice that its worker is in. */
bool slot_runs(const struct slot *slot, const struct run *run) NODISCARD;
/* Gets the run's thread out of its wait. */
void run_wake(struct run *run);

/* --- pool.c; called with the pool's lock held --- */

/* Rules that did harm to others in their worker run alone for a while. */
void pool_quarantine(struct script_pool *pool, const struct run *run);
bool pool_may_set_apart(const struct script_pool *pool) NODISCARD;

/* --- run.c --- */

/* One try at the run, in its slot; called without the lock. */
enum verdict run_try(struct run *run) NODISCARD;
/* Ends what it has under way, and fills in the report. */
void run_finish(struct run *run, enum verdict verdict);

#endif
