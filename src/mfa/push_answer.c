/* Answers of phones, and what whoever waits sees of them (../protocol/guardian.md A6). */
#include "mfa/factors.h"
#include "mfa/push_tokens.h"

#include "base/clock.h"
#include "store/signal.h"

#include <string.h>

enum { ATTEMPTS = 4, LONGEST_REASON = 200 };

/* What the apps' lists of reasons call a login that the person did not begin; our own phone sends it by "deny and report". */
static const char reported[] = "hack";

static const char resolve_path[] = "api/resolve-transaction";

enum push_answer_result push_challenge_of_token(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                                const char *txtkn, struct push_challenge *challenge)
{
    const char *id, *user_id;
    if (!push_transaction_token_read(tenant, arena, txtkn, &id, &user_id))
        return PUSH_BAD_TOKEN;
    enum db_result found = push_challenge_by_id(tx, arena, id, challenge);
    if (found == DB_NOT_FOUND)
        return PUSH_GONE;
    return found == DB_OK ? PUSH_ANSWERED : PUSH_FAILED;
}

static bool is_open(const struct push_challenge *challenge, int64_t now)
{
    return strcmp(challenge->status, "pending") == 0 && challenge->expires_at > now;
}

/* Whether `jwt` is that phone's own answer to that very question. */
static bool is_answer_of(struct tenant *tenant, struct arena *arena, const struct jwt *jwt,
                         const struct authenticator *phone, const struct push_challenge *challenge)
{
    struct device_key key;
    const char *fault, *subject = json_text(jwt->claims, "sub"),
                       *method = json_text(jwt->claims, "auth0_guardian_method");
    return device_key_parse(arena, json_member(phone->doc, "public_key"), &key, &fault) &&
           device_key_verify(&key, jwt) &&
           text_equal_secret(subject, push_challenge_text(tenant, arena, challenge->id)) && method != NULL &&
           strcmp(method, "push") == 0 &&
           yyjson_is_bool(json_member(jwt->claims, "auth0_guardian_accepted")) &&
           push_is_audience(tenant, arena, jwt, resolve_path) &&
           jwt_is_current(jwt, clock_now(), PUSH_SKEW_S) && json_member(jwt->claims, "iat") != NULL;
}

/* At most so many bytes of it, and no half characters: PostgreSQL takes none. */
static const char *shortened(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    if (length > LONGEST_REASON)
        for (length = LONGEST_REASON; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    return arena_strndup(arena, text, length);
}

struct answer {
    struct push_challenge challenge;
    struct authenticator phone;
    bool accepted;
    bool wrong_number;
    const char *reason;
};

static enum push_answer_result read_answer(struct tenant *tenant, const struct http_exchange *x,
                                           struct db_tx *tx, const char *txtkn, const char *response,
                                           struct answer *answer)
{
    struct jwt jwt;
    enum push_answer_result result = push_challenge_of_token(tenant, tx, x->arena, txtkn, &answer->challenge);
    if (result != PUSH_ANSWERED)
        return result;
    if (!is_open(&answer->challenge, clock_now_ms()))
        return PUSH_GONE;
    enum db_result found = authenticator_by_id(tx, x->arena, tenant->keyring,
                                               answer->challenge.authenticator_id, &answer->phone);
    if (found != DB_OK)
        return found == DB_NOT_FOUND ? PUSH_NO_DEVICE : PUSH_FAILED;
    if (!jwt_parse(x->arena, response, &jwt) ||
        !is_answer_of(tenant, x->arena, &jwt, &answer->phone, &answer->challenge))
        return PUSH_BAD_ANSWER;
    const char *reason = json_text(jwt.claims, "auth0_guardian_reason");
    answer->accepted = json_bool(jwt.claims, "auth0_guardian_accepted", false);
    answer->reason = reason != NULL ? shortened(x->arena, reason) : NULL;
    if (answer->accepted && json_bool(answer->challenge.doc, "needs_number", false) &&
        !text_equal_secret(json_text(jwt.claims, "auth0_guardian_number"),
                           json_text(answer->challenge.doc, "number"))) {
        answer->accepted = false;
        answer->wrong_number = true;
        answer->reason = "wrong_number";
    }
    return PUSH_ANSWERED;
}

static bool is_report(const struct answer *answer)
{
    return !answer->accepted && answer->reason != NULL && strcmp(answer->reason, reported) == 0;
}

/* Whoever reports a login says that somebody else knows the password. */
static enum db_result block_reported(struct db_tx *tx, struct arena *arena, const char *user_id)
{
    struct mfa_settings settings;
    struct user user;
    enum db_result result = mfa_settings_read(tx, arena, &settings);
    if (result != DB_OK || !settings.push_block_reported)
        return result;
    result = user_by_id(tx, arena, user_id, &user);
    if (result != DB_OK)
        return result;
    yyjson_mut_doc *doc = json_thaw(arena, user.doc);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), "blocked", true);
    return user_update(tx, arena, user_id, user.version, doc);
}

