#include "guardian/socket.h"

#include "base/buffer.h"
#include "base/random.h"
#include "guardian/socket_packet.h"
#include "guardian/socket_sessions.h"
#include "guardian/widget.h"
#include "http/stream.h"

#include <string.h>

enum {
    PING_S = 25,
    PONG_S = 20,
    LONGEST_S = 900, /* of a WebSocket: a transaction lasts ten minutes */
    MOST_PACKETS = 16,
    MOST_SAID = 32 * 1024,
};

/* What is said to a session while something of it is dealt with. */
struct talk {
    struct tenant *tenant;
    struct arena *arena;
    const char *sid;
    struct buffer packets; /* parted as a long poll's payload is */
    bool is_over;
};

static struct talk talk_about(struct tenant *tenant, struct arena *arena, const char *sid)
{
    return (struct talk){
        .tenant = tenant, .arena = arena, .sid = sid, .packets = buffer_create(arena, MOST_SAID)};
}

static void tell(struct talk *talk, const char *packet)
{
    if (talk->packets.size > 0)
        buffer_add_char(&talk->packets, '\x1e');
    buffer_add(&talk->packets, packet);
}

/* An event of socket.io, its argument a document; NULL: none. */
static void tell_event(struct talk *talk, const char *name, yyjson_mut_doc *argument)
{
    if (argument == NULL)
        tell(talk, arena_printf(talk->arena, "42[\"%s\"]", name));
    else
        tell(talk, arena_printf(talk->arena, "42[\"%s\",%s]", name, json_write_doc(talk->arena, argument)));
}

static void tell_fault(struct talk *talk, const char *name, const char *code)
{
    yyjson_mut_doc *doc = json_new_object(talk->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "message", "The token is not valid, or its transaction has ended.");
    json_set_text(doc, root, "code", code);
    json_set_int(doc, root, "statusCode", strcmp(code, "internal_error") == 0 ? 500 : 401);
    tell_event(talk, name, doc);
}

/* --- what is new in the transaction --- */

static const char *topic_of(struct arena *arena, const struct socket_session *session)
{
    return session->tx[0] != '\0' ? arena_printf(arena, "tx:%s", session->tx)
                                  : arena_printf(arena, "socket:%s", session->sid);
}

static void set_told_enrolled(struct socket_session *session, const void *value)
{
    (void)value;
    session->told_enrolled = true;
}

static void set_told_accepted(struct socket_session *session, const void *value)
{
    (void)value;
    session->told_accepted = true;
}

