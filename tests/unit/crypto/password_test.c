#include "crypto/password.h"

#include "crypto/password_encoding.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

static const struct password_costs small = {.memory_kib = 256, .passes = 2, .parallelism = 1};

static struct arena *arena;
static struct password_gate *gate;

static int enter(void **state)
{
    (void)state;
    arena = arena_create();
    gate = password_gate_create(&small, 2, 8);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    password_gate_free(&gate);
    arena_destroy(&arena);
    return 0;
}

static char *hash_of(const char *password)
{
    char *hash = NULL;
    assert_true(password_hash(gate, arena, password, &hash));
    return hash;
}

/* RFC 9106 section 5.3; four lanes by one thread, as the gate computes them. */
static void argon2id_gives_the_vector_of_rfc_9106(void **state)
{
    static const uint8_t tag[32] = {0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37,
                                    0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75,
                                    0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59};
    uint8_t out[32], password[32], salt[16], secret[8], data[12];
    (void)state;
    memset(password, 1, sizeof password);
    memset(salt, 2, sizeof salt);
    memset(secret, 3, sizeof secret);
    memset(data, 4, sizeof data);
    argon2_context context = {.out = out,
                              .outlen = 32,
                              .pwd = password,
                              .pwdlen = 32,
                              .salt = salt,
                              .saltlen = 16,
                              .secret = secret,
                              .secretlen = 8,
                              .ad = data,
                              .adlen = 12,
                              .t_cost = 3,
                              .m_cost = 32,
                              .lanes = 4,
                              .threads = 1,
                              .version = ARGON2_VERSION_13};
    assert_int_equal(argon2_ctx(&context, Argon2_id), ARGON2_OK);
    assert_memory_equal(out, tag, sizeof tag);
}

static uint8_t kept_memory[64 * 1024];

