#include "crypto/password.h"

#include "base/log.h"
#include "base/random.h"
#include "crypto/password_encoding.h"

#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    SALT_BYTES = 16,
    HASH_BYTES = 32,
    LARGEST_HASH_BYTES = 128,
    BCRYPT_BYTES = 72,
    LARGE_PAGE = 2 * 1024 * 1024
};

/*
 * Room for one hash at a time. Its memory stays, as the page faults of a new one are a quarter of the whole
 * cost.
 */
struct place {
    uint8_t *memory;
    size_t size;
    struct place *next_free;
};

struct password_gate {
    struct password_costs costs;
    pthread_mutex_t lock;
    pthread_cond_t place_free;
    struct place *free_places;
    unsigned queue;
    unsigned waiting;
    unsigned count;
    struct place places[];
};

/* The place whose memory libargon2's callbacks take: they carry no context. */
static _Thread_local struct place *current_place;

static uint8_t *map_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_DONTDUMP);
    if (size >= LARGE_PAGE)
        madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

struct password_gate *password_gate_create(const struct password_costs *costs, unsigned places,
                                           unsigned queue)
{
    if (places == 0)
        places = 1;
    struct password_gate *gate = calloc(1, sizeof *gate + places * sizeof gate->places[0]);
    if (gate == NULL)
        abort();
    gate->costs = *costs;
    gate->queue = queue;
    gate->count = places;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->place_free, NULL);
    for (unsigned i = 0; i < places; i++) {
        gate->places[i].next_free = gate->free_places;
        gate->free_places = &gate->places[i];
    }
    return gate;
}

void password_gate_free(struct password_gate **gate)
{
    if (*gate == NULL)
        return;
    for (unsigned i = 0; i < (*gate)->count; i++)
        if ((*gate)->places[i].memory != NULL)
            munmap((*gate)->places[i].memory, (*gate)->places[i].size);
    pthread_mutex_destroy(&(*gate)->lock);
    pthread_cond_destroy(&(*gate)->place_free);
    free(*gate);
    *gate = NULL;
}

/* A free place, waited for in the queue; NULL where that is full. */
static struct place *enter(struct password_gate *gate)
{
    struct place *place = NULL;
    pthread_mutex_lock(&gate->lock);
    if (gate->free_places != NULL || gate->waiting < gate->queue) {
        gate->waiting++;
        while (gate->free_places == NULL)
            pthread_cond_wait(&gate->place_free, &gate->lock);
        gate->waiting--;
        place = gate->free_places;
        gate->free_places = place->next_free;
    }
    pthread_mutex_unlock(&gate->lock);
    return place;
}

static void leave(struct password_gate *gate, struct place *place)
{
    pthread_mutex_lock(&gate->lock);
    place->next_free = gate->free_places;
    gate->free_places = place;
    pthread_mutex_unlock(&gate->lock);
    pthread_cond_signal(&gate->place_free);
}

unsigned password_gate_waiting(struct password_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    unsigned waiting = gate->waiting;
    pthread_mutex_unlock(&gate->lock);
    return waiting;
}

/* --- hashing --- */

