/* What a phone is asked, and its answers (A5 to A7). */
#include "guardian/phone.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "http/stream.h"

#include <string.h>

enum { STREAM_S = 3600 };

/* --- asked --- */

static enum db_result read_open(struct tenant *tenant, struct arena *arena, const char *device_id,
                                struct push_challenge **list, size_t *count)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant->db, &tx);
    if (result == DB_OK)
        result = push_challenges_open(tx, arena, device_id, clock_now_ms(), list, count);
    db_end(&tx);
    return result;
}

/* The questions that wait for this phone, each as a push would carry it. Ours: for phones that get no pushes. */
void phone_list_pending(struct http_exchange *x)
{
    struct authenticator device;
    struct push_challenge *list;
    size_t count;
    if (!phone_authenticate(x, &device))
        return;
    if (read_open(tenant_of(x), x->arena, device.id, &list, &count) != DB_OK) {
        guardian_reply_store_failure(x);
        return;
    }
    yyjson_mut_doc *doc = json_new_array(x->arena);
    for (size_t i = 0; i < count; i++)
        yyjson_mut_arr_append(yyjson_mut_doc_get_root(doc),
                              push_payload(tenant_of(x), x->arena, doc, &list[i]));
    http_reply_json(x, 200, doc);
}

/*
 * Tells of all questions that wait now: `open` events carry an array as above. A phone that is no more is told so by its
 * next call; the stream ends.
 */
static bool tell_open(struct http_turn *turn)
{
    struct tenant *tenant = turn->context;
    struct push_challenge *list;
    size_t count;
    if (read_open(tenant, turn->arena, turn->key, &list, &count) != DB_OK)
        return true;
    yyjson_mut_doc *doc = json_new_array(turn->arena);
    for (size_t i = 0; i < count; i++)
        yyjson_mut_arr_append(yyjson_mut_doc_get_root(doc), push_payload(tenant, turn->arena, doc, &list[i]));
    http_turn_event(turn, "open", json_write_doc(turn->arena, doc));
    return true;
}

void phone_listen(struct http_exchange *x)
{
    struct authenticator device;
    if (!phone_authenticate(x, &device))
        return;
    http_reply_stream(x, &(struct http_stream){
                             .topic = push_device_topic(x->arena, device.id),
                             .key = device.id,
                             .seconds = STREAM_S,
                             .produce = tell_open,
                         });
}

/* --- answered --- */

void phone_resolve(struct http_exchange *x)
{
    yyjson_val *body;
    guardian_allow_origin(x);
    const char *txtkn = http_credentials(x, "Bearer");
    if (txtkn == NULL) {
        guardian_reply_error(x, "invalid_bearer_format");
        return;
    }
    if (!phone_body(x, &body))
        return;
    const char *response = json_text(body, "challenge_response");
    switch (response == NULL ? PUSH_BAD_ANSWER : push_answer(tenant_of(x), x, txtkn, response)) {
    case PUSH_ANSWERED:
        http_reply_empty(x, 204);
        return;
    case PUSH_BAD_TOKEN:
        guardian_reply_error(x, "invalid_token");
        return;
    case PUSH_GONE:
        guardian_reply_error(x, "login_transaction_not_found");
        return;
    case PUSH_NO_DEVICE:
        guardian_reply_error(x, "enrollment_not_found");
        return;
    case PUSH_BAD_ANSWER:
        guardian_reply_fault(x, "invalid_body",
                             "challenge_response must be this phone's own signed answer to this question.");
        return;
    case PUSH_WRONG_NUMBER:
        guardian_reply_error(x, "invalid_number");
        return;
    case PUSH_FAILED:
        break;
    }
    guardian_reply_store_failure(x);
}

/* --- consents --- */

