/*
 * The sessions of engine.io, which span requests: in this process alone, as of every socket.io server; a balancer before
 * several servers has to send a session's requests to one of them. All functions may be called from any thread.
 */
#ifndef COUNTERSIGN_GUARDIAN_SOCKET_SESSIONS_H
#define COUNTERSIGN_GUARDIAN_SOCKET_SESSIONS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { SOCKET_SID_LENGTH = 24, SOCKET_TX_SIZE = 64 };

/* A session as it is at the moment. */
struct socket_session {
    char sid[SOCKET_SID_LENGTH + 1];
    char tx[SOCKET_TX_SIZE]; /* the transaction's id once it was authenticated; "" before */
    unsigned enrolled;       /* factors that the person had then */
    bool is_connected;       /* to the namespace */
    bool is_upgrading;       /* its WebSocket has asked whether it may take over */
    bool is_on_socket;
    bool told_enrolled, told_accepted;
    int64_t told_rejected; /* when the refusal came that was told last (ms); 0: none */
};

/* A new one, of a person's address; its sid, or NULL past the limits. */
const char *socket_session_open(struct arena *arena, const char *client_ip) NODISCARD;
/* A copy into *session; false where there is none of that sid (any more). Its idle time begins anew. */
bool socket_session_find(const char *sid, struct socket_session *session) NODISCARD;
void socket_session_end(const char *sid);

/* Changes it where it still is; the returned copy is as it was before. False where it is gone. */
typedef void (*socket_session_change)(struct socket_session *session, const void *value);
bool socket_session_update(const char *sid, socket_session_change change, const void *value,
                           struct socket_session *before) NODISCARD;

/* Packets for the next long poll, parted as its payload is; false past what a session may gather. */
bool socket_session_put(const char *sid, const char *packets) NODISCARD;
/* Takes them; "" where there are none. */
const char *socket_session_take(struct arena *arena, const char *sid) NODISCARD;

#endif
