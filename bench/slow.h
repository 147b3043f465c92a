/* An HTTP server that takes its time: every request is answered so many milliseconds after it came. */
#ifndef COUNTERSIGN_BENCH_SLOW_H
#define COUNTERSIGN_BENCH_SLOW_H

struct slow_target;

struct slow_target *slow_target_start(unsigned milliseconds);
unsigned slow_target_port(const struct slow_target *target);
/* Requests that wait for their answer now. */
unsigned slow_target_waiting(const struct slow_target *target);
/* No request may be under way. Sets *target to NULL. */
void slow_target_stop(struct slow_target **target);

#endif
