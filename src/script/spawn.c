/* Bringing a worker process up, and down. */
#include "script/slot.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_MS = 20000,
    WORKER_SOCKET = 3,
    WORKER_PROGRESS = 4,
    ENVIRONMENT_MOST = 8,
    CROWD_BYTES = 256 * 1024 * 1024,
};

/* A worker inherits no environment (it may hold keys) but what sanitizers and the loader of a test build need. */
static void worker_environment(char *environment[ENVIRONMENT_MOST])
{
    static const char *const kept[] = {
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LD_LIBRARY_PATH="};
    size_t count = 0;
    for (char **entry = environ; *entry != NULL; entry++)
        for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
            if (strncmp(*entry, kept[i], strlen(kept[i])) == 0 && count < ENVIRONMENT_MOST - 1)
                environment[count++] = *entry;
    environment[count] = NULL;
}

static int spawn(const char *executable, int socket_fd, int progress_fd, pid_t *pid)
{
    char *environment[ENVIRONMENT_MOST];
    worker_environment(environment);
    char *const arguments[] = {(char *)executable, (char *)"script-worker", NULL};

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A process group of its own: Ctrl-C goes to the server, which ends its logins first. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    /* Both are above 9 (slot_start sees to it), so that neither dup2 overwrites the other's source. */
    int failure = posix_spawn_file_actions_adddup2(&actions, socket_fd, WORKER_SOCKET);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(&actions, progress_fd, WORKER_PROGRESS);
    if (failure == 0)
        failure = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    if (failure == 0)
        failure = posix_spawn_file_actions_adddup2(&actions, 0, 1);
    if (failure == 0)
        failure = posix_spawn(pid, executable, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Moves a descriptor above 9, close-on-exec; -1 where that fails (the old one is closed then). */
static int move_up(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    close(fd);
    return moved;
}

static bool send_setup(const struct slot *slot, const struct script_pool_config *config)
{
    uint8_t message[FRAME_HEADER_BYTES + sizeof(struct frame_setup)];
    /* Room for one job that takes all it may, for another, and for a crowd of small ones. */
    struct frame_setup setup = {.job_bytes = config->memory_bytes,
                                .worker_bytes = 2 * config->memory_bytes + CROWD_BYTES};
    frame_write_header(message, &(struct frame){.type = FRAME_SETUP, .size = sizeof setup});
    memcpy(message + FRAME_HEADER_BYTES, &setup, sizeof setup);
    return send(slot->fd, message, sizeof message, MSG_NOSIGNAL) == (ssize_t)sizeof message;
}

static bool await_ready(struct slot *slot)
{
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)START_MS * 1000000;
    struct frame frame;
    for (;;) {
        enum frame_fault fault = frame_reader_next(&slot->reader, FRAME_FROM_STARTING, &frame);
        if (fault == FRAME_FINE)
            return true;
        if (fault != FRAME_MORE)
            return false;
        int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / 1000000;
        struct pollfd poll_fd = {.fd = slot->fd, .events = POLLIN};
        if (left_ms <= 0)
            return false;
        int ready = poll(&poll_fd, 1, (int)left_ms);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        fault = frame_reader_fill(&slot->reader, slot->fd);
        if (fault != FRAME_FINE && fault != FRAME_AGAIN)
            return false;
    }
}

static bool start_process(struct slot *slot, const struct script_pool_config *config, int worker_fd,
                          int progress_fd, char error[160])
{
    void *page = mmap(NULL, sizeof(struct progress), PROT_READ | PROT_WRITE, MAP_SHARED, progress_fd, 0);
    if (page == MAP_FAILED) {
        snprintf(error, 160, "a script worker's memory could not be mapped");
        return false;
    }
    slot->progress = page;
    int failure = spawn(config->executable, worker_fd, progress_fd, &slot->pid);
    if (failure != 0) {
        slot->pid = 0;
        snprintf(error, 160, "a script worker could not be started: %s", strerror(failure));
        return false;
    }
    return true;
}

bool slot_start(struct slot *slot, const struct script_pool_config *config, char error[160])
{
    int sockets[2];
    slot->fd = -1;
    slot->pid = 0;
    slot->progress = NULL;
    slot->source_count = 0;
    slot->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (slot->wake < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        snprintf(error, 160, "a script worker's socket could not be made: %s", strerror(errno));
        slot_end(slot);
        return false;
    }
    slot->fd = sockets[0];
    int worker_fd = move_up(sockets[1]);
    int progress_fd = memfd_create("progress", MFD_CLOEXEC);
    if (progress_fd >= 0)
        progress_fd = move_up(progress_fd);
    bool fine = worker_fd >= 0 && progress_fd >= 0 &&
                ftruncate(progress_fd, (off_t)sizeof(struct progress)) == 0 &&
                fcntl(slot->fd, F_SETFL, O_NONBLOCK) == 0;
    if (!fine)
        snprintf(error, 160, "a script worker's descriptors could not be made: %s", strerror(errno));
    fine = fine && start_process(slot, config, worker_fd, progress_fd, error);
    if (worker_fd >= 0)
        close(worker_fd);
    if (progress_fd >= 0)
        close(progress_fd);
    if (fine && (!send_setup(slot, config) || clock_getcpuclockid(slot->pid, &slot->cpu_clock) != 0 ||
                 !await_ready(slot))) {
        snprintf(error, 160, "a script worker (%.100s script-worker) does not come up", config->executable);
        fine = false;
    }
    if (!fine)
        slot_end(slot);
    return fine;
}

void slot_end(struct slot *slot)
{
    if (slot->pid > 0) {
        kill(slot->pid, SIGKILL);
        while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (slot->fd >= 0)
        close(slot->fd);
    if (slot->wake >= 0)
        close(slot->wake);
    if (slot->progress != NULL)
        munmap(slot->progress, sizeof(struct progress));
    frame_reader_free(&slot->reader);
    if (slot->outbox.data != NULL)
        explicit_bzero(slot->outbox.data, slot->outbox.size);
    free(slot->outbox.data);
    slot->outbox = (struct outbox){.data = NULL};
    slot->pid = 0;
    slot->fd = slot->wake = -1;
    slot->progress = NULL;
    slot->source_count = 0;
}
