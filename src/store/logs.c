#include "store/logs.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH_MS = 500,       /* how long an entry may wait */
    BATCH_ENTRIES = 256,  /* how many go into one transaction */
    MOST_WAITING = 20000, /* more are dropped, and counted in the process's log */
    RETRY_MS = 1000,
    SERVER_DIGITS = 9,
    ID_DIGITS = 56,
    LARGEST_TEXT = 16 * 1024, /* of one member; all scopes of the Management API fit */
};

struct waiting {
    struct waiting *next;
    int64_t date;
    char *type;
    char *user_id;
    char *client_id;
    char *members; /* of the document, after its ids: "date":…} */
};

struct log_writer {
    struct db *db;
    pthread_t thread;
    char server[SERVER_DIGITS + 1]; /* tells the ids of several servers apart */
    int64_t last_ms;                /* of the last id; the thread's own, as is `sequence` */
    int64_t sequence;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t added;
    pthread_cond_t written;
    struct waiting *first;
    struct waiting *last;
    size_t count;
    size_t dropped;
    uint64_t added_number;   /* entries ever added */
    uint64_t written_number; /* entries ever written (or given up) */
    unsigned hurried;        /* who waits in log_writer_flush */
    bool stops;
};

static char *copy(const char *text)
{
    char *copied = text == NULL ? NULL : strdup(text);
    if (text != NULL && copied == NULL)
        abort();
    return copied;
}

static void waiting_free(struct waiting *entry)
{
    free(entry->type);
    free(entry->user_id);
    free(entry->client_id);
    free(entry->members);
    free(entry);
}

static const char *strategy_type(const char *strategy)
{
    if (strategy == NULL)
        return NULL;
    if (strcmp(strategy, "auth0") == 0)
        return "database";
    return strcmp(strategy, "sms") == 0 || strcmp(strategy, "email") == 0 ? "passwordless" : NULL;
}

/* Strangers choose some of the texts, and entries are kept for long: what is longer than any true one is cut. */
static void set_text_or_null(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (length > LARGEST_TEXT) {
        length = LARGEST_TEXT;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    json_set(doc, object, name, text == NULL ? yyjson_mut_null(doc) : yyjson_mut_strncpy(doc, text, length));
}

static void set_or_null(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_mut_val *value)
{
    json_set(doc, object, name, value == NULL ? yyjson_mut_null(doc) : yyjson_mut_val_mut_copy(doc, value));
}

/* The members in Auth0's order; what an entry does not say is null. */
static char *members_of(struct arena *arena, const struct log_entry *entry, int64_t date)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const struct {
        const char *name, *text;
    } before[] = {
        {"date", clock_iso8601(arena, date)},
        {"type", entry->type},
        {"description", entry->description},
        {"connection", entry->connection},
        {"connection_id", entry->connection_id},
        {"organization_id", NULL},
        {"organization_name", NULL},
        {"client_id", entry->client_id},
        {"client_name", entry->client_name},
        {"ip", entry->ip},
        {"hostname", entry->hostname},
    };
    const struct {
        const char *name, *text;
    } after[] = {
        {"user_id", entry->user_id},
        {"user_name", entry->user_name},
        {"user_agent", entry->user_agent},
        {"audience", entry->audience},
        {"scope", entry->scope},
        {"strategy", entry->strategy},
        {"strategy_type", strategy_type(entry->strategy)},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(before); i++)
        set_text_or_null(doc, root, before[i].name, before[i].text);
    set_or_null(doc, root, "details", entry->details);
    for (size_t i = 0; i < ARRAY_LENGTH(after); i++)
        set_text_or_null(doc, root, after[i].name, after[i].text);
    json_set_bool(doc, root, "isMobile", entry->is_mobile);
    set_or_null(doc, root, "location_info", entry->location);
    return json_write_doc(arena, doc) + 1;
}

