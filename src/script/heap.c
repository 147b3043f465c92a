/*
 * The engine's memory. Each block knows the job that asked for it, so that a job is held to its own share whoever else has
 * garbage about, and runs out of memory alone.
 */
#include "script/engine.h"

#include <malloc.h>
#include <stdlib.h>

/* Before each block; the engine needs blocks aligned to 8 bytes. */
struct owner {
    uint32_t job; /* 0: none */
    uint32_t unused;
};

static struct owner *owner_of(void *memory)
{
    return (struct owner *)memory - 1;
}

static size_t size_of(void *memory)
{
    return malloc_usable_size(owner_of(memory)) - sizeof(struct owner);
}

static struct job *job_of(struct engine *engine, const struct owner *owner)
{
    struct job *job = owner->job == 0 ? NULL : engine->jobs[owner->job % PROGRESS_PLACES];
    return job != NULL && job->id == owner->job ? job : NULL;
}

/* Whether `more` bytes may be handed out in place of `less`. */
static bool may_grow(struct engine *engine, const JSMallocState *state, size_t more, size_t less)
{
    struct job *job = engine->current;
    size_t charge = job == NULL ? 0 : job->charge;
    if (more <= less)
        return true;
    size_t growth = more - less;
    if (growth <= state->malloc_limit && state->malloc_size <= state->malloc_limit - growth &&
        (job == NULL || (growth <= engine->job_bytes && charge <= engine->job_bytes - growth)))
        return true;
    if (job != NULL)
        job->out_of_memory = true;
    return false;
}

static void charge(struct engine *engine, JSMallocState *state, void *memory)
{
    struct job *job = engine->current;
    size_t size = size_of(memory);
    owner_of(memory)->job = job == NULL ? 0 : job->id;
    state->malloc_count++;
    state->malloc_size += size;
    if (job == NULL)
        return;
    job->charge += size;
    engine->charged += size;
    if (job->charge > job->peak)
        job->peak = job->charge;
}

static void discharge(struct engine *engine, JSMallocState *state, void *memory)
{
    size_t size = size_of(memory);
    struct job *job = job_of(engine, owner_of(memory));
    state->malloc_count--;
    state->malloc_size -= size;
    if (job == NULL)
        return;
    job->charge -= size;
    engine->charged -= size;
}

static void *allocate(JSMallocState *state, size_t size)
{
    struct engine *engine = state->opaque;
    engine->heap = state;
    if (!may_grow(engine, state, size, 0))
        return NULL;
    struct owner *owner = malloc(size + sizeof *owner);
    if (owner == NULL) {
        if (engine->current != NULL)
            engine->current->out_of_memory = true;
        return NULL;
    }
    charge(engine, state, owner + 1);
    return owner + 1;
}

static void release(JSMallocState *state, void *memory)
{
    if (memory == NULL)
        return;
    discharge(state->opaque, state, memory);
    free(owner_of(memory));
}

static void *resize(JSMallocState *state, void *memory, size_t size)
{
    struct engine *engine = state->opaque;
    if (memory == NULL)
        return size == 0 ? NULL : allocate(state, size);
    if (size == 0) {
        release(state, memory);
        return NULL;
    }
    if (!may_grow(engine, state, size, size_of(memory)))
        return NULL;
    discharge(engine, state, memory);
    struct owner *owner = realloc(owner_of(memory), size + sizeof *owner);
    if (owner == NULL) {
        charge(engine, state, memory);
        if (engine->current != NULL)
            engine->current->out_of_memory = true;
        return NULL;
    }
    charge(engine, state, owner + 1);
    return owner + 1;
}

static size_t usable_size(const void *memory)
{
    return memory == NULL ? 0 : size_of((void *)memory);
}

const JSMallocFunctions engine_heap = {allocate, release, resize, usable_size};
