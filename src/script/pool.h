/*
 * Script workers: QuickJS in processes of their own (spawned from this binary), without files, network or exec, under
 * seccomp and rlimits, their memory, CPU and wall clock limited from outside. A worker asks the server for everything by
 * messages over one socketpair (script/protocol.h). Workers are kept warm, and are replaced when they die. A worker has many
 * jobs at once: while one waits, others run.
 */
#ifndef COUNTERSIGN_SCRIPT_POOL_H
#define COUNTERSIGN_SCRIPT_POOL_H

#include "base/arena.h"
#include "http/client.h"
#include "json/json.h"

#include <stdbool.h>

struct script_pool;

struct script_pool_config {
    const char *executable;   /* of the worker: this binary, run as `countersign script-worker` */
    unsigned workers;         /* processes kept warm */
    unsigned queue;           /* jobs that may be under way beside one a worker */
    unsigned time_ms;         /* for a whole job, waiting included: 20,000 */
    unsigned cpu_ms;          /* of CPU for a job */
    size_t memory_bytes;      /* of one job */
    struct http_client *http; /* for scripts that call out; NULL: they may not */
    unsigned http_calls;      /* of all scripts that may be under way at once; 0: 1024 */
};

/*
 * Starts the workers and waits until one is ready; they live until script_pool_stop. NULL, with one sentence in *error,
 * where none comes up.
 */
struct script_pool *script_pool_start(const struct script_pool_config *config, struct arena *arena,
                                      const char **error) NODISCARD;
/* Kills the workers. No job may be running. Sets *pool to NULL; NULL is allowed. */
void script_pool_stop(struct script_pool **pool);

/*
 * How a job ended. SCRIPT_THREW without an answer: what came back was no JSON that the server takes.
 */
enum script_outcome {
    SCRIPT_DONE = 0,    /* answer holds what the program gave */
    SCRIPT_THREW = 1,   /* answer holds {"name","message","line","column"} */
    SCRIPT_TIMEOUT = 2, /* over its time; the worker was killed */
    SCRIPT_MEMORY = 3,  /* over its memory */
    SCRIPT_DIED = 4,    /* the worker died for another reason */
    SCRIPT_BUSY = 5,    /* too many jobs are under way */
    /* Its worker ended through another job's fault; done once more it called other than before, which can not be undone. */
    SCRIPT_REPEATED = 6,
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
 * Where `run` is NULL the call is outgoing HTTP (script/outgoing.h), of which a job may have several under way.
 *
 * A job whose worker died through another's fault is done once more; the calls that it had made are not: it gets the answers
 * that they had.
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
    const char *answer; /* JSON; NULL where it failed, or had no answer yet when the job ended */
    const char *fault;  /* why it failed, or brought no answer of HTTP; NULL: it did not */
    bool is_http;
    int status;   /* of HTTP; 0: no answer */
    size_t bytes; /* of its body */
};

struct script_report {
    yyjson_val *answer; /* as script_run gives it; NULL where the outcome has none */
    const struct script_line *lines;
    size_t line_count;
    const struct script_called *called; /* in order */
    size_t called_count;
    unsigned stage; /* the stage that the job had reached; tells which rule was killed */
    int64_t cpu_ns; /* of the worker, for this job */
    unsigned tries; /* how often it was begun: more than once where another job's fault ended its worker */
};

/*
 * As script_run, with sources and calls. While it waits, its thread counts as waiting (http/workers.h). Always fills
 * *report, in the arena.
 */
enum script_outcome script_run_job(struct script_pool *pool, struct arena *arena,
                                   const struct script_job *job, struct script_report *report) NODISCARD;

#endif
