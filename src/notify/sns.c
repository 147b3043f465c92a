/*
 * Amazon SNS, for operators whose app sends through it: the phone's token becomes an endpoint of the platform application
 * (CreatePlatformEndpoint, which gives the same one each time), and the message is published there.
 */
#include "notify/apns.h"
#include "notify/aws_signature.h"
#include "notify/push_sender.h"

#include "base/clock.h"
#include "base/encode.h"

#include <inttypes.h>
#include <string.h>

#define FORM_TYPE "application/x-www-form-urlencoded"
#define ACTION(name) "Action=" name "&Version=2010-03-31"

enum { STAGE_ENDPOINT = 0, STAGE_PUBLISH = 1, LONGEST_ARN = 1024, LONGEST_CODE = 64 };

static bool is_region(const char *region)
{
    size_t length = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && region[length] == '\0';
}

static bool is_apple(const struct push_job *job)
{
    return strcmp(job->message->service, "APNS") == 0;
}

static const char *application_of(const struct push_job *job)
{
    return json_text(job->settings, is_apple(job) ? "sns_apns_platform_application_arn"
                                                  : "sns_gcm_platform_application_arn");
}

/* A signed POST of that form. */
static enum delivery call_with(struct push_job *job, const char *form, struct http_call *call)
{
    struct arena *arena = job->arena;
    struct aws_identity identity = {
        .key_id = json_text(job->settings, "aws_access_key_id"),
        .secret = json_text(job->settings, "aws_secret_access_key"),
        .region = json_text(job->settings, "aws_region"),
        .service = "sns",
    };
    const char *own_url = job->notifier->config.sns_url;
    if (identity.key_id == NULL || identity.secret == NULL || identity.region == NULL ||
        !is_region(identity.region)) {
        job->reason = "aws_access_key_id, aws_secret_access_key and aws_region are needed";
        return DELIVERY_REFUSED;
    }
    const char *url =
        own_url != NULL ? own_url : arena_printf(arena, "https://sns.%s.amazonaws.com", identity.region);
    struct aws_request request = {
        .host = strstr(url, "://") + 3,
        .path = "/",
        .content_type = FORM_TYPE,
        .body = bytes_of_text(form),
    };
    struct http_pair *headers = arena_calloc(arena, 3, sizeof *headers);
    headers[0] = (struct http_pair){"content-type", FORM_TYPE};
    headers[1].name = "authorization";
    headers[2].name = "x-amz-date";
    headers[1].value = aws_sign(arena, &identity, &request, clock_now(), &headers[2].value);
    *call = (struct http_call){
        .method = "POST",
        .url = arena_printf(arena, "%s/", url),
        .headers = {headers, 3},
        .body = request.body,
        .timeout_ms = PUSH_CALL_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = true,
    };
    return DELIVERY_CALL;
}

static enum delivery begin_sns(struct push_job *job, struct http_call *call)
{
    const char *application = application_of(job);
    if (application == NULL) {
        job->reason = "the platform application's ARN for this kind of phone is needed";
        return DELIVERY_REFUSED;
    }
    job->stage = STAGE_ENDPOINT;
    return call_with(job,
                     arena_printf(job->arena,
                                  ACTION("CreatePlatformEndpoint") "&PlatformApplicationArn=%s&Token=%s",
                                  percent_encode(job->arena, application),
                                  percent_encode(job->arena, job->message->token)),
                     call);
}

/* The text of the first element of that name; NULL where it is missing or longer than `most`. */
static char *element(struct arena *arena, struct bytes xml, const char *name, size_t most)
{
    const char *open = arena_printf(arena, "<%s>", name), *close = arena_printf(arena, "</%s>", name);
    const char *end = (const char *)xml.data + xml.size;
    const char *from = xml.size > 0 ? memmem(xml.data, xml.size, open, strlen(open)) : NULL;
    if (from == NULL)
        return NULL;
    from += strlen(open);
    const char *to = memmem(from, (size_t)(end - from), close, strlen(close));
    if (to == NULL || (size_t)(to - from) > most || memchr(from, '\0', (size_t)(to - from)) != NULL)
        return NULL;
    return arena_strndup(arena, from, (size_t)(to - from));
}

