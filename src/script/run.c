/* One try at a job in a worker: what is sent, what comes back, and what its calls come to. */
#include "script/slot.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINES_MOST = 2000,
    LINE_BYTES_MOST = 512 * 1024, /* of console lines; a worker's own limit is below it */
    JOB_CALLS_MOST = 2000,
    HTTP_AT_ONCE = 10,                  /* of one job; the next ones wait for these */
    HTTP_BYTES_MOST = 10 * 1024 * 1024, /* of answers that one job gets */
};

static const struct json_limits answer_limits = {.bytes = FRAME_OUTPUT_BYTES, .depth = 200, .items = 200000};

static struct iovec piece(const void *data, size_t size)
{
    return (struct iovec){.iov_base = (void *)data, .iov_len = size};
}

static void send_frame(struct run *run, enum frame_type type, uint32_t id, const struct iovec *pieces,
                       size_t count)
{
    pthread_mutex_lock(&run->pool->lock);
    if (!run->slot->is_broken)
        slot_send(run->slot, &(struct frame){.type = type, .job = run->id, .id = id}, pieces, count);
    pthread_mutex_unlock(&run->pool->lock);
}

/* --- what is sent at the beginning --- */

static bool worker_has(const struct slot *slot, const char *hash)
{
    for (size_t i = 0; i < slot->source_count; i++)
        if (memcmp(slot->sources[i], hash, FRAME_HASH_BYTES) == 0)
            return true;
    return false;
}

static void send_source(struct slot *slot, const struct script_source *source)
{
    struct iovec pieces[3] = {piece(source->hash, FRAME_HASH_BYTES),
                              piece(source->name, strlen(source->name) + 1),
                              piece(source->text, strlen(source->text) + 1)};
    memcpy(slot->sources[slot->source_count++], source->hash, FRAME_HASH_BYTES);
    slot_send(slot, &(struct frame){.type = FRAME_SOURCE}, pieces, 3);
}

/* False where the worker keeps too many already, and others need them. Called with the lock held. */
static bool send_sources(struct slot *slot, const struct script_job *job)
{
    size_t missing = 0;
    for (size_t i = 0; i < job->source_count; i++)
        missing += worker_has(slot, job->sources[i].hash) ? 0 : 1;
    if (slot->source_count + missing > SLOT_SOURCES_MOST) {
        if (slot->run_count > 1) {
            slot->is_closed = true;
            return false;
        }
        slot_send(slot, &(struct frame){.type = FRAME_FORGET}, NULL, 0);
        slot->source_count = 0;
    }
    for (size_t i = 0; missing > 0 && i < job->source_count; i++)
        if (!worker_has(slot, job->sources[i].hash))
            send_source(slot, &job->sources[i]);
    return true;
}

static bool is_sendable(const struct script_job *job)
{
    if (job->source_count > SLOT_SOURCES_MOST ||
        strlen(job->program) + 1 + strlen(job->input) + 1 > FRAME_INPUT_BYTES)
        return false;
    for (size_t i = 0; i < job->source_count; i++) {
        const struct script_source *source = &job->sources[i];
        if (strlen(source->hash) != FRAME_HASH_BYTES ||
            FRAME_HASH_BYTES + strlen(source->name) + 1 + strlen(source->text) + 1 > FRAME_INPUT_BYTES)
            return false;
    }
    return true;
}

static enum verdict begin(struct run *run)
{
    const struct script_job *job = run->job;
    struct iovec pieces[2] = {piece(job->program, strlen(job->program) + 1),
                              piece(job->input, strlen(job->input) + 1)};
    if (!is_sendable(job))
        return RUN_DIED;
    pthread_mutex_lock(&run->pool->lock);
    bool fine = run->slot->is_broken || send_sources(run->slot, job);
    if (fine && !run->slot->is_broken)
        slot_send(run->slot, &(struct frame){.type = FRAME_JOB, .job = run->id}, pieces, 2);
    pthread_mutex_unlock(&run->pool->lock);
    return fine ? RUN_ON : RUN_MOVED;
}

/* --- answers --- */

