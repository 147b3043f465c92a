#include "session/session.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "store/settings.h"

#include <string.h>

enum { ID_LENGTH = 32 };

static const char cookie_name[] = "auth0";

/* How long sessions live, and whether their cookie outlives the browser's run (tenant settings). */
struct lifetimes {
    int64_t idle_ms;
    int64_t absolute_ms;
    bool persistent;
};

static int64_t hours_ms(yyjson_val *settings, const char *name, double otherwise)
{
    yyjson_val *hours = json_member(settings, name);
    double value = yyjson_is_num(hours) && yyjson_get_num(hours) > 0 ? yyjson_get_num(hours) : otherwise;
    return (int64_t)(value * 3600 * 1000);
}

static enum db_result read_lifetimes(struct db_tx *tx, struct arena *arena, struct lifetimes *lifetimes)
{
    yyjson_val *settings = NULL;
    enum db_result result = settings_get(tx, arena, "tenant", &settings);
    if (result != DB_OK && result != DB_NOT_FOUND)
        return result;
    const char *mode = json_text(json_member(settings, "session_cookie"), "mode");
    *lifetimes = (struct lifetimes){
        .idle_ms = hours_ms(settings, "idle_session_lifetime", 72),
        .absolute_ms = hours_ms(settings, "session_lifetime", 168),
        .persistent = mode != NULL && strcmp(mode, "persistent") == 0,
    };
    return DB_OK;
}

/* "sid.mac" without the "s:" before it: HMAC-SHA256 over the id, in base64 without padding, as Express signs
 * cookies. */
static const char *signed_id(const struct http_exchange *x, const char *id)
{
    struct bytes key = {.data = tenant_of(x)->cookie_key, .size = sizeof tenant_of(x)->cookie_key};
    uint8_t mac[32];
    hmac_sha256(key, bytes_of_text(id), mac);
    char *text = base64_encode(x->arena, (struct bytes){.data = mac, .size = sizeof mac});
    text[strcspn(text, "=")] = '\0';
    return arena_printf(x->arena, "%s.%s", id, text);
}

static void set_cookie(struct http_exchange *x, const char *value, int64_t max_age)
{
    bool secure = tenant_of(x)->config->secure;
    http_set_cookie(
        x, cookie_name, value,
        &(struct http_cookie_options){
            .max_age = max_age, .same_site = secure ? "None" : "Lax", .secure = secure, .http_only = true});
}

static void give_cookie(struct http_exchange *x, const struct session *session,
                        const struct lifetimes *lifetimes)
{
    int64_t seconds = (session->expires_at - clock_now_ms()) / 1000;
    const char *value = arena_printf(x->arena, "s:%s", signed_id(x, session->id));
    set_cookie(x, percent_encode(x->arena, value), lifetimes->persistent && seconds > 0 ? seconds : 0);
}

/* The session id that the request's cookie proves; NULL where there is none. */
static const char *id_of_request(struct http_exchange *x)
{
    const char *cookie = http_cookie(x, cookie_name);
    const char *value = cookie == NULL ? NULL : percent_decode(x->arena, cookie, strlen(cookie), false);
    if (value == NULL || strncmp(value, "s:", 2) != 0)
        return NULL;
    value += 2;
    if (strspn(value, RANDOM_ALPHANUMERIC) != ID_LENGTH || value[ID_LENGTH] != '.')
        return NULL;
    const char *id = arena_strndup(x->arena, value, ID_LENGTH);
    return text_equal_secret(value, signed_id(x, id)) ? id : NULL;
}

static enum db_result read_session(struct db_tx *tx, struct arena *arena, const char *id,
                                   struct session *session)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT user_id, doc, version, created_at, last_used_at, expires_at FROM sessions "
               "WHERE id = ?",
               "t", id);
    if (result != DB_OK)
        return result;
    *session = (struct session){
        .id = id,
        .user_id = row[0].text,
        .doc = json_parse_own(arena, row[1].text),
        .version = row[2].number,
        .created_at = row[3].number,
        .last_used_at = row[4].number,
        .expires_at = row[5].number,
    };
    session->authenticated_at = json_int(session->doc, "authenticated_at", session->created_at);
    return session->doc == NULL ? DB_FAILED : DB_OK;
}

