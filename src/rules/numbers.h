/*
 * Exact numbers across JavaScript. A rule's numbers are doubles: 9007199254740993 in a user's metadata would come back as
 * 9007199254740992 from a rule that never looked at it. What a double can not hold is noted before the rules run and put
 * back afterwards, wherever the number turns up again (known-faults C4).
 */
#ifndef COUNTERSIGN_RULES_NUMBERS_H
#define COUNTERSIGN_RULES_NUMBERS_H

#include "json/json.h"

struct exact_numbers;

/* The numbers in `value` that change as doubles; NULL where there are none (nearly always). Borrows `value`. */
const struct exact_numbers *exact_numbers_in(struct arena *arena, yyjson_val *value) NODISCARD;

/*
 * Puts them back into `value`, in place. Where several of them look the same as doubles they are taken in the order of
 * their first appearance. `numbers` may be NULL.
 */
void exact_numbers_restore(const struct exact_numbers *numbers, struct arena *arena, yyjson_val *value);

#endif
