/*
 * What a worker tells of itself without being asked, in a page shared with the server: which job runs, since when, and what
 * each has used. The server holds jobs to their limits by it, and knows whose fault it is when a worker dies.
 */
#ifndef COUNTERSIGN_SCRIPT_PROGRESS_H
#define COUNTERSIGN_SCRIPT_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

/* Jobs that a worker may have at once; a job's place is its number modulo this. */
enum { PROGRESS_PLACES = 1024 };

struct progress_job {
    _Atomic uint32_t stage;
    _Atomic int64_t cpu_ns; /* of its slices that have ended */
};

struct progress {
    _Atomic uint32_t slice;   /* counts slices: odd while one runs */
    _Atomic uint32_t running; /* the job whose slice it is */
    _Atomic int64_t since_ns; /* the process's CPU clock when it began */
    struct progress_job jobs[PROGRESS_PLACES];
};

#endif
