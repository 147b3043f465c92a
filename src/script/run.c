/* One job on one worker: what is sent, what comes back, and the limits that only the server can hold it to. */
#include "script/slot.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    LINES_MOST = 2000,
    LINE_BYTES_MOST = 512 * 1024, /* of console lines; a worker's own limit is below it */
    JOB_CALLS_MOST = 2000,
    PIECES_MOST = 6,
};

static const struct json_limits answer_limits = {.bytes = FRAME_OUTPUT_BYTES, .depth = 200, .items = 200000};

struct run {
    struct slot *slot;
    const struct script_pool_config *config;
    struct arena *arena;
    const struct script_job *job;
    struct script_report *report;
    int64_t deadline_ns;
    int64_t cpu_start_ns;
    int64_t next_check_ns; /* when the worker could be over its CPU at the earliest */
    size_t line_room;
    size_t line_bytes;
    struct script_line *lines;
    unsigned *call_counts; /* beside job->calls */
    unsigned call_count;
    struct script_called *called;
    size_t called_room;
    bool is_last;
    bool has_spoken; /* a frame came */
};

/* What ends the run's loop; RUN_ON does not. */
enum verdict { RUN_ON = 0, RUN_ANSWERED = 1, RUN_THREW = 2, RUN_NO_MEMORY = 3, RUN_OVER = 4, RUN_DIED = 5 };

static int64_t cpu_now_ns(const struct slot *slot)
{
    struct timespec used;
    if (clock_gettime(slot->cpu_clock, &used) != 0)
        return 0;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/*
 * Whether the job is within its limits now. A worker can not burn more CPU than time has passed, so the next look is when
 * it could be over at the earliest: a quick job is never looked at.
 */
static bool within_limits(struct run *run)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns >= run->deadline_ns)
        return false;
    if (now_ns < run->next_check_ns)
        return true;
    int64_t left_ns = (int64_t)run->config->cpu_ms * 1000000 - (cpu_now_ns(run->slot) - run->cpu_start_ns);
    run->next_check_ns = now_ns + left_ns;
    return left_ns > 0;
}