/* The message as Google's service takes it (FCM HTTP v1, as SNS passes it on): data alone, all of it texts. */
static char *google_text(struct push_job *job, yyjson_mut_doc *payload, int64_t seconds)
{
    struct arena *arena = job->arena;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *message = yyjson_mut_obj(doc), *android = yyjson_mut_obj(doc),
                   *outer = yyjson_mut_obj(doc);
    yyjson_mut_val *data = yyjson_mut_obj(doc);
    size_t index, count;
    yyjson_mut_val *name, *value;
    yyjson_mut_obj_foreach(yyjson_mut_doc_get_root(payload), index, count, name, value)
    {
        json_set_text(doc, data, yyjson_mut_get_str(name),
                      yyjson_mut_is_str(value) ? yyjson_mut_get_str(value) : json_write_mut(arena, value));
    }
    if (json_mut_member(data, "s") == NULL)
        json_set_text(doc, data, "s", "{}"); /* Android's SDK logs an error where it is missing */
    json_set_text(doc, android, "priority", "high");
    json_set_text(doc, android, "ttl", arena_printf(arena, "%" PRId64 "s", seconds));
    json_set(doc, message, "data", data);
    json_set(doc, message, "android", android);
    json_set(doc, outer, "message", message);
    json_set(doc, yyjson_mut_doc_get_root(doc), "fcmV1Message", outer);
    return json_write_doc(arena, doc);
}

static const char *platform_text(struct push_job *job, int64_t seconds)
{
    if (is_apple(job))
        return apns_payload(job->arena, job->message);
    yyjson_mut_doc *payload;
    for (int step = 0; (payload = push_payload_less(job->arena, job->message, step)) != NULL; step++) {
        const char *text = google_text(job, payload, seconds);
        if (strlen(text) <= PUSH_LARGEST_BYTES)
            return text;
    }
    return NULL;
}

static enum delivery publish(struct push_job *job, const char *endpoint, struct http_call *call)
{
    struct arena *arena = job->arena;
    int64_t seconds = (job->message->expires_at - clock_now_ms()) / 1000;
    const char *platform = !is_apple(job)                                          ? "GCM"
                           : strstr(application_of(job), "/APNS_SANDBOX/") != NULL ? "APNS_SANDBOX"
                                                                                   : "APNS";
    seconds = seconds > 0 ? seconds : 1;
    const char *text = platform_text(job, seconds);
    if (text == NULL) {
        job->reason = "the payload is too large, or none";
        return DELIVERY_REFUSED;
    }
    yyjson_mut_doc *doc = json_new_object(arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "default",
                  job->message->title != NULL ? job->message->title : "Sign-in");
    json_set_text(doc, yyjson_mut_doc_get_root(doc), platform, text);
    job->stage = STAGE_PUBLISH;
    return call_with(job,
                     arena_printf(arena,
                                  ACTION("Publish") "&TargetArn=%s&MessageStructure=json&Message=%s"
                                                    "&MessageAttributes.entry.1.Name=AWS.SNS.MOBILE.%s.TTL"
                                                    "&MessageAttributes.entry.1.Value.DataType=String"
                                                    "&MessageAttributes.entry.1.Value.StringValue=%" PRId64,
                                  percent_encode(arena, endpoint),
                                  percent_encode(arena, json_write_doc(arena, doc)), platform, seconds),
                     call);
}

/* What SNS says is wrong, in its codes (Amazon SNS API reference, Publish and CreatePlatformEndpoint). */
static enum delivery judge_error(struct push_job *job, const struct http_answer *answer)
{
    const char *code = element(job->arena, answer->body, "Code", LONGEST_CODE);
    const char *message = element(job->arena, answer->body, "Message", NOTIFY_LARGEST_ANSWER);
    enum delivery result = push_judge(job, answer);
    if (code == NULL || code[strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.")] != '\0')
        return result;
    job->reason = arena_printf(job->arena, "answered %d, %s", answer->status, code);
    bool is_token = strcmp(code, "InvalidParameter") == 0 && job->stage == STAGE_ENDPOINT &&
                    message != NULL && strstr(message, "Token") != NULL;
    if (strcmp(code, "EndpointDisabled") == 0 || is_token)
        return DELIVERY_DEAD;
    if (strncmp(code, "Throttl", strlen("Throttl")) == 0 || strcmp(code, "InternalError") == 0)
        return DELIVERY_LATER;
    return result;
}

static enum delivery go_on_sns(struct push_job *job, const struct http_answer *answer, struct http_call *call)
{
    if (answer->status != 200)
        return judge_error(job, answer);
    if (job->stage == STAGE_PUBLISH)
        return DELIVERY_SENT;
    const char *endpoint = element(job->arena, answer->body, "EndpointArn", LONGEST_ARN);
    if (endpoint == NULL || strncmp(endpoint, "arn:", 4) != 0) {
        job->reason = "CreatePlatformEndpoint named no endpoint";
        return DELIVERY_REFUSED;
    }
    return publish(job, endpoint, call);
}

const struct push_sender sns_sender = {
    .name = "sns",
    .settings = "guardian.push.sns",
    .begin = begin_sns,
    .go_on = go_on_sns,
};