static int lend(uint8_t **memory, size_t size)
{
    *memory = kept_memory;
    return size <= sizeof kept_memory ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

static void take_back(uint8_t *memory, size_t size)
{
    (void)memory;
    (void)size;
}

/* The gate's places keep their memory from one user to the next. */
static void the_library_wipes_the_memory_that_it_was_lent(void **state)
{
    uint8_t out[32];
    char password[] = "secret";
    char salt[] = "sixteen bytes...";
    argon2_context context = {.out = out,
                              .outlen = 32,
                              .pwd = (uint8_t *)password,
                              .pwdlen = 6,
                              .salt = (uint8_t *)salt,
                              .saltlen = 16,
                              .t_cost = 2,
                              .m_cost = 64,
                              .lanes = 1,
                              .threads = 1,
                              .version = ARGON2_VERSION_13,
                              .allocate_cbk = lend,
                              .free_cbk = take_back};
    (void)state;
    memset(kept_memory, 0xaa, sizeof kept_memory);
    assert_int_equal(argon2_ctx(&context, Argon2_id), ARGON2_OK);
    for (size_t i = 0; i < sizeof kept_memory; i++)
        assert_int_equal(kept_memory[i], 0);
}

/* The vectors of the reference implementation. */
static void hashes_of_other_programs_are_verified(void **state)
{
    static const char *const hashes[] = {
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++) {
        assert_true(password_hash_known(hashes[i]));
        /* Its salt has eight bytes only, so a new one is wanted. */
        assert_int_equal(password_verify(gate, "password", hashes[i]), PASSWORD_RIGHT_UPGRADE);
        assert_int_equal(password_verify(gate, "Password", hashes[i]), PASSWORD_WRONG);
    }
}

/* The vectors of crypt_blowfish; SHA-crypt as `openssl passwd` computes it. */
static void imported_crypt_hashes_are_verified_and_replaced(void **state)
{
    static const struct {
        const char *hash;
        const char *password;
    } vectors[] = {
        {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
        {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
        {"$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
        {"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
        {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
         "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
         "Hello world!"},
        {"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        assert_true(password_hash_known(vectors[i].hash));
        assert_int_equal(password_verify(gate, vectors[i].password, vectors[i].hash), PASSWORD_RIGHT_UPGRADE);
        assert_int_equal(password_verify(gate, "x", vectors[i].hash), PASSWORD_WRONG);
    }
}

#define SEVENTY_TWO "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Known-faults A14. */
static void every_byte_of_a_password_counts(void **state)
{
    static const char three_byte_letters[] = "€€€€€€€€€€€€€€€€€€€€€€€€";
    (void)state;
    assert_int_equal(strlen(SEVENTY_TWO), 72);
    assert_int_equal(strlen(three_byte_letters), 72);
    char *hash = hash_of(SEVENTY_TWO "a");
    assert_int_equal(password_verify(gate, SEVENTY_TWO "a", hash), PASSWORD_RIGHT);
    assert_int_equal(password_verify(gate, SEVENTY_TWO "b", hash), PASSWORD_WRONG);
    assert_int_equal(password_verify(gate, SEVENTY_TWO, hash), PASSWORD_WRONG);
    hash = hash_of(arena_printf(arena, "%s€", three_byte_letters));
    assert_int_equal(password_verify(gate, three_byte_letters, hash), PASSWORD_WRONG);
    char *longest = arena_alloc(arena, PASSWORD_MAXIMUM_BYTES + 1);
    memset(longest, 'p', PASSWORD_MAXIMUM_BYTES);
    hash = hash_of(longest);
    assert_int_equal(password_verify(gate, longest, hash), PASSWORD_RIGHT);
    longest[PASSWORD_MAXIMUM_BYTES - 1] = 'q';
    assert_int_equal(password_verify(gate, longest, hash), PASSWORD_WRONG);
}

/* Known-faults A14: what bcrypt never saw is not made part of the account's password. */
static void a_long_password_of_an_imported_hash_stays_as_it_was(void **state)
{
    static const char hash[] = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    (void)state;
    assert_int_equal(password_verify(gate, SEVENTY_TWO "chars after 72 are ignored", hash), PASSWORD_RIGHT);
    assert_int_equal(password_verify(gate, SEVENTY_TWO, hash), PASSWORD_RIGHT_UPGRADE);
}

static void a_hash_is_argon2id_with_a_salt_of_its_own(void **state)
{
    (void)state;
    char *first = hash_of("secret");
    char *second = hash_of("secret");
    assert_string_not_equal(first, second);
    assert_memory_equal(first, "$argon2id$v=19$m=256,t=2,p=1$", 29);
    assert_int_equal(password_verify(gate, "secret", first), PASSWORD_RIGHT);
    assert_int_equal(password_verify(gate, "Secret", first), PASSWORD_WRONG);
    assert_int_equal(password_verify(gate, "", first), PASSWORD_WRONG);
}

static void a_hash_weaker_than_today_s_costs_is_to_be_replaced(void **state)
{
    static const struct password_costs more = {.memory_kib = 512, .passes = 2, .parallelism = 1};
    static const struct password_costs less = {.memory_kib = 128, .passes = 1, .parallelism = 1};
    (void)state;
    char *hash = hash_of("secret");
    struct password_gate *stronger = password_gate_create(&more, 1, 0);
    struct password_gate *weaker = password_gate_create(&less, 1, 0);
    assert_int_equal(password_verify(stronger, "secret", hash), PASSWORD_RIGHT_UPGRADE);
    assert_int_equal(password_verify(stronger, "wrong", hash), PASSWORD_WRONG);
    assert_int_equal(password_verify(weaker, "secret", hash), PASSWORD_RIGHT);
    password_gate_free(&stronger);
    password_gate_free(&weaker);
}

static void unknown_users_and_broken_hashes_are_wrong(void **state)
{
    static const char *const broken[] = {
        "",
        "secret",
        "$argon2id$",
        "$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPP",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc$",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$CTFhFdXP",
        "$argon2id$v=19$m=256,t=2,p=1$c29t$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=99999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=0256,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/"
        "O817G3uBnIFNjnJQJuesI68OTLiBFdcFYEdF"
        "CoEOfaS35inz1",
        "*0",
    };
    (void)state;
    assert_int_equal(password_verify(gate, "password", NULL), PASSWORD_WRONG);
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++) {
        if (password_hash_known(broken[i]))
            fail_msg("known: %s", broken[i]);
        assert_int_equal(password_verify(gate, "password", broken[i]), PASSWORD_WRONG);
    }
    assert_false(password_hash_known(""));
}

enum { CLIENTS = 24 };

struct crowd {
    struct password_gate *gate;
    _Atomic unsigned right;
    _Atomic unsigned busy;
    char *hash;
    pthread_barrier_t start;
};

static void *verify_many(void *argument)
{
    struct crowd *crowd = argument;
    pthread_barrier_wait(&crowd->start);
    for (int i = 0; i < 4; i++) {
        enum password_result result = password_verify(crowd->gate, "secret", crowd->hash);
        atomic_fetch_add(result == PASSWORD_BUSY ? &crowd->busy : &crowd->right, 1);
        if (result != PASSWORD_BUSY && result != PASSWORD_RIGHT)
            atomic_store(&crowd->right, 1000);
    }
    return NULL;
}

static void run_crowd(struct crowd *crowd)
{
    pthread_t threads[CLIENTS];
    crowd->hash = hash_of("secret");
    pthread_barrier_init(&crowd->start, NULL, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, verify_many, crowd);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&crowd->start);
}

static void a_crowd_within_the_queue_is_served(void **state)
{
    (void)state;
    struct crowd crowd = {.gate = password_gate_create(&small, 2, CLIENTS)};
    run_crowd(&crowd);
    assert_int_equal(crowd.right, CLIENTS * 4);
    assert_int_equal(crowd.busy, 0);
    assert_int_equal(password_gate_waiting(crowd.gate), 0);
    password_gate_free(&crowd.gate);
}

static void a_crowd_past_the_queue_is_told_at_once(void **state)
{
    static const struct password_costs slow = {.memory_kib = 4096, .passes = 4, .parallelism = 1};
    (void)state;
    struct crowd crowd = {.gate = password_gate_create(&slow, 1, 2)};
    password_gate_free(&gate);
    gate = password_gate_create(&slow, 1, 2);
    run_crowd(&crowd);
    assert_true(crowd.busy > 0);
    assert_true(crowd.right > 0);
    assert_int_equal(crowd.right + crowd.busy, CLIENTS * 4);
    password_gate_free(&crowd.gate);
}

int main(void)
{
#define GATED(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        GATED(argon2id_gives_the_vector_of_rfc_9106),
        cmocka_unit_test(the_library_wipes_the_memory_that_it_was_lent),
        GATED(hashes_of_other_programs_are_verified),
        GATED(imported_crypt_hashes_are_verified_and_replaced),
        GATED(every_byte_of_a_password_counts),
        GATED(a_long_password_of_an_imported_hash_stays_as_it_was),
        GATED(a_hash_is_argon2id_with_a_salt_of_its_own),
        GATED(a_hash_weaker_than_today_s_costs_is_to_be_replaced),
        GATED(unknown_users_and_broken_hashes_are_wrong),
        GATED(a_crowd_within_the_queue_is_served),
        GATED(a_crowd_past_the_queue_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
