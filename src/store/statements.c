#include "store/statements.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, MOST_STATEMENTS = 1024 };

static size_t place_of(const char *address, size_t capacity)
{
    uint64_t bits = (uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(bits >> 32) & (capacity - 1);
}

static struct statement *slot_for(struct statement *slots, size_t capacity, const char *address,
                                  const char *sql)
{
    size_t i = place_of(address, capacity);
    while (slots[i].sql != NULL && (slots[i].address != address || strcmp(slots[i].sql, sql) != 0))
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static void grow(struct statements *statements)
{
    size_t capacity = statements->capacity == 0 ? FIRST_CAPACITY : statements->capacity * 2;
    struct statement *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        abort();
    for (size_t i = 0; i < statements->capacity; i++) {
        struct statement *old = &statements->slots[i];
        if (old->sql != NULL)
            *slot_for(slots, capacity, old->address, old->sql) = *old;
    }
    free(statements->slots);
    statements->slots = slots;
    statements->capacity = capacity;
}

struct statement *statements_entry(struct statements *statements, const char *sql)
{
    if (statements->count * 2 >= statements->capacity)
        grow(statements);
    struct statement *slot = slot_for(statements->slots, statements->capacity, sql, sql);
    if (slot->sql != NULL)
        return slot;
    if (statements->count == MOST_STATEMENTS)
        return NULL;
    char *copy = strdup(sql);
    if (copy == NULL)
        abort();
    *slot = (struct statement){.address = sql, .sql = copy};
    statements->count++;
    return slot;
}

void statements_clear(struct statements *statements, void (*drop)(void *prepared))
{
    for (size_t i = 0; i < statements->capacity; i++) {
        struct statement *slot = &statements->slots[i];
        if (slot->prepared != NULL && drop != NULL)
            drop(slot->prepared);
        free(slot->sql);
    }
    free(statements->slots);
    *statements = (struct statements){0};
}
