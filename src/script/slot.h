/* A place in the pool: one worker process as the server sees it. Private to src/script. */
#ifndef COUNTERSIGN_SCRIPT_SLOT_H
#define COUNTERSIGN_SCRIPT_SLOT_H

#include "script/pool.h"
#include "script/protocol.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

enum { SLOT_SOURCES_MOST = 256 };

enum slot_state {
    SLOT_EMPTY = 0,    /* no process */
    SLOT_STARTING = 1, /* the keeper is at it */
    SLOT_IDLE = 2,
    SLOT_BUSY = 3, /* a job's thread has it */
    SLOT_DEAD = 4, /* killed, or gone: the keeper reaps it */
};

struct slot {
    enum slot_state state; /* guarded by the pool's lock; all else is its holder's */
    pid_t pid;
    int fd;
    clockid_t cpu_clock;
    struct frame_reader reader;
    _Atomic uint32_t *stage;                           /* shared with the worker */
    char sources[SLOT_SOURCES_MOST][FRAME_HASH_BYTES]; /* what the worker has */
    size_t source_count;
};

/* Starts a process and waits until it is ready; false, with one sentence in error (of 160 bytes), where it is not. */
bool slot_start(struct slot *slot, const struct script_pool_config *config, char error[160]) NODISCARD;
/* Kills and reaps the process, and closes what belonged to it. */
void slot_end(struct slot *slot);

/* What a run tells of its worker. */
struct slot_verdict {
    bool is_healthy; /* it may get another job: it was not killed, did not die, does not retire */
    bool is_silent;  /* it sent nothing, so that the job had no effect */
};

/* Runs a job on the slot's worker until `deadline_ns`. */
enum script_outcome slot_run(struct slot *slot, const struct script_pool_config *config, struct arena *arena,
                             const struct script_job *job, int64_t deadline_ns, struct script_report *report,
                             struct slot_verdict *worker) NODISCARD;

#endif