void log_entry_add(struct log_writer *writer, const struct log_entry *entry)
{
    struct arena *arena = arena_create();
    struct waiting *added = calloc(1, sizeof *added);
    if (added == NULL)
        abort();
    added->date = clock_now_ms();
    added->type = copy(entry->type);
    added->user_id = copy(entry->user_id);
    added->client_id = copy(entry->client_id);
    added->members = copy(members_of(arena, entry, added->date));
    arena_destroy(&arena);

    pthread_mutex_lock(&writer->lock);
    bool has_room = writer->count < MOST_WAITING;
    if (has_room) {
        if (writer->last == NULL)
            writer->first = added;
        else
            writer->last->next = added;
        writer->last = added;
        writer->count++;
        writer->added_number++;
    } else {
        writer->dropped++;
    }
    if (writer->count == 1 || writer->count >= BATCH_ENTRIES)
        pthread_cond_signal(&writer->added);
    pthread_mutex_unlock(&writer->lock);
    if (!has_room)
        waiting_free(added);
}

/* 56 digits that order as text: 900, the second, its microseconds, then the server and a number that only counts. */
static char *next_id(struct log_writer *writer, struct arena *arena)
{
    int64_t now = clock_now_ms();
    if (now > writer->last_ms) {
        writer->last_ms = now;
        writer->sequence = 0;
    }
    writer->sequence++;
    time_t seconds = (time_t)(writer->last_ms / 1000);
    struct tm parts;
    char second[32];
    gmtime_r(&seconds, &parts);
    strftime(second, sizeof second, "%Y%m%d%H%M%S", &parts);
    return arena_printf(arena, "900%s%06lld000000000000%012lld%s", second,
                        (long long)(writer->last_ms % 1000 * 1000), (long long)writer->sequence,
                        writer->server);
}

static enum db_result write_entries(struct log_writer *writer, struct arena *arena, struct db_tx *tx,
                                    const struct waiting *entries)
{
    enum db_result result = DB_OK;
    for (const struct waiting *entry = entries; entry != NULL && result == DB_OK; entry = entry->next) {
        const char *id = next_id(writer, arena);
        const char *doc = arena_printf(arena, "{\"_id\":\"%s\",\"log_id\":\"%s\",%s", id, id, entry->members);
        result = db_exec(
            tx, NULL,
            "INSERT INTO logs (log_id, type, user_id, client_id, doc, date) VALUES (?, ?, ?, ?, ?, ?)",
            "ttttti", id, entry->type, entry->user_id, entry->client_id, doc, entry->date);
    }
    return result;
}

static bool write_batch(struct log_writer *writer, const struct waiting *entries)
{
    struct arena *arena = arena_create();
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(writer->db, &tx);
    if (result == DB_OK)
        result = write_entries(writer, arena, tx, entries);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    arena_destroy(&arena);
    return result == DB_OK;
}

/* With the lock held: the first entries of the queue, as a list of their own. */
static struct waiting *take_batch(struct log_writer *writer, size_t *taken)
{
    struct waiting *batch = writer->first;
    struct waiting *last = NULL;
    *taken = 0;
    for (struct waiting *entry = batch; entry != NULL && *taken < BATCH_ENTRIES; entry = entry->next) {
        last = entry;
        *taken += 1;
    }
    if (last == NULL)
        return NULL;
    writer->first = last->next;
    if (writer->first == NULL)
        writer->last = NULL;
    writer->count -= *taken;
    last->next = NULL;
    return batch;
}

/* With the lock held: puts a batch that could not be written back before the others. */
static void put_back(struct log_writer *writer, struct waiting *batch, size_t taken)
{
    struct waiting *last = batch;
    while (last->next != NULL)
        last = last->next;
    last->next = writer->first;
    writer->first = batch;
    if (writer->last == NULL)
        writer->last = last;
    writer->count += taken;
}

static void wait_ms(struct log_writer *writer, int64_t ms)
{
    int64_t end = clock_monotonic_ns() + ms * 1000000;
    struct timespec at = {.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};
    int waited = 0;
    while (waited == 0 && !writer->stops && writer->hurried == 0 && writer->count < BATCH_ENTRIES)
        waited = pthread_cond_timedwait(&writer->added, &writer->lock, &at);
}

static void free_batch(struct waiting *batch)
{
    while (batch != NULL) {
        struct waiting *next = batch->next;
        waiting_free(batch);
        batch = next;
    }
}

