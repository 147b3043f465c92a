/* Moving frames between a worker and the threads that wait for its runs; holding the runs to their limits. */
#include "script/slot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOG_MS = 250,                       /* of CPU in one slice, while others share the worker */
    EVENT_BYTES_MOST = 8 * 1024 * 1024, /* that wait for one run's thread */
    PIECES_MOST = 5,
    STRIKES_MOST = 2,
    DEATHS_MOST = 5,
    HOG_NICENESS = 10,
};

static const int64_t HOG_NS = (int64_t)HOG_MS * 1000000;

/* --- waking --- */

void run_wake(struct run *run)
{
    if (run->slot != NULL && run->slot->reading == run) {
        uint64_t one = 1;
        (void)!write(run->slot->wake, &one, sizeof one);
    } else {
        pthread_cond_signal(&run->woken);
    }
}

static void pull(struct run *run, enum verdict verdict)
{
    if (run->pulled == RUN_ON)
        run->pulled = verdict;
    run_wake(run);
}

static bool has_news(const struct run *run)
{
    return run->events != NULL || run->pulled != RUN_ON || run->http_is_ready;
}

/* --- who runs in the worker --- */

/* The run whose slice it is (NULL: nobody's, or one's that was cancelled), and the CPU of the slice and of all its slices. */
static bool read_slice(const struct slot *slot, struct run **run, int64_t *slice_ns, int64_t *used_ns)
{
    const struct progress *progress = slot->progress;
    uint32_t slice = atomic_load_explicit(&progress->slice, memory_order_acquire);
    if (slice % 2 == 0)
        return false;
    uint32_t id = atomic_load_explicit(&progress->running, memory_order_acquire);
    int64_t since_ns = atomic_load_explicit(&progress->since_ns, memory_order_acquire);
    int64_t before_ns =
        atomic_load_explicit(&progress->jobs[id % PROGRESS_PLACES].cpu_ns, memory_order_acquire);
    struct timespec used = {.tv_sec = 0};
    if (clock_gettime(slot->cpu_clock, &used) != 0)
        used = (struct timespec){.tv_sec = 0};
    if (atomic_load_explicit(&progress->slice, memory_order_acquire) != slice)
        return false;
    *slice_ns = (int64_t)used.tv_sec * 1000000000 + used.tv_nsec - since_ns;
    *used_ns = before_ns + *slice_ns;
    *run = slot->places[id % PROGRESS_PLACES];
    if (*run != NULL && (*run)->id != id)
        *run = NULL;
    return true;
}

static struct run *running(const struct slot *slot)
{
    struct run *run = NULL;
    int64_t slice_ns;
    int64_t used_ns;
    return read_slice(slot, &run, &slice_ns, &used_ns) ? run : NULL;
}

bool slot_runs(const struct slot *slot, const struct run *run)
{
    return running(slot) == run;
}

/* --- the ends of a worker --- */

void slot_break(struct slot *slot, const struct run *culprit, enum verdict verdict)
{
    if (slot->is_broken)
        return;
    slot->is_broken = slot->is_closed = true;
    kill(slot->pid, SIGKILL);
    for (struct run *run = slot->runs; run != NULL; run = run->next)
        pull(run, run == culprit ? verdict : RUN_MOVED);
}

/* The worker is gone, for no reason of the server's. Whose slice it was is at fault, and gets a second try by itself. */
static void lose(struct slot *slot, struct run *culprit)
{
    for (struct run *run = slot->runs; run != NULL; run = run->next)
        run->deaths += run == culprit ? 0 : 1;
    enum verdict verdict = RUN_MOVED;
    if (culprit != NULL) {
        pool_quarantine(culprit->pool, culprit);
        culprit->is_alone = true;
        if (++culprit->strikes >= STRIKES_MOST)
            verdict = RUN_DIED;
    }
    LOG_WARN("script.worker_died", LOG_INT("jobs", slot->run_count), LOG_INT("at_fault", culprit != NULL));
    for (struct run *run = slot->runs; run != NULL; run = run->next)
        if (run != culprit && run->deaths >= DEATHS_MOST)
            pull(run, RUN_DIED);
    slot_break(slot, culprit, verdict);
}

