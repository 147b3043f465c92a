/*
 * Firebase Cloud Messaging, HTTP v1 (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages): messages of
 * data only, as Guardian.Android reads them, under a token that a service account's signed JWT is exchanged for (RFC 7523).
 */
#include "notify/push_sender.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"

#include <inttypes.h>
#include <string.h>

static const char scope[] = "https://www.googleapis.com/auth/firebase.messaging";
static const char grant[] = "urn:ietf:params:oauth:grant-type:jwt-bearer";
static const char usual_token_url[] = "https://oauth2.googleapis.com/token";
static const char usual_url[] = "https://fcm.googleapis.com";

enum { ASSERTION_S = 3600, SPARE_MS = 60 * 1000 };

/* What the calls of a message are for. */
enum stage { STAGE_TOKEN = 1, STAGE_MESSAGE = 2, STAGE_MESSAGE_AGAIN = 3 };

struct account {
    const char *email;
    const char *private_key;
    const char *key_id;
    const char *project;
    const char *token_url;
    const char *hash; /* of it all: what a cached token is for */
};

static bool read_account(struct push_job *job, struct account *account)
{
    const char *text = json_text(job->settings, "server_credentials");
    yyjson_val *root = NULL;
    if (text == NULL || json_parse(job->arena, bytes_of_text(text), &json_limits_body, &root) != JSON_FINE)
        root = NULL;
    *account = (struct account){
        .email = json_text(root, "client_email"),
        .private_key = json_text(root, "private_key"),
        .key_id = json_text(root, "private_key_id"),
        .project = json_text(root, "project_id"),
        .token_url = json_text(root, "token_uri"),
        .hash = text != NULL ? token_hash(job->arena, text) : NULL,
    };
    if (account->token_url == NULL)
        account->token_url = usual_token_url;
    return account->hash != NULL && account->email != NULL && account->private_key != NULL &&
           account->project != NULL;
}

static enum delivery refuse(struct push_job *job, const char *reason)
{
    job->reason = reason;
    return DELIVERY_REFUSED;
}

static enum delivery ask_token(struct push_job *job, const struct account *account, struct http_call *call)
{
    struct arena *arena = job->arena;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    int64_t now = clock_now();
    json_set_text(doc, claims, "iss", account->email);
    json_set_text(doc, claims, "scope", scope);
    json_set_text(doc, claims, "aud", account->token_url);
    json_set_int(doc, claims, "iat", now);
    json_set_int(doc, claims, "exp", now + ASSERTION_S);
    const char *assertion = jwt_sign_rs256_pem(arena, account->private_key, account->key_id, claims);
    if (assertion == NULL)
        return refuse(job, "the service account's private_key is no RSA key");
    struct http_pair *headers = arena_calloc(arena, 1, sizeof *headers);
    headers[0] = (struct http_pair){"content-type", "application/x-www-form-urlencoded"};
    *call = (struct http_call){
        .method = "POST",
        .url = account->token_url,
        .headers = {headers, 1},
        .body = bytes_of_text(arena_printf(arena, "grant_type=%s&assertion=%s", percent_encode(arena, grant),
                                           percent_encode(arena, assertion))),
        .timeout_ms = PUSH_CALL_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = true,
    };
    job->stage = STAGE_TOKEN;
    return DELIVERY_CALL;
}

/* The payload as Google takes it: every value a text. */
static yyjson_mut_val *data_of(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *payload)
{
    yyjson_mut_val *data = yyjson_mut_obj(doc);
    size_t index, count;
    yyjson_mut_val *name, *value;
    yyjson_mut_obj_foreach(payload, index, count, name, value)
    {
        const char *text = yyjson_mut_get_str(value);
        json_set_text(doc, data, yyjson_mut_get_str(name),
                      text != NULL ? text : json_write_mut(arena, value));
    }
    /* Guardian.Android logs an error where the source is missing. */
    if (json_mut_text(data, "s") == NULL)
        json_set_text(doc, data, "s", "{}");
    return data;
}

/* What counts against the limit: names and values (https://firebase.google.com/docs/cloud-messaging/concept-options). */
static size_t size_of(yyjson_mut_val *data)
{
    size_t index, count, size = 0;
    yyjson_mut_val *name, *value;
    yyjson_mut_obj_foreach(data, index, count, name, value) size +=
        yyjson_mut_get_len(name) + yyjson_mut_get_len(value);
    return size;
}

