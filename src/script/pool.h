/*
 * Script workers: QuickJS in processes of their own (spawned from this binary), without files, network or exec, under
 * seccomp and rlimits, their memory, CPU and wall clock limited from outside. A worker asks the server for everything by
 * messages over one socketpair (script/protocol.h). Workers are kept warm, do one job at a time, and are replaced when they
 * die.
 */
#ifndef COUNTERSIGN_SCRIPT_POOL_H
#define COUNTERSIGN_SCRIPT_POOL_H

#include "base/arena.h"
#include "http/client.h"
#include "json/json.h"

struct script_pool;

struct script_pool_config {
    const char *executable;   /* of the worker: this binary, run as `countersign script-worker` */
    unsigned workers;         /* processes kept warm */
    unsigned queue;           /* jobs that may wait for one */
    unsigned time_ms;         /* for a whole job, waiting included: 20,000 */
    unsigned cpu_ms;          /* of CPU for a job */
    size_t memory_bytes;      /* of one job */
    struct http_client *http; /* for scripts that call out; NULL: they may not */
};

/*
 * Starts the workers and waits until one is ready; they live until script_pool_stop. NULL, with one sentence in *error,
 * where none comes up.
 */
struct script_pool *script_pool_start(const struct script_pool_config *config, struct arena *arena,
                                      const char **error) NODISCARD;
/* Kills the workers. No job may be running. Sets *pool to NULL; NULL is allowed. */
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
enum script_outcome script_run(struct script_pool *pool, struct arena *arena, const char *program,
                               const char *input, yyjson_val **answer) NODISCARD;

/* A source that a program may evaluate: a rule's text. Workers keep it compiled under its hash. */
struct script_source {
    const char *hash; /* SHA-256 of name and text as 64 hexadecimal digits */
    const char *name; /* stands in the script's stack traces */
    const char *text;
};

/*
 * What a job may ask the server for, beside its own. `run` gets the parsed arguments and returns the JSON of the answer, or
 * NULL with one sentence in *error, which the script sees as a rejected promise. It runs on the thread of script_run_job.
 */
struct script_call {
    const char *name; /* "users.updateAppMetadata" */
    unsigned at_most; /* how often a job may call it */
    const char *(*run)(void *context, struct arena *arena, yyjson_val *arguments, const char **error);
};

struct script_job {
    const char *program;
    const char *input;
    const struct script_source *sources;
    size_t source_count;
    const struct script_call *calls;
    size_t call_count;
    void *context; /* given to the calls */
};

/* A line that the script wrote to its console. */
struct script_line {
    char level;     /* 'l' log, 'i' info, 'w' warn, 'e' error, 'd' debug */
    unsigned stage; /* the stage it was written in; the rules program counts rules */
    const char *text;
};

/* A call that the script made, and what came of it. */
struct script_called {
    const char *name;
    unsigned stage;
    int64_t ms;
    yyjson_val *arguments;
    const char *answer; /* NULL where it failed */
};

struct script_report {
    yyjson_val *answer; /* as script_run gives it; NULL where the outcome has none */
    const struct script_line *lines;
    size_t line_count;
    const struct script_called *called; /* in order */
    size_t called_count;
    unsigned stage; /* the stage that the job had reached; tells which rule was killed */
    int64_t cpu_ns; /* of the worker, for this job */
};

/* As script_run, with sources and calls. Always fills *report, in the arena. */
enum script_outcome script_run_job(struct script_pool *pool, struct arena *arena,
                                   const struct script_job *job, struct script_report *report) NODISCARD;

#endif
