/*
 * Password hashes: argon2id (RFC 9106) for what is set here; argon2, bcrypt and SHA-crypt for what was
 * imported. Hashing passes a gate as wide as the cores, each place with a kept memory arena; the queue before
 * it is bounded.
 */
#ifndef COUNTERSIGN_CRYPTO_PASSWORD_H
#define COUNTERSIGN_CRYPTO_PASSWORD_H

#include "base/arena.h"
#include "base/bytes.h"

#include <stdint.h>

struct password_gate;

struct password_costs {
    uint32_t memory_kib;  /* 19456 */
    uint32_t passes;      /* 2 */
    uint32_t parallelism; /* 1 */
};

/* `places` hashes run at once, `queue` more may wait. */
struct password_gate *password_gate_create(const struct password_costs *costs, unsigned places,
                                           unsigned queue) NODISCARD;
void password_gate_free(struct password_gate **gate);

/* How many wait for a place now. */
unsigned password_gate_waiting(struct password_gate *gate) NODISCARD;

enum password_result {
    PASSWORD_RIGHT = 0,
    PASSWORD_RIGHT_UPGRADE =
        1, /* right, and the stored hash is older or weaker than today's: store a new one */
    PASSWORD_WRONG = 2,
    PASSWORD_BUSY = 3, /* the queue is full: answer 429 */
};

enum { PASSWORD_MAXIMUM_BYTES = 4096 /* what an entry that sets a password accepts */ };

/* The hash of `password` in PHC form into *hash; false where the gate is full. */
bool password_hash(struct password_gate *gate, struct arena *arena, const char *password,
                   char **hash) NODISCARD;

/*
 * Compares; `hash` NULL (unknown user) does the same work and answers PASSWORD_WRONG. bcrypt sees 72 bytes of
 * a password; where more were given, nothing says that the rest is right, and PASSWORD_RIGHT_UPGRADE is not
 * answered.
 */
enum password_result password_verify(struct password_gate *gate, const char *password,
                                     const char *hash) NODISCARD;

/* Whether `hash` is of a form, and of costs, that password_verify takes (imports). */
bool password_hash_known(const char *hash) NODISCARD;

#endif
