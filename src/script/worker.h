/* The other side of script/pool.h: what `countersign script-worker` runs. */
#ifndef COUNTERSIGN_SCRIPT_WORKER_H
#define COUNTERSIGN_SCRIPT_WORKER_H

/*
 * Serves jobs over the socketpair at file descriptor 3 until it closes; returns the exit status. Closes itself into the
 * sandbox before the first job.
 */
int script_worker_main(void);

#endif