/* A run that keeps its worker from the others gets it for itself, or is done again where it does no harm. */
static void set_apart(struct slot *slot, struct run *hog)
{
    struct script_pool *pool = hog->pool;
    pool_quarantine(pool, hog);
    hog->is_alone = true;
    LOG_INFO("script.set_apart", LOG_INT("jobs", slot->run_count));
    if (!pool_may_set_apart(pool)) {
        slot_break(slot, hog, RUN_MOVED);
        return;
    }
    slot->is_alone = slot->is_closed = true;
    (void)setpriority(PRIO_PROCESS, (id_t)slot->pid, HOG_NICENESS);
    for (struct run *run = slot->runs; run != NULL; run = run->next)
        if (run != hog)
            pull(run, RUN_MOVED);
    pthread_cond_signal(&pool->work);
}

/* --- limits --- */

/* Ends runs whose many slices have used up their CPU. */
static void look_at_waiting(struct slot *slot, const struct script_pool_config *config)
{
    for (struct run *run = slot->runs; run != NULL; run = run->next) {
        const struct progress_job *told = &slot->progress->jobs[run->id % PROGRESS_PLACES];
        if (atomic_load_explicit(&told->cpu_ns, memory_order_relaxed) >= (int64_t)config->cpu_ms * 1000000)
            pull(run, RUN_OVER);
    }
}

/*
 * A worker can not burn more CPU than time has passed, so the next look is when a run could be over a limit at the earliest:
 * a quick job that has its worker for itself is never looked at.
 */
static void look(struct slot *slot, const struct script_pool_config *config)
{
    int64_t now_ns = clock_monotonic_ns();
    int64_t limit_ns = (int64_t)config->cpu_ms * 1000000;
    bool is_shared = slot->run_count > 1;
    if (now_ns < slot->next_look_ns || slot->is_broken)
        return;
    struct run *run = NULL;
    int64_t slice_ns = 0;
    int64_t used_ns = 0;
    int64_t left_ns = is_shared && HOG_NS < limit_ns ? HOG_NS : limit_ns;
    look_at_waiting(slot, config);
    if (read_slice(slot, &run, &slice_ns, &used_ns)) {
        left_ns = limit_ns - used_ns;
        if (left_ns <= 0 || (run == NULL && slice_ns > HOG_NS)) {
            if (run != NULL) {
                run->burnt_ns = used_ns;
                pool_quarantine(run->pool, run);
            }
            slot_break(slot, run, RUN_OVER);
            return;
        }
        if (is_shared && !slot->is_alone) {
            if (slice_ns >= HOG_NS) {
                if (run != NULL)
                    set_apart(slot, run);
                return;
            }
            if (HOG_NS - slice_ns < left_ns)
                left_ns = HOG_NS - slice_ns;
        }
    }
    slot->next_look_ns = now_ns + left_ns;
}

/* --- sending --- */

static void keep(struct outbox *outbox, const char *data, size_t size)
{
    if (outbox->start == outbox->size)
        outbox->start = outbox->size = 0;
    if (outbox->size + size > outbox->capacity) {
        size_t capacity = (outbox->size + size) * 2;
        char *larger = malloc(capacity);
        if (larger == NULL)
            abort();
        if (outbox->data != NULL) {
            memcpy(larger, outbox->data, outbox->size);
            explicit_bzero(outbox->data, outbox->size);
        }
        free(outbox->data);
        outbox->data = larger;
        outbox->capacity = capacity;
    }
    memcpy(outbox->data + outbox->size, data, size);
    outbox->size += size;
}

