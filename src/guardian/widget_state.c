#include "guardian/widget.h"
#include "mfa/push.h"

#include <inttypes.h>
#include <string.h>

enum { REJECTED_MS = 4000 };

static void add_name(yyjson_mut_doc *doc, yyjson_mut_val *names, const char *name)
{
    size_t index, count;
    yyjson_mut_val *entry;
    yyjson_mut_arr_foreach(names, index, count, entry)
    {
        if (strcmp(yyjson_mut_get_str(entry), name) == 0)
            return;
    }
    yyjson_mut_arr_add_strcpy(doc, names, name);
}

/* The factors that the widget knows; of others (a hardware key) it would not know what to do. */
static const char *const known[] = {"push", "otp", "sms", "recovery-code"};

static bool is_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

/* What an authenticator can be asked by: a phone that is pushed to also makes one-time codes. */
static void add_methods(const struct widget_call *call, yyjson_mut_doc *doc, yyjson_mut_val *names,
                        const struct authenticator *authenticator)
{
    const char *name = widget_factor_name(factor_by_kind(authenticator->kind));
    if (is_known(name))
        add_name(doc, names, name);
    if (strcmp(name, "push") == 0 && mfa_factor_enabled(&call->settings, "otp"))
        add_name(doc, names, "otp");
}

static yyjson_mut_val *without(yyjson_mut_doc *doc, yyjson_mut_val *names, const char *name)
{
    yyjson_mut_val *rest = yyjson_mut_arr(doc);
    size_t index, count;
    yyjson_mut_val *entry;
    yyjson_mut_arr_foreach(names, index, count, entry)
    {
        if (strcmp(yyjson_mut_get_str(entry), name) != 0)
            yyjson_mut_arr_add_strcpy(doc, rest, yyjson_mut_get_str(entry));
    }
    return rest;
}

/* The newest device stands for all, with the methods of all (guardian.md C4-4). */
static const struct authenticator *newest(const struct widget_call *call)
{
    const struct authenticator *found = &call->choice.enrolled[0];
    for (size_t i = 1; i < call->choice.enrolled_count; i++)
        if (call->choice.enrolled[i].confirmed_at > found->confirmed_at &&
            factor_by_kind(call->choice.enrolled[i].kind)->counts_as_enrolled)
            found = &call->choice.enrolled[i];
    return found;
}

yyjson_mut_val *widget_describe(const struct widget_call *call, yyjson_mut_doc *doc)
{
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_val *types = yyjson_mut_arr(doc);
    const struct authenticator *device = newest(call);
    const struct authenticator *phone = widget_enrolled_of(call, "phone");
    json_set_text(doc, object, "id", device->id);
    json_set_text(doc, object, "status", "confirmed");
    json_set_text(doc, object, "name", json_text(device->doc, "name"));
    if (phone != NULL)
        json_set_text(doc, object, "phone_number",
                      mask_phone(call->arena, json_text(phone->doc, "phone_number")));
    for (size_t i = 0; i < call->choice.enrolled_count; i++)
        add_methods(call, doc, types, &call->choice.enrolled[i]);
    yyjson_mut_val *methods = without(doc, types, "recovery-code");
    if (yyjson_mut_arr_size(methods) == 0)
        yyjson_mut_arr_add_strcpy(doc, methods,
                                  "otp"); /* as the package was told of users with nothing else */
    json_set(doc, object, "methods", methods);
    json_set(doc, object, "available_methods", yyjson_mut_val_mut_copy(doc, methods));
    json_set(doc, object, "available_authenticator_types", types);
    return object;
}

yyjson_mut_val *widget_enrollable(const struct widget_call *call, yyjson_mut_doc *doc)
{
    yyjson_mut_val *names = yyjson_mut_arr(doc);
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (widget_may_enroll(call, known[i]))
            add_name(doc, names, known[i]);
    return names;
}

yyjson_mut_val *widget_askable(const struct widget_call *call, yyjson_mut_doc *doc)
{
    yyjson_mut_val *names = yyjson_mut_arr(doc);
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        for (size_t j = 0; j < call->choice.enrollable_count; j++)
            if (strcmp(widget_factor_name(call->choice.enrollable[j]), known[i]) == 0)
                add_name(doc, names, known[i]);
    return names;
}

