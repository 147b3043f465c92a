/*
 * Pages that wait for a second factor: what ten thousand of them cost, and how soon one hears that its login changed. Where a
 * PostgreSQL is given, the change is made by another server than the one that holds the pages.
 */
#include "bench/meter.h"
#include "bench/scenarios.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "session/transaction.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PORT = 19881 /* not of those that the system gives clients */,
    PAGES = 10000,
    AT_ONCE = 100,
    IDLE_S = 30 /* each page has a heartbeat meanwhile */,
    CHANGES = 200,
    PATIENCE_MS = 20000,
    USERS = CHANGES
};

struct pages {
    struct arena *arena;
    const char *browser; /* the cookie's secret, of all */
    const char **states;
    int *sockets;
    int epoll;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* --- the store, past the server --- */

/* As an enrolment ticket opens it: its person is about to enrol. */
static void insert_login(struct db_tx *tx, const char *state, const char *browser, unsigned number)
{
    struct arena *arena = arena_create();
    int64_t now = clock_now_ms();
    const char *doc = arena_printf(arena,
                                   "{\"browser\":\"%s\",\"kind\":\"enrollment\",\"step\":\"mfa\",\"user_id\":"
                                   "\"auth0|%024x\",\"mfa\":{\"started_at\":%lld}}",
                                   token_hash(arena, browser), number % USERS, (long long)now);
    if (db_exec(tx, NULL,
                "INSERT INTO login_transactions (id_hash, doc, version, created_at, expires_at)"
                " VALUES (?, ?, 1, ?, ?)",
                "ttii", token_hash(arena, state), doc, now, now + LOGIN_TRANSACTION_MS) != DB_OK)
        fail("the store refuses the logins");
    arena_destroy(&arena);
}

static void seed_logins(struct pages *pages, const struct server *server)
{
    struct db *db = NULL;
    struct db_tx *tx = NULL;
    const char *error = NULL;
    if (db_open(server_store(pages->arena, server), 1, pages->arena, &db, &error) != DB_OK ||
        db_begin_write(db, &tx) != DB_OK)
        fail("the store does not open");
    for (unsigned i = 0; i < PAGES; i++) {
        pages->states[i] = random_text(pages->arena, RANDOM_ALPHANUMERIC, 32);
        insert_login(tx, pages->states[i], pages->browser, i);
    }
    if (db_commit(&tx) != DB_OK)
        fail("the store refuses the logins");
    db_close(&db);
}

/* --- sockets --- */

static int request(const struct pages *pages, unsigned port, const char *target)
{
    struct arena *arena = arena_create();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *head =
        arena_printf(arena,
                     "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nCookie: countersign-browser=%s\r\n"
                     "Connection: close\r\n\r\n",
                     target, port, pages->browser);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        send(fd, head, strlen(head), MSG_NOSIGNAL) != (ssize_t)strlen(head))
        fail("the server takes no connection");
    arena_destroy(&arena);
    return fd;
}

static void open_page(struct pages *pages, unsigned i)
{
    struct arena *arena = arena_create();
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    pages->sockets[i] =
        request(pages, PORT, arena_printf(arena, "/u/mfa-events?state=%s&version=1", pages->states[i]));
    if (epoll_ctl(pages->epoll, EPOLL_CTL_ADD, pages->sockets[i], &event) != 0)
        fail("epoll");
    arena_destroy(&arena);
}

/* Reads what the next page hears; its number. */
static unsigned hear(struct pages *pages, char *text, size_t size)
{
    struct epoll_event event;
    if (epoll_wait(pages->epoll, &event, 1, PATIENCE_MS) != 1)
        fail("nothing was heard");
    ssize_t got = recv(pages->sockets[event.data.u32], text, size - 1, 0);
    if (got <= 0)
        fail("a page was closed");
    text[got] = '\0';
    return event.data.u32;
}

static void open_pages(struct pages *pages)
{
    char text[4096];
    for (unsigned opened = 0; opened < PAGES;) {
        unsigned end = opened + AT_ONCE < PAGES ? opened + AT_ONCE : PAGES;
        for (unsigned i = opened; i < end; i++)
            open_page(pages, i);
        while (opened < end) {
            (void)!hear(pages, text, sizeof text);
            if (strncmp(text, "HTTP/1.1 200", 12) == 0)
                opened++;
            else if (text[0] != ':')
                fail(text);
        }
    }
}

/* Milliseconds from the request that changes a login, at that server, to the event at the page that waits for it. */
static double change(struct pages *pages, unsigned i, unsigned port)
{
    char text[65536];
    struct arena *arena = arena_create();
    int64_t began = clock_monotonic_ns();
    int fd = request(pages, port, arena_printf(arena, "/u/mfa-otp-enrollment?state=%s", pages->states[i]));
    while (hear(pages, text, sizeof text) != i || strstr(text, "event: change") == NULL)
        continue;
    double ms = (double)(clock_monotonic_ns() - began) / 1e6;
    while (recv(fd, text, sizeof text, 0) > 0)
        continue;
    close(fd);
    close(pages->sockets[i]);
    arena_destroy(&arena);
    return ms;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure_changes(struct pages *pages, unsigned port, const char *name)
{
    double ms[CHANGES];
    static unsigned done;
    for (unsigned i = 0; i < CHANGES; i++)
        ms[i] = change(pages, (done++ * 37) % PAGES, port);
    qsort(ms, CHANGES, sizeof ms[0], compare);
    printf(
        "%-18s p50 %.1f ms, p99 %.1f ms, most %.1f ms from the request that changes it to the page's event\n",
        name, ms[CHANGES / 2], ms[CHANGES * 99 / 100], ms[CHANGES - 1]);
}

static void measure(struct arena *arena, struct server *server)
{
    struct pages pages = {.arena = arena,
                          .browser = random_text(arena, RANDOM_ALPHANUMERIC, 43),
                          .states = arena_calloc(arena, PAGES, sizeof(char *)),
                          .sockets = arena_calloc(arena, PAGES, sizeof(int)),
                          .epoll = epoll_create1(EPOLL_CLOEXEC)};
    seed_logins(&pages, server);
    double before = meter_tree_memory(server->pid);
    open_pages(&pages);
    double after = meter_tree_memory(server->pid);
    double cpu = meter_tree_cpu(server->pid);
    sleep(IDLE_S);
    cpu = (meter_tree_cpu(server->pid) - cpu) / IDLE_S;
    printf("%-18s %.1f MiB more than without them, %.1f MiB in all; idle %.2f %% of a core\n", "10,000 pages",
           after - before, after, cpu * 100);
    measure_changes(&pages, PORT, "change");
    if (server->database != NULL) {
        struct server other = *server;
        server_start(arena, &other, PORT + 1);
        measure_changes(&pages, PORT + 1, "change elsewhere");
        kill(other.pid, SIGTERM);
        waitpid(other.pid, NULL, 0);
    }
    for (unsigned i = 0; i < PAGES; i++)
        close(pages.sockets[i]);
    close(pages.epoll);
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_create();
    struct server server = {.database = argc > 1 ? argv[1] : NULL};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < PAGES + 100 || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("the system allows too few open files (ulimit -Hn)");
    printf("-- pages that wait, on %s\n", server.database != NULL ? "PostgreSQL" : "SQLite");
    server_init(arena, &server, PORT);
    seed_users(arena, &server, 0, USERS);
    server_start(arena, &server, PORT);
    server_management(arena, &server, "PUT", "guardian/factors/otp", "{\"enabled\":true}");
    measure(arena, &server);
    server_stop(&server);
    arena_destroy(&arena);
    return 0;
}