static void send_reply(struct run *run, const struct record *record)
{
    const char *sign = record->answer != NULL ? "+" : "-";
    const char *text = record->answer != NULL ? record->answer : record->fault;
    if (1 + strlen(text) + 1 > FRAME_INPUT_BYTES) {
        sign = "-";
        text = "the answer is too large";
    }
    struct iovec pieces[2] = {piece(sign, 1), piece(text, strlen(text) + 1)};
    send_frame(run, FRAME_REPLY, record->id, pieces, 2);
}

/*
 * Answers go out in the order they came: a job that is done once more sees the world as it did before. It waits for the call
 * whose turn it is.
 */
static void deliver_answers(struct run *run)
{
    while (run->delivered < run->answered_count && run->answered[run->delivered]->is_claimed) {
        const struct record *record = run->answered[run->delivered++];
        if (!record->is_dropped)
            send_reply(run, record);
    }
}

/* Room for one item more in an array of pointers of the arena. */
static void reserve(struct arena *arena, struct record ***items, size_t count, size_t room)
{
    struct record **grown = arena_calloc(arena, room, sizeof *grown);
    if (count > 0)
        memcpy(grown, *items, count * sizeof *grown);
    *items = grown;
}

static void note_answer(struct run *run, struct record *record, const char *answer, const char *fault)
{
    record->is_answered = true;
    record->answer = answer;
    record->fault = fault;
    record->ms = (clock_monotonic_ns() - record->began_ns) / 1000000;
    run->answered[run->answered_count++] = record;
}

static const char *either(const char *fault, const char *otherwise)
{
    return fault != NULL ? fault : otherwise;
}

/* --- HTTP --- */

static void note_http(void *context)
{
    struct run *run = context;
    pthread_mutex_lock(&run->pool->lock);
    run->http_is_ready = true;
    run_wake(run);
    pthread_mutex_unlock(&run->pool->lock);
}

static void begin_http(struct run *run, struct record *record)
{
    const char *fault = NULL;
    /* A little more than is left: where time is over it is the whole login's. */
    int64_t left_ms = (run->deadline_ns - clock_monotonic_ns()) / 1000000 + 1000;
    record->is_queued = false;
    record->began_ns = clock_monotonic_ns();
    if (run->http_bytes > HTTP_BYTES_MOST) {
        note_answer(run, record, NULL, "this login's rules have received more than 10 MiB");
        return;
    }
    record->http = script_http_begin(run->pool->outlet, run->arena, record->arguments,
                                     left_ms < 1 ? 1 : (unsigned)left_ms, note_http, run, &fault);
    if (record->http == NULL)
        note_answer(run, record, NULL, either(fault, "the call could not be made"));
    else
        run->http_under_way++;
}

static void begin_queued_http(struct run *run)
{
    for (size_t i = 0; i < run->record_count && run->http_under_way < HTTP_AT_ONCE; i++)
        if (run->records[i]->is_queued)
            begin_http(run, run->records[i]);
}

static void take_http_answers(struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++) {
        struct record *record = run->records[i];
        if (record->http == NULL || !script_http_is_done(record->http))
            continue;
        const char *answer = script_http_end(&record->http, run->arena, &record->facts);
        run->http_under_way--;
        run->http_bytes += record->facts.bytes;
        note_answer(run, record, answer, record->facts.error);
    }
    begin_queued_http(run);
    deliver_answers(run);
}

/* --- calls --- */

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

static bool is_same_call(const struct record *record, const char *name, struct bytes json)
{
    return strcmp(record->name, name) == 0 && record->json.size == json.size &&
           memcmp(record->json.data, json.data, json.size) == 0;
}

/* The call of an earlier try that this one is; NULL where it is a new one. */
static struct record *earlier_call(struct run *run, const char *name, struct bytes json)
{
    for (size_t i = 0; run->claimed < run->record_count && i < run->record_count; i++)
        if (!run->records[i]->is_claimed && is_same_call(run->records[i], name, json))
            return run->records[i];
    return NULL;
}

/* Whether the call can have done nothing (RFC 9110 section 9.2.1). */
static bool only_reads(const struct record *record)
{
    const char *method = json_text(record->arguments, "method");
    return record->call == NULL ||
           (record->call->run == NULL && method != NULL &&
            (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0));
}

