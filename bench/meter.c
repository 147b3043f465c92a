#include "bench/meter.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double meter_thread_cpu(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

/* Adds `of(pid)` over the tree below `root`. */
static double sum_tree(pid_t root, double (*of)(pid_t pid))
{
    double total = of(root);
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return total;
    for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0)
            continue;
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        char line[1024] = "";
        int parent = 0;
        if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')') != NULL)
            sscanf(strrchr(line, ')'), ") %*c %d", &parent);
        fclose(file);
        if (parent == root)
            total += sum_tree(pid, of);
    }
    closedir(proc);
    return total;
}

static double cpu_of(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    char line[1024] = "";
    unsigned long user = 0;
    unsigned long system = 0;
    long waited_user = 0;
    long waited_system = 0;
    if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')') != NULL)
        sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &user,
               &system, &waited_user, &waited_system);
    fclose(file);
    return (double)(user + system + (unsigned long)(waited_user + waited_system)) /
           (double)sysconf(_SC_CLK_TCK);
}

double meter_memory(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    long kib = 0;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Pss: %ld", &kib) == 1)
            break;
    fclose(file);
    return (double)kib / 1024;
}

double meter_tree_cpu(pid_t root)
{
    return sum_tree(root, cpu_of);
}

double meter_tree_memory(pid_t root)
{
    return sum_tree(root, meter_memory);
}