/* Stores the answer; the first that comes for a login counts. */
static enum db_result store_answer(struct tenant *tenant, struct arena *arena, const struct answer *answer)
{
    const struct push_challenge *challenge = &answer->challenge;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant->db, &tx);
    if (result == DB_OK)
        result = mfa_lock_user(tx, arena, challenge->user_id);
    if (result == DB_OK)
        result =
            push_challenge_answer(tx, arena, challenge, answer->accepted, answer->reason, clock_now_ms());
    if (result == DB_OK && is_report(answer))
        result = block_reported(tx, arena, challenge->user_id);
    if (result == DB_OK) {
        signal_raise(tx, push_topic(arena, challenge->binding));
        result = db_commit(&tx);
    }
    db_rollback(&tx);
    return result;
}

static void log_answer(struct tenant *tenant, const struct http_exchange *x, const struct answer *answer)
{
    if (answer->accepted)
        return; /* the login that takes it says so */
    mfa_log(tenant, x->arena, x, "gd_auth_rejected",
            is_report(answer) ? "Guardian - Second factor rejected on the phone, and reported as an attack"
                              : "Guardian - Second factor rejected on the phone",
            answer->phone.user_id, &answer->phone, answer->reason);
}

enum push_answer_result push_answer(struct tenant *tenant, const struct http_exchange *x, const char *txtkn,
                                    const char *challenge_response)
{
    struct answer answer = {0};
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant->db, &tx) != DB_OK)
        return PUSH_FAILED;
    enum push_answer_result result = read_answer(tenant, x, tx, txtkn, challenge_response, &answer);
    db_end(&tx);
    if (result != PUSH_ANSWERED)
        return result;
    enum db_result stored = DB_CONFLICT;
    for (int attempt = 0; attempt < ATTEMPTS && stored == DB_CONFLICT; attempt++)
        stored = store_answer(tenant, x->arena, &answer);
    if (stored == DB_NOT_FOUND)
        return PUSH_GONE;
    if (stored != DB_OK)
        return PUSH_FAILED;
    log_answer(tenant, x, &answer);
    return answer.wrong_number ? PUSH_WRONG_NUMBER : PUSH_ANSWERED;
}

const char *push_topic(struct arena *arena, const char *binding)
{
    return arena_printf(arena, "tx:%s", binding);
}

const char *push_device_topic(struct arena *arena, const char *authenticator_id)
{
    return arena_printf(arena, "device:%s", authenticator_id);
}

enum db_result push_state_read(struct db_tx *tx, struct arena *arena, const char *binding, int64_t now,
                               enum push_state *state, struct push_challenge *challenge)
{
    struct push_challenge latest;
    *state = PUSH_NONE;
    enum db_result result = push_challenge_latest(tx, arena, binding, &latest);
    if (challenge != NULL)
        *challenge = latest;
    if (result == DB_NOT_FOUND)
        return DB_OK;
    if (result != DB_OK)
        return result;
    if (strcmp(latest.status, "accepted") == 0 || strcmp(latest.status, "spent") == 0)
        *state = PUSH_ACCEPTED;
    else if (strcmp(latest.status, "rejected") == 0)
        *state = PUSH_REJECTED;
    else
        *state = is_open(&latest, now) ? PUSH_PENDING : PUSH_EXPIRED;
    return DB_OK;
}
