#include "script/worker.h"

#include "base/clock.h"
#include "script/engine.h"
#include "script/sandbox.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* The next frame from the server; waits for it. False where the server is gone, or talks nonsense. */
static bool receive(struct frame_reader *reader, struct frame *frame)
{
    for (;;) {
        enum frame_fault fault = frame_reader_next(reader, FRAME_TO_WORKER, frame);
        if (fault == FRAME_FINE)
            return true;
        if (fault != FRAME_MORE || frame_reader_fill(reader, WORKER_FD) != FRAME_FINE)
            return false;
    }
}

static struct progress *map_progress(void)
{
    void *page = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE, MAP_SHARED, PROGRESS_FD, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* Local time is UTC; read now, as there are no files later. */
static void settle_time_zone(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
}

/* False where it is nonsense. */
static bool take(struct engine *engine, const struct frame *frame)
{
    switch (frame->type) {
    case FRAME_SOURCE:
        return engine_add_source(engine, frame);
    case FRAME_FORGET:
        engine_forget_sources(engine);
        return true;
    case FRAME_JOB:
        return job_begin(engine, frame);
    case FRAME_REPLY:
        job_reply(engine, frame);
        return true;
    case FRAME_CANCEL:
        job_cancel(engine, frame->job);
        return true;
    default:
        return false;
    }
}

static bool take_deferred(struct engine *engine)
{
    bool fine = true;
    while (fine && engine->deferred != NULL) {
        struct deferred *first = engine->deferred;
        engine->deferred = first->next;
        fine = take(engine, &first->frame);
        free(first);
    }
    return fine;
}

/* Takes all that has come. */
static bool take_come(struct engine *engine)
{
    for (;;) {
        struct frame frame;
        if (!take_deferred(engine))
            return false;
        enum frame_fault fault = frame_reader_next(&engine->reader, FRAME_TO_WORKER, &frame);
        if (fault == FRAME_MORE)
            return true;
        if (fault != FRAME_FINE || !take(engine, &frame))
            return false;
    }
}

/* Waits for more, at most until `until_ns`; false where the server is gone. */
static bool wait_for_more(struct engine *engine, int64_t until_ns)
{
    frame_reader_rest(&engine->reader);
    if (until_ns != INT64_MAX) {
        int64_t left_ns = until_ns - clock_monotonic_ns();
        int64_t left_ms = left_ns <= 0 ? 0 : (left_ns + 999999) / 1000000;
        struct pollfd poll_fd = {.fd = WORKER_FD, .events = POLLIN};
        if (poll(&poll_fd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) <= 0)
            return true;
    }
    return frame_reader_fill(&engine->reader, WORKER_FD) == FRAME_FINE;
}

static void serve(struct engine *engine)
{
    while (take_come(engine) && wait_for_more(engine, job_run_timers(engine)))
        ;
}

int script_worker_main(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    settle_time_zone();
    struct frame_reader reader = {.data = NULL};
    struct frame frame;
    if (!receive(&reader, &frame) || frame.type != FRAME_SETUP)
        return 1;
    struct frame_setup setup;
    memcpy(&setup, frame.data, sizeof setup);

    struct engine *engine = engine_create(&setup);
    if (engine == NULL || !host_prepare())
        return 1;
    engine->reader = reader;
    engine->progress = map_progress();
    char walls[64];
    const char *error = NULL;
    /* Twice the heap's limit: what malloc holds beyond the engine's own count, the frames, and the stack. */
    struct sandbox sandbox = {.fd = WORKER_FD, .memory_bytes = 2 * setup.worker_bytes + 64 * 1024 * 1024};
    if (engine->progress == NULL || !sandbox_enter(&sandbox, walls, &error)) {
        fprintf(stderr, "script worker: %s\n", error != NULL ? error : "its memory could not be mapped");
        return 1;
    }
    engine_send(&(struct frame){.type = FRAME_READY, .data = walls, .size = strlen(walls)});
    serve(engine);
    _exit(0);
}