/* A job calls other than before. Where what it made and did not make again only read, that is no harm: then true. */
static bool drop_unclaimed(struct run *run)
{
    for (size_t i = 0; i < run->record_count; i++)
        if (!run->records[i]->is_claimed && !only_reads(run->records[i]))
            return false;
    for (size_t i = 0; i < run->record_count; i++) {
        struct record *record = run->records[i];
        if (record->is_claimed)
            continue;
        record->is_claimed = record->is_dropped = true;
        record->is_queued = false;
        run->claimed++;
        if (record->http != NULL) {
            script_http_abandon(&record->http, true);
            run->http_under_way--;
        }
    }
    return true;
}

static void claim(struct run *run, struct record *record, uint32_t id)
{
    record->is_claimed = true;
    record->id = id;
    run->claimed++;
}

static struct record *add_record(struct run *run, const char *name, struct bytes json, unsigned stage)
{
    if (run->record_count == run->record_room) {
        size_t room = run->record_room == 0 ? 8 : run->record_room * 2;
        reserve(run->arena, &run->records, run->record_count, room);
        reserve(run->arena, &run->answered, run->answered_count, room);
        run->record_room = room;
    }
    struct record *record = arena_alloc(run->arena, sizeof *record);
    *record = (struct record){.name = name, .json = json, .stage = stage, .began_ns = clock_monotonic_ns()};
    run->records[run->record_count++] = record;
    return record;
}

/* Does what was called, or begins it. */
static void call(struct run *run, struct record *record, const struct script_call *called, size_t index)
{
    if (++run->call_counts[index] > called->at_most) {
        note_answer(run, record, NULL, arena_printf(run->arena, "%s was called too often", record->name));
        return;
    }
    if (json_parse(run->arena, record->json, &answer_limits, &record->arguments) != JSON_FINE) {
        note_answer(run, record, NULL, "what was sent is no JSON that the server takes");
        return;
    }
    record->call = called;
    if (called->run == NULL) {
        record->is_queued = true;
        begin_queued_http(run);
        return;
    }
    const char *fault = NULL;
    const char *answer = called->run(run->job->context, run->arena, record->arguments, &fault);
    note_answer(run, record, answer, answer != NULL ? NULL : either(fault, "the server could not do it"));
}

static unsigned stage_of(const struct run *run)
{
    return atomic_load_explicit(&run->slot->progress->jobs[run->id % PROGRESS_PLACES].stage,
                                memory_order_relaxed);
}

static enum verdict take_call(struct run *run, const struct frame *frame)
{
    const char *name_end = memchr(frame->data, 0, frame->size);
    if (name_end == NULL || run->claimed >= JOB_CALLS_MOST)
        return RUN_DIED;
    size_t index = 0;
    const char *name = arena_strdup(run->arena, frame->data);
    const struct script_call *called = find_call(run, name, &index);
    if (called == NULL)
        return RUN_DIED;
    size_t size = (size_t)(frame->data + frame->size - (name_end + 1));
    struct bytes json = {(const uint8_t *)name_end + 1, size};
    struct record *record = earlier_call(run, name, json);
    if (record == NULL && run->claimed < run->record_count && !drop_unclaimed(run))
        return RUN_DIVERGED;
    if (record != NULL) {
        claim(run, record, frame->id);
    } else {
        json.data = arena_copy(run->arena, json.data, json.size);
        record = add_record(run, name, json, stage_of(run));
        claim(run, record, frame->id);
        call(run, record, called, index);
    }
    deliver_answers(run);
    return RUN_ON;
}

/* --- what comes from the worker --- */

static void take_line(struct run *run, const struct frame *frame)
{
    struct script_report *report = run->report;
    run->line_bytes += frame->size;
    if (report->line_count == LINES_MOST || run->line_bytes > LINE_BYTES_MOST)
        return;
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
}

static enum verdict take_answer(struct run *run, const struct frame *frame)
{
    struct bytes json = {(const uint8_t *)frame->data, frame->size};
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
        take_line(run, frame);
        return RUN_ON;
    case FRAME_CALL:
        return take_call(run, frame);
    case FRAME_MEMORY:
        return RUN_NO_MEMORY;
    case FRAME_RESULT:
    case FRAME_THREW:
        return take_answer(run, frame);
    default:
        return RUN_DIED;
    }
}

