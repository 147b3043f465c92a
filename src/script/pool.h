/*
 * Script workers: QuickJS in processes of their own (fork and exec of this binary), without files, network or exec, under
 * seccomp and rlimits, their memory and wall clock limited from outside. A worker asks the server for everything by messages
 * over one socketpair (script/protocol.h). Workers are kept warm, and replaced when they die.
 */
#ifndef COUNTERSIGN_SCRIPT_POOL_H
#define COUNTERSIGN_SCRIPT_POOL_H

#include "base/arena.h"
#include "http/client.h"
#include "json/json.h"

struct script_pool;

struct script_pool_config {
    const char *executable; /* of the worker: this binary, run as `countersign script-worker` */
    unsigned workers;       /* processes kept warm */
    unsigned queue;         /* jobs that may wait for one */
    unsigned time_ms;       /* for a whole job, waiting included: 20,000 */
    unsigned cpu_ms;        /* of CPU for a job */
    size_t memory_bytes;    /* of one job */
    struct http_client *http;
};

struct script_pool *script_pool_start(const struct script_pool_config *config, struct arena *arena,
                                      const char **error) NODISCARD;
void script_pool_stop(struct script_pool **pool);

enum script_outcome {
    SCRIPT_DONE = 0,    /* answer holds what the program gave */
    SCRIPT_THREW = 1,   /* answer holds {"name","message","line","column"} */
    SCRIPT_TIMEOUT = 2, /* over its time; the worker was killed */
    SCRIPT_MEMORY = 3,  /* over its memory */
    SCRIPT_DIED = 4,    /* the worker died for another reason */
    SCRIPT_BUSY = 5,    /* the queue is full */
};

/*
 * Runs one job and waits for it: `program` is one of the programs that workers know ("rules", "liquid"), `input` its JSON.
 * *answer is parsed JSON in the arena.
 */
enum script_outcome script_run(struct script_pool *pool, struct arena *arena, const char *program, const char *input,
                               yyjson_val **answer) NODISCARD;

#endif
