/*
 * Time, as a seam: everything in Countersign that asks for the time asks here, so that a test moves the clock instead of
 * sleeping (`--dev` serves POST /dev/clock for it).
 */
#ifndef COUNTERSIGN_BASE_CLOCK_H
#define COUNTERSIGN_BASE_CLOCK_H

#include "base/arena.h"

#include <stdint.h>

/* Milliseconds, and seconds, since 1970-01-01T00:00:00Z, moved by clock_advance. */
int64_t clock_now_ms(void) NODISCARD;
int64_t clock_now(void) NODISCARD;

/* Nanoseconds that never go back and that clock_advance does not touch; for measuring and deadlines. */
int64_t clock_monotonic_ns(void) NODISCARD;

/* Moves the wall clock of this process by `ms` from now on (may be negative). For tests. */
void clock_advance(int64_t ms);

/* `ms` as Auth0 writes times: "2026-01-02T03:04:05.678Z". */
const char *clock_iso8601(struct arena *arena, int64_t ms) NODISCARD;

#endif
