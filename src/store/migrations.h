/* The migrations, built into the binary from migrations/NNN_name.sql, in order. For src/store alone. */
#ifndef COUNTERSIGN_STORE_MIGRATIONS_H
#define COUNTERSIGN_STORE_MIGRATIONS_H

#include <stddef.h>
#include <stdint.h>

struct migration {
    int64_t version; /* from 1, without gaps */
    const char *name;
    const char *sql;
};

extern const struct migration migrations[];
extern const size_t migrations_count;

#endif
