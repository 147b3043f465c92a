/* The walls of a script worker: what a process may still do behind them, and what kills it. */
#include "script/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_ENTERED = 99 };

/* Runs `act` in a child behind the walls, with the socketpair's other end in `peer`; its wait status. */
static int behind_walls(void (*act)(int fd))
{
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(sockets[1], 3);
        char walls[64];
        const char *error = NULL;
        if (!sandbox_enter(&(struct sandbox){.fd = 3, .memory_bytes = (size_t)64 << 20}, walls, &error))
            _exit(NOT_ENTERED);
        act(3);
        _exit(0);
    }
    close(sockets[1]);
    assert_int_equal(write(sockets[0], "ping", 4), 4);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(sockets[0]);
    return status;
}

static void talk(int fd)
{
    char buffer[4];
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, 1000) != 1 || read(fd, buffer, 4) != 4 || write(fd, buffer, 4) != 4)
        _exit(1);
    void *memory = malloc(1 << 20);
    if (memory == NULL)
        _exit(2);
    free(memory);
}

static void talking_and_allocating_go_on(void **state)
{
    (void)state;
    int status = behind_walls(talk);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_a_file(int fd)
{
    (void)fd;
    (void)!open("/etc/passwd", O_RDONLY);
}
static void open_by_number(int fd)
{
    (void)fd;
    syscall(SYS_openat, AT_FDCWD, ".", O_RDONLY);
}
static void make_a_socket(int fd)
{
    (void)fd;
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}
static void connect_out(int fd)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
    (void)!connect(fd, (struct sockaddr *)&to, sizeof to);
}
static void run_a_program(int fd)
{
    (void)fd;
    execl("/bin/true", "true", (char *)NULL);
}
static void make_a_process(int fd)
{
    (void)fd;
    (void)!fork();
}
static void signal_the_parent(int fd)
{
    (void)fd;
    kill(getppid(), 0);
}
static void trace(int fd)
{
    (void)fd;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static void map_code(int fd)
{
    (void)fd;
    (void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void make_code_of_data(int fd)
{
    (void)fd;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
}
static void write_elsewhere(int fd)
{
    (void)fd;
    (void)!write(2, "x", 1);
}
static void read_elsewhere(int fd)
{
    char c;
    (void)fd;
    (void)!read(0, &c, 1);
}
static void copy_a_descriptor(int fd)
{
    (void)!dup(fd);
}
static void take_a_descriptor(int fd)
{
    struct msghdr message = {.msg_iov = NULL};
    (void)!recvmsg(fd, &message, MSG_DONTWAIT);
}
static void leave_the_root(int fd)
{
    (void)fd;
    (void)!chdir("/");
}
static void change_user(int fd)
{
    (void)fd;
    (void)!setuid(0);
}
static void load_a_filter(int fd)
{
    (void)fd;
    syscall(SYS_seccomp, 0, 0, NULL);
}

static void all_else_kills(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*act)(int fd);
    } acts[] = {
        {"open", open_a_file},
        {"openat", open_by_number},
        {"socket", make_a_socket},
        {"connect", connect_out},
        {"execve", run_a_program},
        {"fork", make_a_process},
        {"kill", signal_the_parent},
        {"ptrace", trace},
        {"mmap of code", map_code},
        {"mprotect to code", make_code_of_data},
        {"write elsewhere", write_elsewhere},
        {"read elsewhere", read_elsewhere},
        {"dup", copy_a_descriptor},
        {"recvmsg", take_a_descriptor},
        {"chdir", leave_the_root},
        {"setuid", change_user},
        {"seccomp", load_a_filter},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) {
        int status = behind_walls(acts[i].act);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            print_error("%s: status %x\n", acts[i].name, (unsigned)status);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

static void eat_memory(int fd)
{
    (void)fd;
    for (size_t eaten = 0; eaten < (size_t)256 << 20; eaten += 1 << 20)
        if (malloc(1 << 20) == NULL)
            _exit(7);
}

static void address_space_ends(void **state)
{
    (void)state;
    int status = behind_walls(eat_memory);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* A sanitizer's runtime needs calls and memory that the release's walls forbid: this is the release's test. */
    (void)all_else_kills;
    (void)address_space_ends;
    const struct CMUnitTest tests[] = {cmocka_unit_test(talking_and_allocating_go_on)};
#else
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talking_and_allocating_go_on),
        cmocka_unit_test(all_else_kills),
        cmocka_unit_test(address_space_ends),
    };
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