/* --- POST transaction-state --- */

const char *widget_sign(struct widget_call *call)
{
    struct db_tx *tx = NULL;
    const char *token = NULL;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        token = browser_token_make(call->tenant, tx, call->arena, BROWSER_TOKEN_SIGNATURE, &call->transaction,
                                   call->now);
    db_end(&tx);
    return token;
}

enum widget_push widget_take_push(struct widget_call *call, int64_t *answered_at)
{
    struct push_challenge challenge;
    struct db_tx *tx = NULL;
    enum push_state state = PUSH_NONE;
    const struct authenticator *phone = widget_enrolled_of(call, "push");
    *answered_at = 0;
    if (phone == NULL || json_mut_text(call->transaction.root, "method") != NULL)
        return WIDGET_PUSH_NOTHING;
    enum db_result result = db_begin_read(call->tenant->db, &tx);
    if (result == DB_OK)
        result = push_state_read(tx, call->arena, call->transaction.id, call->now, &state, &challenge);
    db_end(&tx);
    if (result != DB_OK)
        return WIDGET_PUSH_FAILED;
    if (state == PUSH_REJECTED) {
        *answered_at = challenge.answered_at;
        return WIDGET_PUSH_REJECTED;
    }
    if (state != PUSH_ACCEPTED)
        return WIDGET_PUSH_NOTHING;
    const char *next_code;
    int64_t retry_ms;
    call->method = "push";
    enum factor_result taken = mfa_verify(&call->factor, phone, NULL, &next_code, &retry_ms);
    if (taken == FACTOR_OK)
        return WIDGET_PUSH_ACCEPTED;
    return taken == FACTOR_FAILED ? WIDGET_PUSH_FAILED : WIDGET_PUSH_NOTHING; /* taken by another call */
}

static void note_rejection(struct widget_call *call, const char *answered_at)
{
    json_set_text(call->transaction.doc, call->transaction.root, "rejected_at", answered_at);
    json_set_int(call->transaction.doc, call->transaction.root, "rejected_seen_at", call->now);
}

/*
 * The package raises an event for each reply that says "rejected", and goes on asking: the first says so, and whichever come
 * within four seconds, as the first may have been lost (guardian.md C4-2). False where the answer is made.
 */
static bool read_state(struct widget_call *call, const char **state)
{
    int64_t answered_at;
    enum widget_push push = widget_take_push(call, &answered_at);
    if (push == WIDGET_PUSH_FAILED) {
        guardian_reply_store_failure(call->x);
        return false;
    }
    *state = json_mut_text(call->transaction.root, "method") != NULL ? "accepted" : "pending";
    if (push != WIDGET_PUSH_REJECTED)
        return true;
    const char *refusal = arena_printf(call->arena, "%" PRId64, answered_at);
    const char *seen = json_mut_text(call->transaction.root, "rejected_at");
    bool is_new = seen == NULL || strcmp(seen, refusal) != 0;
    if (is_new && !widget_store(call, note_rejection, refusal))
        return false;
    if (is_new || call->now < json_mut_int(call->transaction.root, "rejected_seen_at", 0) + REJECTED_MS)
        *state = "rejected";
    return true;
}

void widget_transaction_state(struct http_exchange *x)
{
    struct widget_call call;
    const char *state;
    if (!widget_open(x, &call) || !read_state(&call, &state))
        return;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    bool is_accepted = json_mut_text(call.transaction.root, "method") != NULL;
    json_set_text(doc, root, "id", call.transaction.id);
    json_set_text(doc, root, "state", state);
    bool shows = widget_is_enrolled(&call) || (is_accepted && call.choice.enrolled_count > 0);
    json_set(doc, root, "enrollment", shows ? widget_describe(&call, doc) : yyjson_mut_null(doc));
    if (is_accepted) {
        const char *token = widget_sign(&call);
        if (token == NULL) {
            guardian_reply_store_failure(x);
            return;
        }
        json_set_text(doc, root, "token", token);
    }
    http_reply_json(x, 200, doc);
}