/* With the lock held: writes one batch; false where the store failed. */
static bool write_some(struct log_writer *writer)
{
    size_t taken = 0;
    struct waiting *batch = take_batch(writer, &taken);
    size_t dropped = writer->dropped;
    writer->dropped = 0;
    pthread_mutex_unlock(&writer->lock);
    if (dropped > 0)
        LOG_WARN("store.log_entries_dropped", LOG_INT("count", (int64_t)dropped));
    bool is_written = batch == NULL || write_batch(writer, batch);
    pthread_mutex_lock(&writer->lock);
    if (is_written) {
        writer->written_number += taken;
        free_batch(batch);
    } else {
        put_back(writer, batch, taken);
    }
    pthread_cond_broadcast(&writer->written);
    return is_written;
}

static int digits(const char *text, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

/* The time in an id, in milliseconds. */
static int64_t time_of_id(const char *id)
{
    struct tm parts = {
        .tm_year = digits(id + 3, 4) - 1900,
        .tm_mon = digits(id + 7, 2) - 1,
        .tm_mday = digits(id + 9, 2),
        .tm_hour = digits(id + 11, 2),
        .tm_min = digits(id + 13, 2),
        .tm_sec = digits(id + 15, 2),
    };
    return (int64_t)timegm(&parts) * 1000 + digits(id + 17, 3);
}

/* No id comes before those in the store, even where the clock was set back while no server ran. */
static void read_last_time(struct log_writer *writer)
{
    struct arena *arena = arena_create();
    struct db_tx *tx = NULL;
    struct db_value *row = NULL;
    if (db_begin_read(writer->db, &tx) == DB_OK) {
        if (db_row(tx, arena, &row, "SELECT MAX(log_id) FROM logs", "") == DB_OK && row[0].text != NULL &&
            strspn(row[0].text, "0123456789") == ID_DIGITS)
            writer->last_ms = time_of_id(row[0].text) + 1;
        db_end(&tx);
    }
    arena_destroy(&arena);
}

static void *write_entries_until_stopped(void *context)
{
    struct log_writer *writer = context;
    read_last_time(writer);
    pthread_mutex_lock(&writer->lock);
    while (!writer->stops || writer->count > 0) {
        while (writer->count == 0 && !writer->stops)
            pthread_cond_wait(&writer->added, &writer->lock);
        wait_ms(writer, BATCH_MS);
        if (write_some(writer))
            continue;
        if (writer->stops)
            break;
        int64_t end = clock_monotonic_ns() + (int64_t)RETRY_MS * 1000000;
        struct timespec at = {.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};
        while (!writer->stops && pthread_cond_timedwait(&writer->added, &writer->lock, &at) == 0)
            ;
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

struct log_writer *log_writer_start(struct db *db)
{
    struct log_writer *writer = calloc(1, sizeof *writer);
    struct arena *arena = arena_create();
    if (writer == NULL)
        abort();
    writer->db = db;
    memcpy(writer->server, random_text(arena, RANDOM_DIGITS, SERVER_DIGITS), SERVER_DIGITS);
    arena_destroy(&arena);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->added, &monotonic);
    pthread_cond_init(&writer->written, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&writer->thread, NULL, write_entries_until_stopped, writer) != 0)
        abort();
    return writer;
}

void log_writer_flush(struct log_writer *writer)
{
    int64_t end = clock_monotonic_ns() + (int64_t)RETRY_MS * 2 * 1000000;
    struct timespec at = {.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};
    pthread_mutex_lock(&writer->lock);
    uint64_t wanted = writer->added_number;
    writer->hurried++;
    pthread_cond_signal(&writer->added);
    int waited = 0;
    while (writer->written_number < wanted && waited == 0)
        waited = pthread_cond_timedwait(&writer->written, &writer->lock, &at);
    writer->hurried--;
    pthread_mutex_unlock(&writer->lock);
}

void log_writer_stop(struct log_writer **writer)
{
    struct log_writer *ending = *writer;
    *writer = NULL;
    if (ending == NULL)
        return;
    pthread_mutex_lock(&ending->lock);
    ending->stops = true;
    pthread_cond_broadcast(&ending->added);
    pthread_mutex_unlock(&ending->lock);
    pthread_join(ending->thread, NULL);
    free_batch(ending->first);
    pthread_mutex_destroy(&ending->lock);
    pthread_cond_destroy(&ending->added);
    pthread_cond_destroy(&ending->written);
    free(ending);
}