/* Whether the header's proof is this phone's, for this very request and token (A7, after RFC 9449). */
static bool is_proof(struct http_exchange *x, const struct authenticator *device, const char *txtkn,
                     const char *id)
{
    struct jwt jwt;
    struct device_key key, shown;
    const char *fault, *proof = http_header(x, "mfa-dpop");
    uint8_t digest[32];
    sha256(bytes_of_text(txtkn), digest);
    if (proof == NULL || !jwt_parse(x->arena, proof, &jwt) || jwt.typ == NULL ||
        strcmp(jwt.typ, "dpop+jwt") != 0 ||
        !device_key_parse(x->arena, json_member(device->doc, "public_key"), &key, &fault) ||
        !device_key_parse(x->arena, json_member(jwt.header, "jwk"), &shown, &fault) ||
        !device_key_equal(&key, &shown) || !device_key_verify(&key, &jwt))
        return false;
    const char *method = json_text(jwt.claims, "htm"), *url = json_text(jwt.claims, "htu");
    const char *ath = base64url_encode(x->arena, (struct bytes){.data = digest, .size = sizeof digest});
    yyjson_val *issued = json_member(jwt.claims, "iat");
    double age = yyjson_is_num(issued) ? (double)clock_now() - yyjson_get_num(issued) : PUSH_SKEW_S + 1;
    const char *path = arena_printf(x->arena, "rich-consents/%s", id);
    return method != NULL && strcmp(method, "GET") == 0 && url != NULL &&
           push_is_url(tenant_of(x), x->arena, url, path) &&
           text_equal_secret(json_text(jwt.claims, "ath"), ath) && json_text(jwt.claims, "jti") != NULL &&
           age <= PUSH_SKEW_S && age >= -PUSH_SKEW_S;
}

static void reply_consent(struct http_exchange *x, const char *id, const struct push_challenge *challenge)
{
    yyjson_val *consent = json_member(challenge->doc, "consent");
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "id", id);
    json_set_text(doc, root, "created_at", clock_iso8601(x->arena, challenge->created_at));
    json_set_text(doc, root, "expires_at", clock_iso8601(x->arena, challenge->expires_at));
    json_set(doc, root, "requested_details", yyjson_val_mut_copy(doc, consent));
    http_reply_json(x, 200, doc);
}

/*
 * Only while the question waits, and to the phone that it was put to. That a proof is shown twice does no harm here: whoever
 * holds both it and the token learns what the phone did, for the minute that the proof is good.
 */
void phone_consent(struct http_exchange *x)
{
    struct tenant *tenant = tenant_of(x);
    struct push_challenge challenge = {0};
    struct authenticator device;
    struct db_tx *tx = NULL;
    guardian_allow_origin(x);
    const char *txtkn = http_credentials(x, "MFA-DPoP"), *id = http_parameter(x, "id");
    if (txtkn == NULL) {
        guardian_reply_error(x, "invalid_bearer_format");
        return;
    }
    enum push_answer_result found = PUSH_FAILED;
    enum db_result device_found = DB_FAILED;
    if (db_begin_read(tenant->db, &tx) == DB_OK) {
        found = push_challenge_of_token(tenant, tx, x->arena, txtkn, &challenge);
        if (found == PUSH_ANSWERED)
            device_found =
                authenticator_by_id(tx, x->arena, tenant->keyring, challenge.authenticator_id, &device);
    }
    db_end(&tx);
    const char *of = push_challenge_of_consent(x->arena, id);
    if (found == PUSH_FAILED || (found == PUSH_ANSWERED && device_found == DB_FAILED))
        guardian_reply_store_failure(x);
    else if (found == PUSH_BAD_TOKEN ||
             (found == PUSH_ANSWERED && device_found == DB_OK && !is_proof(x, &device, txtkn, id)))
        guardian_reply_error(x, "invalid_token");
    else if (found != PUSH_ANSWERED || device_found != DB_OK || of == NULL || strcmp(of, challenge.id) != 0 ||
             json_member(challenge.doc, "consent") == NULL || strcmp(challenge.status, "pending") != 0 ||
             challenge.expires_at <= clock_now_ms())
        guardian_reply_error(x, "transaction_not_found");
    else
        reply_consent(x, id, &challenge);
}
