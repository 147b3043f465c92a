/* push_peer.mjs as a child: a service written in another language, which checks signatures by libraries of its own. */
#ifndef COUNTERSIGN_TESTS_NOTIFY_NODE_PEER_H
#define COUNTERSIGN_TESTS_NOTIFY_NODE_PEER_H

#include "json/json.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct node_peer {
    pid_t child;
    int input; /* closed, it ends */
    FILE *lines;
    int64_t port;
};

/* The next request that it had. */
static yyjson_val *node_peer_heard(struct node_peer *peer, struct arena *arena)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, peer->lines);
    assert_true(length > 0);
    yyjson_val *value = json_parse_own(arena, arena_strndup(arena, line, (size_t)length));
    free(line);
    assert_non_null(value);
    return value;
}

static void node_peer_start(struct node_peer *peer, struct arena *arena, const char *const *options)
{
    int input[2], output[2];
    const char *source = getenv("COUNTERSIGN_SOURCE");
    const char *script =
        arena_printf(arena, "%s/tests/unit/notify/push_peer.mjs", source != NULL ? source : ".");
    const char *arguments[8] = {"node", script};
    for (size_t i = 0; i < 5 && options[i] != NULL; i++)
        arguments[i + 2] = options[i];
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    peer->child = fork();
    if (peer->child == 0) {
        dup2(input[0], STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        execvp("node", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    assert_true(peer->child > 0);
    close(input[0]);
    close(output[1]);
    peer->input = input[1];
    peer->lines = fdopen(output[0], "r");
    peer->port = json_int(node_peer_heard(peer, arena), "port", 0);
    assert_true(peer->port > 0);
}

static void node_peer_end(struct node_peer *peer)
{
    close(peer->input);
    waitpid(peer->child, NULL, 0);
    fclose(peer->lines);
}

/* What the push thread does with a sender, in a row. */
static enum delivery deliver(const struct push_sender *sender, struct push_job *job)
{
    struct http_call call;
    struct http_answer answer;
    enum delivery result = sender->begin(job, &call);
    while (result == DELIVERY_CALL) {
        http_call(job->notifier->http, job->arena, &call, &answer);
        result = sender->go_on(job, &answer, &call);
    }
    return result;
}

#endif
