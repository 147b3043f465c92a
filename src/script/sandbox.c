#include "script/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

/* An empty, read-only root in a mount namespace of its own. */
static bool enter_empty_root(void)
{
    if (unshare(CLONE_NEWNS) != 0)
        return false;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    if (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=4k,mode=0555") !=
        0)
        return false;
    return chroot("/tmp") == 0 && chdir("/") == 0;
}

/* Walls that containers and hardened kernels may refuse; the seccomp filter stands without them. */
static void enter_namespaces(char walls[64])
{
    bool user = unshare(CLONE_NEWUSER) == 0;
    bool network = unshare(CLONE_NEWNET) == 0;
    bool ipc = unshare(CLONE_NEWIPC) == 0;
    bool root = enter_empty_root();
    snprintf(walls, 64, "seccomp%s%s%s%s", user ? " user" : "", network ? " network" : "", ipc ? " ipc" : "",
             root ? " root" : "");
}

static size_t address_space_now(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    if (file == NULL)
        return 0;
    bool is_read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return is_read ? (size_t)strtoul(line, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static bool limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit both = {.rlim_cur = most, .rlim_max = most};
    return setrlimit(resource, &both) == 0;
}

static bool set_limits(const struct sandbox *sandbox, size_t mapped)
{
    bool fine = limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_CORE, 0) &&
                limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0) &&
                limit(RLIMIT_NOFILE, (rlim_t)sandbox->fd + 1);
    /* A sanitizer's shadow memory takes terabytes of address space. */
    if (!IS_SANITIZED && mapped > 0)
        fine = fine && limit(RLIMIT_AS, mapped + sandbox->memory_bytes);
    return fine;
}

static const int plain_calls[] = {
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(exit_group),
    SCMP_SYS(exit),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    /* OpenSSL's random numbers ask whether they were forked: */ SCMP_SYS(getpid),
};

/* What a sanitizer's own code calls; builds for release have none of it. */
static const int sanitizer_calls[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(gettid),
    SCMP_SYS(getpid),      SCMP_SYS(sched_yield),  SCMP_SYS(mprotect),       SCMP_SYS(mmap),
    SCMP_SYS(tgkill),      SCMP_SYS(prctl),        SCMP_SYS(readlink),       SCMP_SYS(close),
    SCMP_SYS(nanosleep),   SCMP_SYS(getppid),
};

static bool allow_list(scmp_filter_ctx filter, const struct sandbox *sandbox)
{
    for (size_t i = 0; i < ARRAY_LENGTH(plain_calls); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0) != 0)
            return false;
    for (size_t i = 0; IS_SANITIZED && i < ARRAY_LENGTH(sanitizer_calls); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, sanitizer_calls[i], 0) != 0)
            return false;
    scmp_datum_t fd = (scmp_datum_t)sandbox->fd;
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, SCMP_A0(SCMP_CMP_EQ, fd, 0)) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, fd, 0)) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1, SCMP_A0(SCMP_CMP_EQ, fd, 0)) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(poll), 1, SCMP_A1(SCMP_CMP_EQ, 1, 0)) != 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ppoll), 1, SCMP_A1(SCMP_CMP_EQ, 1, 0)) != 0)
        return false;
    if (IS_SANITIZED)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 2, 0)) == 0;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

static bool close_filter(const struct sandbox *sandbox)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return false;
    bool fine = allow_list(filter, sandbox) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return fine;
}

bool sandbox_enter(const struct sandbox *sandbox, char walls[64], const char **error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        *error = "the kernel does not take no-new-privileges";
        return false;
    }
    size_t mapped = address_space_now();
    enter_namespaces(walls);
    if (close_range((unsigned)sandbox->fd + 1, ~0U, 0) != 0 && errno != ENOSYS) {
        *error = "open files could not be closed";
        return false;
    }
    if (!set_limits(sandbox, mapped)) {
        *error = "resource limits could not be set";
        return false;
    }
    if (!close_filter(sandbox)) {
        *error = "the system-call filter could not be loaded";
        return false;
    }
    return true;
}