static int take_memory(uint8_t **memory, size_t size)
{
    if (current_place->memory == NULL || current_place->size < size) {
        if (current_place->memory != NULL)
            munmap(current_place->memory, current_place->size);
        current_place->memory = map_memory(size);
        current_place->size = size;
    }
    *memory = current_place->memory;
    return *memory != NULL ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

/* libargon2 has wiped it (a test holds it to that), so that nothing of one user is left for the next. */
static void return_memory(uint8_t *memory, size_t size)
{
    (void)memory;
    (void)size;
}

static bool compute_argon2(struct place *place, const char *password, const struct argon2_hash *hash,
                           uint8_t *out)
{
    argon2_context context = {
        .out = out,
        .outlen = (uint32_t)hash->hash.size,
        .pwd = (uint8_t *)(uintptr_t)password,
        .pwdlen = (uint32_t)strlen(password),
        .salt = (uint8_t *)(uintptr_t)hash->salt.data,
        .saltlen = (uint32_t)hash->salt.size,
        .t_cost = hash->passes,
        .m_cost = hash->memory_kib,
        .lanes = hash->parallelism,
        .threads = 1, /* the gate is as wide as the cores already */
        .version = hash->version,
        .allocate_cbk = take_memory,
        .free_cbk = return_memory,
        .flags = ARGON2_DEFAULT_FLAGS,
    };
    current_place = place;
    int result = argon2_ctx(&context, hash->type);
    current_place = NULL;
    if (result != ARGON2_OK)
        LOG_ERROR("password.hash_failed", LOG_TEXT("cause", argon2_error_message(result)));
    return result == ARGON2_OK;
}

/* Today's form, for `salt` and `out` of the usual sizes. */
static struct argon2_hash todays(const struct password_gate *gate, const uint8_t *salt, const uint8_t *out)
{
    return (struct argon2_hash){.type = Argon2_id,
                                .version = ARGON2_VERSION_13,
                                .memory_kib = gate->costs.memory_kib,
                                .passes = gate->costs.passes,
                                .parallelism = gate->costs.parallelism,
                                .salt = {.data = salt, .size = SALT_BYTES},
                                .hash = {.data = out, .size = HASH_BYTES}};
}

bool password_hash(struct password_gate *gate, struct arena *arena, const char *password, char **hash)
{
    uint8_t salt[SALT_BYTES];
    uint8_t out[HASH_BYTES];
    struct place *place = enter(gate);
    if (place == NULL)
        return false;
    random_fill(salt, sizeof salt);
    struct argon2_hash made = todays(gate, salt, out);
    bool is_made = compute_argon2(place, password, &made, out);
    leave(gate, place);
    if (is_made)
        *hash = argon2_hash_format(arena, &made);
    return is_made;
}

/* --- verifying --- */

/* Keeps a place's memory at what today's hashes take: a larger, imported one was an exception. */
static void shrink(const struct password_gate *gate, struct place *place)
{
    size_t usual = (size_t)gate->costs.memory_kib * 1024;
    if (place->memory == NULL || place->size <= usual)
        return;
    munmap(place->memory, place->size);
    place->memory = NULL;
    place->size = 0;
}

static bool may_compute(const struct password_gate *gate, const struct argon2_hash *hash)
{
    return argon2_hash_is_bearable(hash) ||
           (hash->memory_kib <= gate->costs.memory_kib && hash->passes <= gate->costs.passes &&
            hash->parallelism <= gate->costs.parallelism);
}

static bool is_weaker(const struct password_gate *gate, const struct argon2_hash *hash)
{
    return hash->type != Argon2_id || hash->version != ARGON2_VERSION_13 ||
           hash->memory_kib < gate->costs.memory_kib || hash->passes < gate->costs.passes ||
           hash->salt.size < SALT_BYTES || hash->hash.size < HASH_BYTES;
}

static enum password_result verify_argon2(struct password_gate *gate, struct place *place,
                                          const char *password, const struct argon2_hash *hash)
{
    uint8_t out[LARGEST_HASH_BYTES];
    bool is_right = compute_argon2(place, password, hash, out) &&
                    bytes_equal_secret((struct bytes){.data = out, .size = hash->hash.size}, hash->hash);
    explicit_bzero(out, sizeof out);
    shrink(gate, place);
    if (!is_right)
        return PASSWORD_WRONG;
    return is_weaker(gate, hash) ? PASSWORD_RIGHT_UPGRADE : PASSWORD_RIGHT;
}

static enum password_result verify_crypt(struct arena *arena, const char *password, const char *hash)
{
    struct crypt_data *data = arena_alloc(arena, sizeof *data);
    /* Not crypt_r: GCC's AddressSanitizer puts itself before it and then calls NULL. */
    const char *made = crypt_rn(password, hash, data, sizeof *data);
    if (!text_equal_secret(made, hash))
        return PASSWORD_WRONG;
    /*
     * bcrypt never saw what stands behind byte 72, so nothing says that it is what the user chose: no new
     * hash of it.
     */
    if (crypt_hash_is_bcrypt(hash) && strlen(password) > BCRYPT_BYTES)
        return PASSWORD_RIGHT;
    return PASSWORD_RIGHT_UPGRADE;
}

/* What a verification costs, for accounts that do not exist. */
static void work_in_vain(struct password_gate *gate, struct place *place, const char *password)
{
    static const uint8_t salt[SALT_BYTES] = "of no account at";
    uint8_t out[HASH_BYTES];
    struct argon2_hash vain = todays(gate, salt, out);
    bool done = compute_argon2(place, password, &vain, out);
    (void)done;
    explicit_bzero(out, sizeof out);
}

enum password_result password_verify(struct password_gate *gate, const char *password, const char *hash)
{
    struct argon2_hash stored;
    enum password_result result = PASSWORD_WRONG;
    struct place *place = enter(gate);
    if (place == NULL)
        return PASSWORD_BUSY;
    struct arena *arena = arena_create();
    if (hash != NULL && argon2_hash_parse(arena, hash, &stored) && may_compute(gate, &stored))
        result = verify_argon2(gate, place, password, &stored);
    else if (hash != NULL && crypt_hash_is_known(hash))
        result = verify_crypt(arena, password, hash);
    else
        work_in_vain(gate, place, password);
    arena_destroy(&arena);
    leave(gate, place);
    return result;
}

bool password_hash_known(const char *hash)
{
    struct argon2_hash parsed;
    struct arena *arena = arena_create();
    bool is_known = (argon2_hash_parse(arena, hash, &parsed) && argon2_hash_is_bearable(&parsed)) ||
                    crypt_hash_is_known(hash);
    arena_destroy(&arena);
    return is_known;
}