static struct event *next_event(struct run *run)
{
    struct event *event = run->events;
    if (event == NULL)
        return NULL;
    run->events = event->next;
    if (run->events == NULL)
        run->last_event = &run->events;
    run->event_bytes -= event->frame.size;
    return event;
}

/* One step of the run's thread. Called with the lock held, and returns so. */
static enum verdict step(struct run *run)
{
    struct script_pool *pool = run->pool;
    enum verdict verdict = RUN_ON;
    struct event *event = next_event(run);
    if (event != NULL) {
        pthread_mutex_unlock(&pool->lock);
        verdict = take_frame(run, &event->frame);
        explicit_bzero(event->data, event->frame.size);
        free(event);
        pthread_mutex_lock(&pool->lock);
        return verdict;
    }
    if (run->pulled != RUN_ON)
        return run->pulled;
    if (clock_monotonic_ns() >= run->deadline_ns)
        return RUN_OVER;
    if (run->http_is_ready) {
        run->http_is_ready = false;
        pthread_mutex_unlock(&pool->lock);
        take_http_answers(run);
        pthread_mutex_lock(&pool->lock);
        return RUN_ON;
    }
    slot_wait(run);
    return RUN_ON;
}

static void start_over(struct run *run)
{
    run->tries++;
    run->report->line_count = 0;
    run->line_bytes = 0;
    run->claimed = run->delivered = 0;
    for (size_t i = 0; i < run->record_count; i++) {
        run->records[i]->is_claimed = run->records[i]->is_dropped;
        run->claimed += run->records[i]->is_dropped ? 1 : 0;
    }
}

enum verdict run_try(struct run *run)
{
    start_over(run);
    enum verdict verdict = begin(run);
    pthread_mutex_lock(&run->pool->lock);
    while (verdict == RUN_ON)
        verdict = step(run);
    struct slot *slot = run->slot;
    run->report->stage = stage_of(run);
    run->report->cpu_ns =
        atomic_load_explicit(&slot->progress->jobs[run->id % PROGRESS_PLACES].cpu_ns, memory_order_relaxed);
    if (run->burnt_ns > run->report->cpu_ns)
        run->report->cpu_ns = run->burnt_ns;
    bool is_over = verdict == RUN_OVER || verdict == RUN_DIVERGED || verdict == RUN_DIED;
    if (is_over && !slot->is_broken) {
        /* What does not listen is killed, and so is what spoke nonsense; what only waits is told to go. */
        if (verdict == RUN_DIED || slot_runs(slot, run))
            slot_break(slot, run, verdict);
        else
            slot_send(slot, &(struct frame){.type = FRAME_CANCEL, .job = run->id}, NULL, 0);
    }
    pthread_mutex_unlock(&run->pool->lock);
    return verdict;
}

/* --- the end --- */

void run_finish(struct run *run, enum verdict verdict)
{
    struct script_report *report = run->report;
    bool is_done = verdict == RUN_ANSWERED || verdict == RUN_THREW;
    struct script_called *called = arena_calloc(run->arena, run->record_count + 1, sizeof *called);
    for (size_t i = 0; i < run->record_count; i++) {
        struct record *record = run->records[i];
        /* What a rule sent off without waiting for it goes on; the login does not. */
        if (record->http != NULL)
            script_http_abandon(&record->http, !is_done);
        if (record->call == NULL)
            continue;
        if (!record->is_answered)
            record->ms = record->is_queued ? 0 : (clock_monotonic_ns() - record->began_ns) / 1000000;
        called[report->called_count++] =
            (struct script_called){.name = record->name,
                                   .stage = record->stage,
                                   .ms = record->ms,
                                   .arguments = record->arguments,
                                   .answer = record->answer,
                                   .fault = record->is_queued ? "the rules ended first" : record->fault,
                                   .is_http = record->call->run == NULL,
                                   .status = record->facts.status,
                                   .bytes = record->facts.bytes};
    }
    report->called = called;
    report->tries = run->tries;
}