/* Waits until the socket is ready for `events`, or a limit is reached. */
static enum verdict await(struct run *run, short events, short *ready)
{
    for (;;) {
        if (!within_limits(run))
            return RUN_OVER;
        int64_t until_ns = run->deadline_ns < run->next_check_ns ? run->deadline_ns : run->next_check_ns;
        int64_t left_ms = (until_ns - clock_monotonic_ns()) / 1000000 + 1;
        struct pollfd poll_fd = {.fd = run->slot->fd, .events = events};
        int count = poll(&poll_fd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (count < 0 && errno != EINTR)
            return RUN_DIED;
        if (count > 0) {
            *ready = poll_fd.revents;
            return RUN_ON;
        }
    }
}

static enum verdict fill(struct run *run)
{
    enum frame_fault fault = frame_reader_fill(&run->slot->reader, run->slot->fd);
    return fault == FRAME_FINE || fault == FRAME_AGAIN ? RUN_ON : RUN_DIED;
}

/*
 * Sends the pieces, whole. What the worker sends meanwhile is read, so that the two never wait for each other.
 */
static enum verdict send_pieces(struct run *run, struct iovec *pieces, size_t count)
{
    size_t first = 0;
    while (first < count) {
        struct msghdr message = {.msg_iov = pieces + first, .msg_iovlen = count - first};
        ssize_t sent = sendmsg(run->slot->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return RUN_DIED;
        if (sent < 0) {
            short ready = 0;
            bool may_read = run->slot->reader.size < 2 * (size_t)FRAME_OUTPUT_BYTES;
            enum verdict verdict = await(run, (short)(may_read ? POLLOUT | POLLIN : POLLOUT), &ready);
            if (verdict == RUN_ON && (ready & POLLIN) != 0)
                verdict = fill(run);
            if (verdict != RUN_ON)
                return verdict;
            continue;
        }
        size_t left = (size_t)sent;
        while (first < count && left >= pieces[first].iov_len) {
            left -= pieces[first].iov_len;
            first++;
        }
        if (first < count) {
            pieces[first].iov_base = (char *)pieces[first].iov_base + left;
            pieces[first].iov_len -= left;
        }
    }
    return RUN_ON;
}

static struct iovec piece(const void *data, size_t size)
{
    return (struct iovec){.iov_base = (void *)data, .iov_len = size};
}

static bool worker_has(const struct slot *slot, const char *hash)
{
    for (size_t i = 0; i < slot->source_count; i++)
        if (memcmp(slot->sources[i], hash, FRAME_HASH_BYTES) == 0)
            return true;
    return false;
}

static enum verdict send_source(struct run *run, const struct script_source *source)
{
    size_t size = FRAME_HASH_BYTES + strlen(source->name) + 1 + strlen(source->text) + 1;
    if (size > FRAME_INPUT_BYTES || strlen(source->hash) != FRAME_HASH_BYTES)
        return RUN_DIED;
    uint8_t header[FRAME_HEADER_BYTES];
    frame_write_header(header, FRAME_SOURCE, false, 0, size);
    struct iovec pieces[PIECES_MOST] = {piece(header, sizeof header), piece(source->hash, FRAME_HASH_BYTES),
                                        piece(source->name, strlen(source->name) + 1),
                                        piece(source->text, strlen(source->text) + 1)};
    memcpy(run->slot->sources[run->slot->source_count++], source->hash, FRAME_HASH_BYTES);
    return send_pieces(run, pieces, 4);
}

static enum verdict send_sources(struct run *run)
{
    const struct script_job *job = run->job;
    struct slot *slot = run->slot;
    size_t missing = 0;
    for (size_t i = 0; i < job->source_count; i++)
        missing += worker_has(slot, job->sources[i].hash) ? 0 : 1;
    if (missing == 0)
        return RUN_ON;
    if (slot->source_count + missing > SLOT_SOURCES_MOST) {
        uint8_t header[FRAME_HEADER_BYTES];
        frame_write_header(header, FRAME_FORGET, false, 0, 0);
        struct iovec pieces[1] = {piece(header, sizeof header)};
        enum verdict verdict = send_pieces(run, pieces, 1);
        if (verdict != RUN_ON)
            return verdict;
        slot->source_count = 0;
    }
    for (size_t i = 0; i < job->source_count; i++) {
        if (worker_has(slot, job->sources[i].hash))
            continue;
        enum verdict verdict = send_source(run, &job->sources[i]);
        if (verdict != RUN_ON)
            return verdict;
    }
    return RUN_ON;
}

static enum verdict send_job(struct run *run)
{
    const struct script_job *job = run->job;
    size_t size = strlen(job->program) + 1 + strlen(job->input) + 1;
    uint8_t header[FRAME_HEADER_BYTES];
    frame_write_header(header, FRAME_JOB, false, 0, size);
    struct iovec pieces[PIECES_MOST] = {piece(header, sizeof header),
                                        piece(job->program, strlen(job->program) + 1),
                                        piece(job->input, strlen(job->input) + 1)};
    return send_pieces(run, pieces, 3);
}

static enum verdict send_reply(struct run *run, uint32_t id, const char *json, const char *fault)
{
    const char *text = json != NULL ? json : fault;
    size_t size = 1 + strlen(text) + 1;
    if (size > FRAME_INPUT_BYTES) {
        json = NULL;
        text = "the answer is too large";
        size = 1 + strlen(text) + 1;
    }
    uint8_t header[FRAME_HEADER_BYTES];
    frame_write_header(header, FRAME_REPLY, false, id, size);
    struct iovec pieces[PIECES_MOST] = {piece(header, sizeof header), piece(json != NULL ? "+" : "-", 1),
                                        piece(text, strlen(text) + 1)};
    return send_pieces(run, pieces, 3);
}

/* --- what comes from the worker --- */

static enum verdict take_line(struct run *run, const struct frame *frame)
{
    struct script_report *report = run->report;
    run->line_bytes += frame->size;
    if (report->line_count == LINES_MOST || run->line_bytes > LINE_BYTES_MOST)
        return RUN_ON;
    if (run->lines == NULL || report->line_count == run->line_room) {
        size_t room = run->line_room == 0 ? 8 : run->line_room * 2;
        struct script_line *lines = arena_calloc(run->arena, room, sizeof *lines);
        if (run->lines != NULL)
            memcpy(lines, run->lines, report->line_count * sizeof *lines);
        run->lines = lines;
        run->line_room = room;
        report->lines = lines;
    }
    run->lines[report->line_count++] = (struct script_line){
        .level = frame->data[0],
        .stage = frame->id,
        .text = arena_strndup(run->arena, frame->data + 1, frame->size - 1),
    };
    return RUN_ON;
}

static const struct script_call *find_call(const struct run *run, const char *name, size_t *index)
{
    for (size_t i = 0; i < run->job->call_count; i++) {
        if (strcmp(run->job->calls[i].name, name) == 0) {
            *index = i;
            return &run->job->calls[i];
        }
    }
    return NULL;
}

static void note_call(struct run *run, struct script_called called)
{
    struct script_report *report = run->report;
    if (run->called == NULL || report->called_count == run->called_room) {
        size_t room = run->called_room == 0 ? 4 : run->called_room * 2;
        struct script_called *list = arena_calloc(run->arena, room, sizeof *list);
        if (run->called != NULL)
            memcpy(list, run->called, report->called_count * sizeof *list);
        run->called = list;
        run->called_room = room;
        report->called = list;
    }
    run->called[report->called_count++] = called;
}

static enum verdict answer_call(struct run *run, const struct frame *frame)
{
    const char *name_end = memchr(frame->data, 0, frame->size);
    if (name_end == NULL || ++run->call_count > JOB_CALLS_MOST)
        return RUN_DIED;
    const char *name = arena_strdup(run->arena, frame->data);
    size_t index = 0;
    const struct script_call *call = find_call(run, name, &index);
    if (call == NULL)
        return RUN_DIED;
    if (++run->call_counts[index] > call->at_most)
        return send_reply(run, frame->id, NULL, arena_printf(run->arena, "%s was called too often", name));
    struct bytes json = {(const uint8_t *)name_end + 1, (size_t)(frame->data + frame->size - (name_end + 1))};
    yyjson_val *arguments = NULL;
    if (json_parse(run->arena, json, &answer_limits, &arguments) != JSON_FINE)
        return send_reply(run, frame->id, NULL, "what was sent is no JSON that the server takes");
    uint32_t id = frame->id;
    const char *fault = NULL;
    int64_t start_ns = clock_monotonic_ns();
    const char *answer = call->run(run->job->context, run->arena, arguments, &fault);
    note_call(run,
              (struct script_called){.name = call->name,
                                     .stage = atomic_load_explicit(run->slot->stage, memory_order_relaxed),
                                     .ms = (clock_monotonic_ns() - start_ns) / 1000000,
                                     .arguments = arguments,
                                     .answer = answer});
    return send_reply(run, id, answer, fault != NULL ? fault : "the server could not do it");
}

static enum verdict take_answer(struct run *run, const struct frame *frame)
{
    struct bytes json = {(const uint8_t *)frame->data, frame->size};
    run->is_last = frame->is_last;
    if (json_parse(run->arena, json, &answer_limits, &run->report->answer) != JSON_FINE) {
        run->report->answer = NULL;
        LOG_WARN("script.answer_refused", LOG_TEXT("program", run->job->program));
        return RUN_THREW;
    }
    return frame->type == FRAME_RESULT ? RUN_ANSWERED : RUN_THREW;
}

static enum verdict take_frame(struct run *run, const struct frame *frame)
{
    switch (frame->type) {
    case FRAME_LOG:
        return take_line(run, frame);
    case FRAME_CALL:
        return answer_call(run, frame);
    case FRAME_MEMORY:
        run->is_last = frame->is_last;
        return RUN_NO_MEMORY;
    case FRAME_RESULT:
    case FRAME_THREW:
        return take_answer(run, frame);
    default:
        return RUN_DIED;
    }
}

static enum verdict converse(struct run *run)
{
    enum verdict verdict = send_sources(run);
    if (verdict == RUN_ON)
        verdict = send_job(run);
    while (verdict == RUN_ON) {
        struct frame frame;
        enum frame_fault fault = frame_reader_next(&run->slot->reader, FRAME_FROM_BUSY, &frame);
        if (fault == FRAME_FINE) {
            run->has_spoken = true;
            verdict = take_frame(run, &frame);
            if (verdict == RUN_ON && !within_limits(run))
                verdict = RUN_OVER;
        } else if (fault == FRAME_MORE) {
            short ready = 0;
            verdict = await(run, POLLIN, &ready);
            if (verdict == RUN_ON)
                verdict = fill(run);
        } else {
            LOG_WARN("script.forbidden_message", LOG_TEXT("program", run->job->program));
            verdict = RUN_DIED;
        }
    }
    return verdict;
}

enum script_outcome slot_run(struct slot *slot, const struct script_pool_config *config, struct arena *arena,
                             const struct script_job *job, int64_t deadline_ns, struct script_report *report,
                             struct slot_verdict *worker)
{
    struct run run = {.slot = slot,
                      .config = config,
                      .arena = arena,
                      .job = job,
                      .report = report,
                      .deadline_ns = deadline_ns,
                      .cpu_start_ns = cpu_now_ns(slot),
                      .next_check_ns = clock_monotonic_ns() + (int64_t)config->cpu_ms * 1000000,
                      .call_counts = arena_calloc(arena, job->call_count + 1, sizeof(unsigned))};
    atomic_store_explicit(slot->stage, 0, memory_order_relaxed);
    enum verdict verdict = converse(&run);
    report->cpu_ns = cpu_now_ns(slot) - run.cpu_start_ns;
    report->stage = atomic_load_explicit(slot->stage, memory_order_relaxed);
    worker->is_silent = !run.has_spoken;
    worker->is_healthy = (verdict == RUN_ANSWERED || verdict == RUN_THREW || verdict == RUN_NO_MEMORY) &&
                         !run.is_last && slot->reader.start == slot->reader.size;
    frame_reader_reset(&slot->reader);
    if (!worker->is_healthy)
        kill(slot->pid, SIGKILL);
    switch (verdict) {
    case RUN_ANSWERED:
        return SCRIPT_DONE;
    case RUN_THREW:
        return SCRIPT_THREW;
    case RUN_NO_MEMORY:
        return SCRIPT_MEMORY;
    case RUN_OVER:
        return SCRIPT_TIMEOUT;
    default:
        return SCRIPT_DIED;
    }
}