enum db_result session_of_request(struct http_exchange *x, struct db_tx *tx, struct session *session)
{
    *session = (struct session){.id = NULL};
    const char *id = id_of_request(x);
    if (id == NULL)
        return DB_NOT_FOUND;
    struct session found;
    enum db_result result = read_session(tx, x->arena, id, &found);
    if (result != DB_OK)
        return result;
    if (found.expires_at <= clock_now_ms())
        return DB_NOT_FOUND;
    *session = found;
    return DB_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static yyjson_val *frozen(struct arena *arena, yyjson_mut_doc *doc)
{
    return json_parse_own(arena, json_write_doc(arena, doc));
}

static void add_client(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *client_id)
{
    yyjson_mut_val *clients = json_mut_member(root, "clients");
    if (clients == NULL) {
        clients = yyjson_mut_arr(doc);
        json_set(doc, root, "clients", clients);
    }
    size_t index, count;
    yyjson_mut_val *entry;
    yyjson_mut_arr_foreach(clients, index, count, entry)
    {
        if (yyjson_mut_equals_str(entry, client_id))
            return;
    }
    yyjson_mut_arr_add_strcpy(doc, clients, client_id);
}

static void set_methods(yyjson_mut_doc *doc, yyjson_mut_val *root, yyjson_val *methods)
{
    json_set(doc, root, "methods", methods != NULL ? yyjson_val_mut_copy(doc, methods) : yyjson_mut_arr(doc));
}

static yyjson_mut_doc *session_document(struct arena *arena, const struct session_login *login,
                                        yyjson_val *clients)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "connection", login->connection);
    json_set_int(doc, root, "authenticated_at", login->authenticated_at);
    set_methods(doc, root, login->methods);
    if (clients != NULL)
        json_set(doc, root, "clients", yyjson_val_mut_copy(doc, clients));
    if (login->client_id != NULL)
        add_client(doc, root, login->client_id);
    return doc;
}

enum db_result session_create(struct http_exchange *x, struct db_tx *tx, const struct session_login *login,
                              const struct session *previous, struct session *session)
{
    struct lifetimes lifetimes;
    enum db_result result = read_lifetimes(tx, x->arena, &lifetimes);
    bool same_user = previous != NULL && strcmp(previous->user_id, login->user_id) == 0;
    if (result == DB_OK && previous != NULL && !same_user)
        result = db_exec(tx, NULL, "DELETE FROM sessions WHERE id = ?", "t", previous->id);
    if (result != DB_OK)
        return result;
    int64_t now = clock_now_ms();
    yyjson_mut_doc *doc =
        session_document(x->arena, login, same_user ? json_member(previous->doc, "clients") : NULL);
    *session = (struct session){
        .id = same_user ? previous->id : random_text(x->arena, RANDOM_ALPHANUMERIC, ID_LENGTH),
        .user_id = login->user_id,
        .doc = frozen(x->arena, doc),
        .version = 1,
        .created_at = now,
        .authenticated_at = login->authenticated_at,
        .last_used_at = now,
        .expires_at = now + earlier(lifetimes.idle_ms, lifetimes.absolute_ms),
    };
    result = db_exec(
        tx, NULL,
        "INSERT INTO sessions (id, user_id, doc, version, created_at, last_used_at, expires_at) "
        "VALUES (?, ?, ?, 1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, "
        "doc = excluded.doc, version = sessions.version + 1, created_at = excluded.created_at, "
        "last_used_at = excluded.last_used_at, expires_at = excluded.expires_at",
        "tttiii", session->id, login->user_id, json_write_doc(x->arena, doc), now, now, session->expires_at);
    if (result == DB_OK)
        give_cookie(x, session, &lifetimes);
    return result;
}

enum db_result session_use(struct http_exchange *x, struct db_tx *tx, struct session *session,
                           const char *client_id, yyjson_val *methods)
{
    struct lifetimes lifetimes;
    struct session current;
    int64_t now = clock_now_ms();
    enum db_result result = read_lifetimes(tx, x->arena, &lifetimes);
    /* The first statement locks the row, and it is read after that: two tabs at once do not lose each other's client. */
    if (result == DB_OK)
        result =
            db_exec(tx, NULL, "UPDATE sessions SET last_used_at = ? WHERE id = ?", "it", now, session->id);
    if (result == DB_OK)
        result = read_session(tx, x->arena, session->id, &current);
    if (result != DB_OK)
        return result;
    yyjson_mut_doc *doc = json_thaw(x->arena, current.doc);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    if (client_id != NULL)
        add_client(doc, root, client_id);
    if (methods != NULL)
        set_methods(doc, root, methods);
    int64_t end = earlier(now + lifetimes.idle_ms, current.created_at + lifetimes.absolute_ms);
    result = db_exec(
        tx, NULL,
        "UPDATE sessions SET doc = ?, version = version + 1, last_used_at = ?, expires_at = ? WHERE id = ?",
        "tiit", json_write_doc(x->arena, doc), now, end, session->id);
    if (result != DB_OK)
        return result;
    *session = current;
    session->doc = frozen(x->arena, doc);
    session->version++;
    session->last_used_at = now;
    session->expires_at = end;
    give_cookie(x, session, &lifetimes);
    return DB_OK;
}

bool authentication_methods_have(yyjson_val *methods, const char *name)
{
    size_t index, count;
    yyjson_val *method;
    yyjson_arr_foreach(methods, index, count, method)
    {
        if (yyjson_equals_str(json_member(method, "name"), name))
            return true;
    }
    return false;
}

enum db_result session_end(struct http_exchange *x, struct db_tx *tx)
{
    const char *id = id_of_request(x);
    set_cookie(x, "", -1);
    if (id == NULL)
        return DB_OK;
    return db_exec(tx, NULL, "DELETE FROM sessions WHERE id = ?", "t", id);
}

enum db_result sessions_end_of_user(struct db_tx *tx, const char *user_id)
{
    return db_exec(tx, NULL, "DELETE FROM sessions WHERE user_id = ?", "t", user_id);
}
