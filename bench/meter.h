/* CPU time: of this process, and of a server with all its children. */
#ifndef COUNTERSIGN_BENCH_METER_H
#define COUNTERSIGN_BENCH_METER_H

#include <sys/types.h>

/* CPU seconds of the calling thread so far. */
double meter_thread_cpu(void);

/* CPU seconds so far of the process and of all its living descendants, from /proc; ended children count where
 * the parent has waited for them. */
double meter_tree_cpu(pid_t root);

/* Resident memory of the process and its descendants, in MiB, pages shared between them counted once (PSS).
 */
double meter_tree_memory(pid_t root);
/* The same of one process. */
double meter_memory(pid_t pid);

#endif