static void tell_enrolled(struct talk *talk, const struct widget_call *call)
{
    struct socket_session before;
    if (!socket_session_update(talk->sid, set_told_enrolled, NULL, &before) || before.told_enrolled)
        return;
    yyjson_mut_doc *doc = json_new_object(talk->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    const char *method = json_mut_text(call->transaction.root, "method");
    json_set(doc, root, "device_account", widget_describe(call, doc));
    json_set_text(doc, root, "tx_id", call->transaction.id);
    json_set_text(doc, root, "method", method != NULL ? method : "push");
    tell_event(talk, "enrollment:confirmed", doc);
}

static void tell_accepted(struct talk *talk, struct widget_call *call)
{
    struct socket_session before;
    const char *signature = widget_sign(call);
    if (signature == NULL || !socket_session_update(talk->sid, set_told_accepted, NULL, &before) ||
        before.told_accepted)
        return;
    yyjson_mut_doc *doc = json_new_object(talk->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "tx_id", call->transaction.id);
    json_set_text(doc, root, "signature", signature);
    tell_event(talk, "login:complete", doc);
}

static void set_told_rejected(struct socket_session *session, const void *value)
{
    session->told_rejected = *(const int64_t *)value;
}

static void tell_rejected(struct talk *talk, const struct widget_call *call, int64_t answered_at)
{
    struct socket_session before;
    if (!socket_session_update(talk->sid, set_told_rejected, &answered_at, &before) ||
        before.told_rejected == answered_at)
        return;
    yyjson_mut_doc *doc = json_new_object(talk->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "tx_id", call->transaction.id);
    tell_event(talk, "login:rejected", doc);
}

static void tell_news(struct talk *talk, const struct socket_session *session)
{
    struct widget_call call;
    if (session->tx[0] == '\0')
        return;
    const char *fault = widget_open_transaction(talk->tenant, talk->arena, session->tx, &call);
    if (fault != NULL) {
        tell_fault(talk, "error", fault);
        talk->is_over = true;
        return;
    }
    if (call.choice.enrolled_count > session->enrolled)
        tell_enrolled(talk, &call);
    int64_t answered_at;
    if (widget_take_push(&call, &answered_at) == WIDGET_PUSH_REJECTED)
        tell_rejected(talk, &call, answered_at);
    if (json_mut_text(call.transaction.root, "method") != NULL)
        tell_accepted(talk, &call);
}

/* --- what the client says --- */

static void set_connected(struct socket_session *session, const void *value)
{
    (void)value;
    session->is_connected = true;
}

static void set_transaction(struct socket_session *session, const void *value)
{
    const struct widget_call *call = value;
    size_t size = strlen(call->transaction.id) + 1;
    if (session->tx[0] == '\0' && size <= SOCKET_TX_SIZE) {
        memcpy(session->tx, call->transaction.id, size);
        session->enrolled = (unsigned)call->choice.enrolled_count;
    }
}

static void hear_event(struct talk *talk, const struct socket_packet *packet)
{
    struct socket_session before;
    struct widget_call call;
    const char *token = json_text(packet->argument, "token");
    if (strcmp(packet->name, "authenticate") != 0)
        return;
    const char *fault =
        token == NULL ? "invalid_token" : widget_open_token(talk->tenant, talk->arena, NULL, token, &call);
    if (fault == NULL && !socket_session_update(talk->sid, set_transaction, &call, &before))
        fault = "transaction_expired";
    if (fault != NULL) {
        tell_fault(talk, "unauthorized", fault);
        return;
    }
    tell_event(talk, "authenticated", NULL);
    struct socket_session session;
    if (socket_session_find(talk->sid, &session))
        tell_news(talk, &session);
}

static void hear_connect(struct talk *talk, const struct socket_packet *packet)
{
    struct socket_session before;
    if (packet->elsewhere != NULL) {
        tell(talk, arena_printf(talk->arena, "44%s,{\"message\":\"Invalid namespace\"}", packet->elsewhere));
        return;
    }
    if (socket_session_update(talk->sid, set_connected, NULL, &before))
        tell(talk, arena_printf(talk->arena, "40{\"sid\":\"%s\"}",
                                random_text(talk->arena, RANDOM_ALPHANUMERIC, SOCKET_SID_LENGTH)));
}

static void hear(struct talk *talk, const char *text)
{
    struct socket_packet packet;
    struct socket_session session;
    socket_packet_read(talk->arena, text, &packet);
    bool is_known = socket_session_find(talk->sid, &session);
    if (!is_known || packet.kind == SOCKET_WRONG || packet.kind == SOCKET_CLOSE ||
        packet.kind == SOCKET_DISCONNECT)
        talk->is_over = true;
    else if (packet.kind == SOCKET_CONNECT)
        hear_connect(talk, &packet);
    else if (packet.kind == SOCKET_EVENT && session.is_connected && packet.elsewhere == NULL)
        hear_event(talk, &packet);
}

static const char *handshake(struct arena *arena, const char *sid, bool can_upgrade)
{
    return arena_printf(
        arena, "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%d,\"pingTimeout\":%d,\"maxPayload\":%d}",
        sid, can_upgrade ? "\"websocket\"" : "", PING_S * 1000, PONG_S * 1000, MOST_SAID);
}

/* --- long polls --- */

static void reply_fault(struct http_exchange *x, int number, const char *message)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "code", number);
    json_set_text(doc, root, "message", message);
    http_reply_json(x, 400, doc);
}

/* What has been gathered and what is new; the one turn of a long poll that says something is its last. */
static bool poll_turn(struct http_turn *turn)
{
    struct socket_session session;
    struct talk talk = talk_about(turn->context, turn->arena, turn->key);
    if (!socket_session_find(turn->key, &session)) {
        http_turn_say(turn, "1");
        return false;
    }
    const char *gathered = socket_session_take(turn->arena, turn->key);
    if (gathered[0] != '\0')
        tell(&talk, gathered);
    if (!session.is_on_socket)
        tell_news(&talk, &session);
    /* The WebSocket takes over once this poll has ended: with a packet that says nothing. */
    if ((session.is_upgrading || session.is_on_socket) && talk.packets.size == 0)
        tell(&talk, "6");
    if (talk.is_over) {
        tell(&talk, "1");
        socket_session_end(turn->key);
    }
    if (talk.packets.size > 0)
        http_turn_say(turn, buffer_text(&talk.packets));
    return true;
}

static void poll_session(struct http_exchange *x, const struct socket_session *session)
{
    http_reply_stream(x, &(struct http_stream){.topic = topic_of(x->arena, session),
                                               .key = session->sid,
                                               .seconds = PING_S,
                                               .produce = poll_turn,
                                               .kind = HTTP_STREAM_ONCE,
                                               .type = "text/plain",
                                               .beat = "2"});
}

void socket_post(struct http_exchange *x)
{
    const char *sid = http_query(x, "sid");
    struct socket_session session;
    guardian_allow_origin(x);
    if (sid == NULL || !socket_session_find(sid, &session)) {
        reply_fault(x, 1, "Session ID unknown");
        return;
    }
    const char *payload = arena_strndup(x->arena, (const char *)x->request.body.data, x->request.body.size);
    struct talk talk = talk_about(tenant_of(x), x->arena, session.sid);
    const char *packet;
    for (unsigned i = 0; !talk.is_over && socket_payload_next(x->arena, &payload, &packet); i++) {
        if (i == MOST_PACKETS)
            talk.is_over = true;
        else
            hear(&talk, packet);
    }
    if (!socket_session_put(session.sid, buffer_text(&talk.packets)))
        talk.is_over = true;
    if (talk.is_over)
        socket_session_end(session.sid);
    http_wake(x, topic_of(x->arena, &session));
    http_reply(x, 200, "text/plain", "ok");
}

