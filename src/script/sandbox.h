/*
 * The walls of a script worker. A process that entered it keeps its memory and its open socketpair, and nothing else: no
 * files, no network, no processes, no new file descriptors, no executable memory. What it tries beyond that kills it.
 */
#ifndef COUNTERSIGN_SCRIPT_SANDBOX_H
#define COUNTERSIGN_SCRIPT_SANDBOX_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct sandbox {
    int fd;              /* the one descriptor that may be read and written */
    size_t memory_bytes; /* of address space beyond what is mapped now */
};

/*
 * Enters it, for good: no new privileges, user, network, mount and IPC namespaces with an empty root where the kernel
 * allows them, rlimits, and last a seccomp allow-list whose violation kills the process. False, with one sentence in
 * *error, where a wall that every kernel has could not be put up; `walls` (of 64 bytes) names the optional ones that stand.
 */
bool sandbox_enter(const struct sandbox *sandbox, char walls[64], const char **error) NODISCARD;

#endif
