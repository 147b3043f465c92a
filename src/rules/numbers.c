#include "rules/numbers.h"

#include <math.h>
#include <stdlib.h>

enum { NUMBERS_MOST = 1000 };

struct exact_numbers {
    yyjson_val **items; /* in document order */
    double *doubles;    /* what each is in JavaScript */
    size_t count;
};

static bool is_whole(yyjson_val *value)
{
    return yyjson_is_int(value) || yyjson_is_raw(value);
}

static double as_double(yyjson_val *value)
{
    if (yyjson_is_raw(value))
        return strtod(yyjson_get_raw(value), NULL);
    if (yyjson_is_uint(value))
        return (double)yyjson_get_uint(value);
    return yyjson_is_sint(value) ? (double)yyjson_get_sint(value) : yyjson_get_real(value);
}

static bool is_beyond_doubles(yyjson_val *value)
{
    return (is_whole(value) || yyjson_is_real(value)) && fabs(as_double(value)) >= 9007199254740992.0;
}

/* The values of a document lie one behind the other, so that walking them needs no recursion. */
static yyjson_val *end_of(yyjson_val *value)
{
    return unsafe_yyjson_get_next(value);
}

const struct exact_numbers *exact_numbers_in(struct arena *arena, yyjson_val *value)
{
    size_t count = 0;
    for (yyjson_val *at = value; at != NULL && at < end_of(value); at++)
        count += is_whole(at) && is_beyond_doubles(at);
    if (count == 0)
        return NULL;
    if (count > NUMBERS_MOST)
        count = NUMBERS_MOST;
    struct exact_numbers *numbers = arena_alloc(arena, sizeof *numbers);
    numbers->items = arena_calloc(arena, count, sizeof *numbers->items);
    numbers->doubles = arena_calloc(arena, count, sizeof *numbers->doubles);
    for (yyjson_val *at = value; at < end_of(value) && numbers->count < count; at++) {
        if (is_whole(at) && is_beyond_doubles(at)) {
            numbers->items[numbers->count] = at;
            numbers->doubles[numbers->count++] = as_double(at);
        }
    }
    return numbers;
}

/* The item for a double: the first that looks like it and was not taken, else the last that was. */
static yyjson_val *item_for(const struct exact_numbers *numbers, bool *taken, double number)
{
    yyjson_val *found = NULL;
    for (size_t i = 0; i < numbers->count; i++) {
        if (numbers->doubles[i] != number)
            continue;
        found = numbers->items[i];
        if (!taken[i]) {
            taken[i] = true;
            break;
        }
    }
    return found;
}

void exact_numbers_restore(const struct exact_numbers *numbers, struct arena *arena, yyjson_val *value)
{
    if (numbers == NULL || value == NULL)
        return;
    bool *taken = arena_calloc(arena, numbers->count, sizeof *taken);
    for (yyjson_val *at = value; at < end_of(value); at++) {
        if (!is_beyond_doubles(at))
            continue;
        yyjson_val *exact = item_for(numbers, taken, as_double(at));
        if (exact != NULL) {
            at->tag = exact->tag;
            at->uni = exact->uni;
        }
    }
}
