#include "script/worker.h"

#include "script/engine.h"
#include "script/sandbox.h"

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

static volatile uint32_t *map_progress(void)
{
    void *page = mmap(NULL, sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, PROGRESS_FD, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* Local time is UTC; read now, as there are no files later. */
static void settle_time_zone(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
}

static void serve(struct engine *engine)
{
    struct frame frame;
    while (receive(&engine->reader, &frame)) {
        bool fine = true;
        if (frame.type == FRAME_SOURCE)
            fine = engine_add_source(engine, &frame);
        else if (frame.type == FRAME_FORGET)
            engine_forget_sources(engine);
        else if (frame.type == FRAME_JOB)
            fine = engine_run(engine, &frame);
        /* Else a late reply to a call of the job before. */
        if (!fine)
            return;
    }
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

    struct engine *engine = engine_create(setup.memory_bytes);
    if (engine == NULL || !host_prepare())
        return 1;
    engine->reader = reader;
    engine->stage = map_progress();
    char walls[64];
    const char *error = NULL;
    /* Twice the heap's limit: what malloc holds beyond the engine's own count, the frames, and the stack. */
    struct sandbox sandbox = {.fd = WORKER_FD, .memory_bytes = 2 * setup.memory_bytes + 64 * 1024 * 1024};
    if (engine->stage == NULL || !sandbox_enter(&sandbox, walls, &error)) {
        fprintf(stderr, "script worker: %s\n", error != NULL ? error : "its memory could not be mapped");
        return 1;
    }
    engine_send(FRAME_READY, false, 0, walls, strlen(walls));
    serve(engine);
    _exit(0);
}
