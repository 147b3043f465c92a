#include "bench/meter.h"
#include "bench/scenarios.h"

#include <stdio.h>

void bench_footprint(struct arena *arena, const struct server *server, unsigned users)
{
    (void)arena;
    printf("memory             %.1f MiB with its workers (%u users)\n", meter_tree_memory(server->pid),
           users);
}