static void flush(struct slot *slot)
{
    struct outbox *outbox = &slot->outbox;
    while (outbox->start < outbox->size) {
        ssize_t sent =
            send(slot->fd, outbox->data + outbox->start, outbox->size - outbox->start, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return; /* where the worker is gone, reading says so */
        outbox->start += (size_t)sent;
    }
    if (outbox->data != NULL)
        explicit_bzero(outbox->data, outbox->size);
    free(outbox->data);
    *outbox = (struct outbox){.data = NULL};
}

void slot_send(struct slot *slot, const struct frame *frame, const struct iovec *pieces, size_t count)
{
    uint8_t header[FRAME_HEADER_BYTES];
    struct iovec all[PIECES_MOST] = {{header, sizeof header}};
    struct frame whole = *frame;
    whole.size = 0;
    for (size_t i = 0; i < count && i + 1 < PIECES_MOST; i++) {
        all[i + 1] = pieces[i];
        whole.size += pieces[i].iov_len;
    }
    frame_write_header(header, &whole);
    size_t gone = 0;
    if (slot->outbox.start == slot->outbox.size) {
        struct msghdr message = {.msg_iov = all, .msg_iovlen = count + 1};
        ssize_t sent = sendmsg(slot->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        gone = sent < 0 ? 0 : (size_t)sent;
    }
    bool is_kept = false;
    for (size_t i = 0; i <= count; i++) {
        size_t skipped = gone < all[i].iov_len ? gone : all[i].iov_len;
        gone -= skipped;
        if (skipped < all[i].iov_len) {
            keep(&slot->outbox, (const char *)all[i].iov_base + skipped, all[i].iov_len - skipped);
            is_kept = true;
        }
    }
    if (is_kept && slot->reading != NULL)
        run_wake(slot->reading);
}

/* --- reading --- */

static void deliver(struct slot *slot, struct run *run, const struct frame *frame)
{
    run->event_bytes += frame->size;
    if (run->event_bytes > EVENT_BYTES_MOST) {
        slot_break(slot, run, RUN_DIED);
        return;
    }
    struct event *event = malloc(sizeof *event + frame->size);
    if (event == NULL)
        abort();
    event->next = NULL;
    event->frame = *frame;
    event->frame.data = event->data;
    if (frame->size > 0)
        memcpy(event->data, frame->data, frame->size);
    *run->last_event = event;
    run->last_event = &event->next;
    if (slot->reading != run)
        run_wake(run);
}

static void take(struct slot *slot, const struct frame *frame)
{
    struct run *run = slot->places[frame->job % PROGRESS_PLACES];
    if ((frame->flags & FRAME_CLOSES) != 0)
        slot->is_closed = true;
    /* Else what a run still sent that was cancelled or moved. */
    if (run == NULL || run->id != frame->job || run->pulled != RUN_ON)
        return;
    deliver(slot, run, frame);
    if ((frame->flags & FRAME_IS_LAST) != 0) {
        /* Its promises go on without end: whoever else is in there is done again, and it alone the next time. */
        pool_quarantine(run->pool, run);
        slot_break(slot, run, RUN_ON);
    }
}

static void dispatch(struct slot *slot)
{
    struct frame frame;
    enum frame_fault fault = FRAME_FINE;
    while (!slot->is_broken &&
           (fault = frame_reader_next(&slot->reader, FRAME_FROM_READY, &frame)) == FRAME_FINE)
        take(slot, &frame);
    if (fault == FRAME_FORBIDDEN && !slot->is_broken) {
        struct run *culprit = running(slot);
        LOG_WARN("script.forbidden_message", LOG_INT("at_fault", culprit != NULL));
        if (culprit != NULL)
            slot_break(slot, culprit, RUN_DIED);
        else
            lose(slot, NULL);
    }
    frame_reader_rest(&slot->reader);
}

/* Lets one of the threads that sleep read on. */
static void pass_on(struct slot *slot)
{
    slot->reading = NULL;
    for (struct run *run = slot->runs; run != NULL; run = run->next) {
        if (run->is_waiting) {
            pthread_cond_signal(&run->woken);
            return;
        }
    }
}

/* One turn of the reading thread. Called with the lock held, which it lets go while it waits. */
static void read_once(struct slot *slot, const struct run *run)
{
    struct script_pool *pool = run->pool;
    int64_t until_ns = run->deadline_ns < slot->next_look_ns ? run->deadline_ns : slot->next_look_ns;
    bool has_more = slot->outbox.start < slot->outbox.size;
    struct pollfd polled[2] = {{.fd = slot->fd, .events = (short)(has_more ? POLLIN | POLLOUT : POLLIN)},
                               {.fd = slot->wake, .events = POLLIN}};
    pthread_mutex_unlock(&pool->lock);
    int64_t left_ms = (until_ns - clock_monotonic_ns()) / 1000000 + 1;
    int timeout_ms = left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
    int ready = poll(polled, 2, timeout_ms);
    enum frame_fault fault = FRAME_AGAIN;
    if (ready > 0 && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        fault = frame_reader_fill(&slot->reader, slot->fd);
    if (ready > 0 && polled[1].revents != 0) {
        uint64_t ignored;
        (void)!read(slot->wake, &ignored, sizeof ignored);
    }
    pthread_mutex_lock(&pool->lock);
    if (slot->is_broken)
        return;
    if (fault == FRAME_CLOSED) {
        dispatch(slot);
        if (!slot->is_broken)
            lose(slot, running(slot));
        return;
    }
    if (has_more)
        flush(slot);
    if (fault == FRAME_FINE)
        dispatch(slot);
    look(slot, &pool->config);
}

void slot_wait(struct run *run)
{
    struct slot *slot = run->slot;
    struct script_pool *pool = run->pool;
    struct timespec deadline = {.tv_sec = (time_t)(run->deadline_ns / 1000000000),
                                .tv_nsec = (long)(run->deadline_ns % 1000000000)};
    while (!has_news(run) && clock_monotonic_ns() < run->deadline_ns) {
        if (slot->reading == NULL || slot->reading == run) {
            slot->reading = run;
            read_once(slot, run);
        } else {
            run->is_waiting = true;
            pthread_cond_timedwait(&run->woken, &pool->lock, &deadline);
            run->is_waiting = false;
        }
    }
    /* It may have been woken to read, and have news of its own. */
    if (slot->reading == run || slot->reading == NULL)
        pass_on(slot);
}

/* --- runs in a slot --- */

void slot_attach(struct slot *slot, struct run *run)
{
    do
        slot->last_id++;
    while (slot->last_id == 0 || slot->places[slot->last_id % PROGRESS_PLACES] != NULL);
    run->slot = slot;
    run->id = slot->last_id;
    run->pulled = RUN_ON;
    run->next = slot->runs;
    run->link = &slot->runs;
    if (run->next != NULL)
        run->next->link = &run->next;
    slot->runs = run;
    slot->places[run->id % PROGRESS_PLACES] = run;
    slot->run_count++;
    struct progress_job *told = &slot->progress->jobs[run->id % PROGRESS_PLACES];
    atomic_store_explicit(&told->stage, 0, memory_order_relaxed);
    atomic_store_explicit(&told->cpu_ns, 0, memory_order_relaxed);
    int64_t limit_ns = (int64_t)run->pool->config.cpu_ms * 1000000;
    int64_t look_ns = clock_monotonic_ns() + (slot->run_count > 1 && HOG_NS < limit_ns ? HOG_NS : limit_ns);
    if (slot->run_count == 1) {
        slot->next_look_ns = look_ns;
    } else if (look_ns < slot->next_look_ns) {
        slot->next_look_ns = look_ns;
        if (slot->reading != NULL)
            run_wake(slot->reading);
    }
}

void slot_detach(struct run *run)
{
    struct slot *slot = run->slot;
    struct script_pool *pool = run->pool;
    *run->link = run->next;
    if (run->next != NULL)
        run->next->link = run->link;
    slot->places[run->id % PROGRESS_PLACES] = NULL;
    slot->run_count--;
    run->slot = NULL;
    while (run->events != NULL) {
        struct event *event = run->events;
        run->events = event->next;
        free(event);
    }
    run->last_event = &run->events;
    run->event_bytes = 0;
    if (slot->run_count == 0) {
        slot->is_alone = false;
        if (slot->is_closed) {
            slot->state = SLOT_DEAD;
            pthread_cond_signal(&pool->work);
        }
    }
    if (!slot->is_closed)
        pthread_cond_broadcast(&pool->freed);
}