/* --- WebSockets --- */

static void set_upgrading(struct socket_session *session, const void *value)
{
    (void)value;
    session->is_upgrading = true;
}

static void set_on_socket(struct socket_session *session, const void *value)
{
    (void)value;
    session->is_on_socket = true;
}

/* Says packet by packet: a WebSocket has a message for each. */
static void say_all(struct http_turn *turn, struct talk *talk)
{
    const char *payload = buffer_text(&talk->packets);
    const char *packet;
    while (socket_payload_next(turn->arena, &payload, &packet))
        http_turn_say(turn, packet);
}

/* Tells what long polls have not taken, and follows the transaction. */
static void go_on_by_socket(struct http_turn *turn, struct talk *talk)
{
    struct socket_session session;
    const char *gathered = socket_session_take(turn->arena, turn->key);
    if (gathered[0] != '\0')
        tell(talk, gathered);
    if (!socket_session_find(turn->key, &session))
        return;
    tell_news(talk, &session);
    if (session.tx[0] != '\0' && *turn->note < 2) {
        *turn->note = 2;
        http_turn_listen(turn, topic_of(turn->arena, &session));
    }
}

/* The note: 0 at first, 1 once it has begun, 2 once it follows the transaction. */
static bool socket_turn(struct http_turn *turn)
{
    struct socket_session session;
    struct socket_session before;
    struct talk talk = talk_about(turn->context, turn->arena, turn->key);
    if (!socket_session_find(turn->key, &session))
        return false;
    if (*turn->note == 0) {
        *turn->note = 1;
        if (session.is_on_socket)
            tell(&talk, handshake(turn->arena, session.sid, false));
    }
    if (turn->message != NULL && strcmp(turn->message, "2probe") == 0) {
        tell(&talk, "3probe");
        if (socket_session_update(turn->key, set_upgrading, NULL, &before))
            http_turn_wake(turn, topic_of(turn->arena, &session));
    } else if (turn->message != NULL && strcmp(turn->message, "5") == 0) {
        talk.is_over = !socket_session_update(turn->key, set_on_socket, NULL, &session);
        session.is_on_socket = true;
    } else if (turn->message != NULL && session.is_on_socket) {
        hear(&talk, turn->message);
    }
    if (session.is_on_socket && !talk.is_over)
        go_on_by_socket(turn, &talk);
    say_all(turn, &talk);
    if (talk.is_over)
        socket_session_end(turn->key);
    return !talk.is_over;
}

static void open_socket(struct http_exchange *x, const struct socket_session *session)
{
    http_reply_socket(x, &(struct http_stream){.topic = arena_printf(x->arena, "socket:%s", session->sid),
                                               .key = session->sid,
                                               .seconds = LONGEST_S,
                                               .produce = socket_turn,
                                               .kind = HTTP_STREAM_SOCKET,
                                               .beat = "2"});
}

/* --- GET --- */

static void begin(struct http_exchange *x, bool by_socket)
{
    struct socket_session session, before;
    const char *sid = socket_session_open(x->arena, x->request.client_ip);
    if (sid == NULL) {
        http_reply(x, 503, "text/plain", "Too many sessions.\n");
        return;
    }
    if (!by_socket) {
        http_reply(x, 200, "text/plain", handshake(x->arena, sid, http_can_be_socket(x)));
        return;
    }
    if (socket_session_update(sid, set_on_socket, NULL, &before) && socket_session_find(sid, &session))
        open_socket(x, &session);
    if (x->response.stream == NULL)
        socket_session_end(sid);
}

void socket_get(struct http_exchange *x)
{
    const char *sid = http_query(x, "sid");
    const char *transport = http_query(x, "transport");
    const char *version = http_query(x, "EIO");
    struct socket_session session;
    guardian_allow_origin(x);
    bool by_socket = transport != NULL && strcmp(transport, "websocket") == 0;
    if (transport == NULL || (!by_socket && strcmp(transport, "polling") != 0))
        reply_fault(x, 0, "Transport unknown");
    else if (version == NULL || strcmp(version, "4") != 0)
        reply_fault(x, 5, "Unsupported protocol version");
    else if (sid == NULL)
        begin(x, by_socket);
    else if (!socket_session_find(sid, &session) || (by_socket && session.is_on_socket))
        reply_fault(x, 1, "Session ID unknown");
    else if (by_socket)
        open_socket(x, &session);
    else
        poll_session(x, &session);
}