/* NULL where the payload is too large, or none. */
static const char *body_of(struct push_job *job)
{
    struct arena *arena = job->arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *data = NULL;
    for (int step = 0; (doc = push_payload_less(arena, job->message, step)) != NULL; step++) {
        data = data_of(arena, doc, yyjson_mut_doc_get_root(doc));
        if (size_of(data) <= PUSH_LARGEST_BYTES)
            break;
    }
    if (doc == NULL)
        return NULL;
    int64_t seconds = (job->message->expires_at - clock_now_ms()) / 1000;
    yyjson_mut_val *root = yyjson_mut_obj(doc), *message = yyjson_mut_obj(doc),
                   *android = yyjson_mut_obj(doc);
    json_set_text(doc, android, "priority", "HIGH");
    json_set_text(doc, android, "ttl", arena_printf(arena, "%" PRId64 "s", seconds > 0 ? seconds : 0));
    json_set_text(doc, message, "token", job->message->token);
    json_set(doc, message, "data", data);
    json_set(doc, message, "android", android);
    json_set(doc, root, "message", message);
    return json_write_mut(arena, root);
}

static enum delivery send_message(struct push_job *job, const struct account *account, const char *token,
                                  enum stage stage, struct http_call *call)
{
    struct arena *arena = job->arena;
    const char *body = body_of(job), *base = job->notifier->config.fcm_url;
    if (body == NULL)
        return refuse(job, "the payload is too large, or none");
    struct http_pair *headers = arena_calloc(arena, 2, sizeof *headers);
    headers[0] = (struct http_pair){"content-type", "application/json"};
    headers[1] = (struct http_pair){"authorization", arena_printf(arena, "Bearer %s", token)};
    *call = (struct http_call){
        .method = "POST",
        .url = arena_printf(arena, "%s/v1/projects/%s/messages:send", base != NULL ? base : usual_url,
                            percent_encode(arena, account->project)),
        .headers = {headers, 2},
        .body = bytes_of_text(body),
        .timeout_ms = PUSH_CALL_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = true,
    };
    job->stage = stage;
    return DELIVERY_CALL;
}

static enum delivery begin(struct push_job *job, struct http_call *call)
{
    const struct push_cache *cache = &job->notifier->push_cache;
    struct account account;
    if (!read_account(job, &account))
        return refuse(job,
                      "server_credentials is no service account: client_email, private_key and project_id");
    if (strcmp(cache->fcm_account, account.hash) == 0 && clock_now_ms() < cache->fcm_until)
        return send_message(job, &account, cache->fcm_token, STAGE_MESSAGE, call);
    return ask_token(job, &account, call);
}

static enum delivery take_token(struct push_job *job, const struct account *account,
                                const struct http_answer *answer, struct http_call *call)
{
    struct push_cache *cache = &job->notifier->push_cache;
    enum delivery delivery = push_judge(job, answer);
    if (delivery != DELIVERY_SENT) {
        job->reason = arena_printf(job->arena, "no token for the service account: %s", job->reason);
        return delivery;
    }
    yyjson_val *root = NULL;
    if (json_parse(job->arena, answer->body, &json_limits_body, &root) != JSON_FINE)
        root = NULL;
    const char *token = json_text(root, "access_token");
    int64_t lasts_ms = json_int(root, "expires_in", 0) * 1000;
    if (token == NULL)
        return refuse(job, "the service account's token service answered without a token");
    if (strlen(token) < sizeof cache->fcm_token && lasts_ms > SPARE_MS) {
        memcpy(cache->fcm_account, account->hash, strlen(account->hash) + 1);
        memcpy(cache->fcm_token, token, strlen(token) + 1);
        cache->fcm_until = clock_now_ms() + lasts_ms - SPARE_MS;
    }
    return send_message(job, account, token, STAGE_MESSAGE_AGAIN, call);
}

/* Google's own word for an error: error.details[].errorCode, or error.status. */
static const char *error_code(struct arena *arena, const struct http_answer *answer)
{
    yyjson_val *root = NULL;
    if (json_parse(arena, answer->body, &json_limits_body, &root) != JSON_FINE)
        return NULL;
    yyjson_val *error = json_member(root, "error"), *detail;
    size_t index, count;
    yyjson_arr_foreach(json_member(error, "details"), index, count, detail)
    {
        const char *code = json_text(detail, "errorCode");
        if (code != NULL)
            return code;
    }
    return json_text(error, "status");
}

static enum delivery go_on(struct push_job *job, const struct http_answer *answer, struct http_call *call)
{
    struct account account;
    if (!read_account(job, &account))
        return refuse(job, "server_credentials cannot be read");
    if (job->stage == STAGE_TOKEN)
        return take_token(job, &account, answer, call);
    enum delivery delivery = push_judge(job, answer);
    if (delivery == DELIVERY_SENT)
        return delivery;
    if (answer->status == 401 && job->stage == STAGE_MESSAGE) {
        /* Taken back before its time. */
        job->notifier->push_cache.fcm_until = 0;
        return ask_token(job, &account, call);
    }
    const char *code = error_code(job->arena, answer);
    if (code != NULL)
        job->reason = arena_printf(job->arena, "answered %d, %.64s", answer->status, code);
    return code != NULL && strcmp(code, "UNREGISTERED") == 0 ? DELIVERY_DEAD : delivery;
}

const struct push_sender fcm_sender = {
    .name = "fcmv1", .settings = "guardian.push.fcmv1", .begin = begin, .go_on = go_on};
