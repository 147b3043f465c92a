/* Enrolment tickets, and single enrolments by their id. */
#include "base/clock.h"
#include "management/resources.h"
#include "management/users.h"
#include "mfa/tickets.h"

#include <string.h>

/* The user of a ticket by id; false where it was answered. */
static bool read_user(struct call *call, const char *user_id, struct user *user)
{
    struct db_tx *tx = NULL;
    if (!call_read(call, &tx)) {
        return false;
    }
    bool found = user_visible(call, tx, user_id, user);
    db_end(&tx);
    return found;
}

static void create_ticket(struct call *call)
{
    struct user user;
    const char *ticket_id = NULL, *ticket_url = NULL;
    struct ticket_wish wish = {
        .email = json_text(call->body, "email"),
        .send_mail = json_bool(call->body, "send_mail", false),
        .email_locale = json_text(call->body, "email_locale"),
        .factor = json_text(call->body, "factor"),
        .allow_multiple_enrollments = json_bool(call->body, "allow_multiple_enrollments", false),
    };
    if (!read_user(call, json_text(call->body, "user_id"), &user)) {
        return;
    }
    if (ticket_create(call->tenant, call->x, call->arena, &user, &wish, &ticket_id, &ticket_url) != DB_OK) {
        (void)management_store_failed(call->x);
        return;
    }
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "ticket_id", ticket_id);
    json_set_text(doc, root, "ticket_url", ticket_url);
    http_reply_json(call->x, 200, doc);
}

static void add_ticket(struct call *call, yyjson_mut_doc *doc, const struct enrollment_ticket *ticket)
{
    yyjson_mut_val *shown = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
    json_set_text(doc, shown, "id", ticket->id);
    json_set_text(doc, shown, "user_id", ticket->user_id);
    json_set_text(doc, shown, "email", json_text(ticket->doc, "email"));
    json_set_bool(doc, shown, "send_mail", json_bool(ticket->doc, "send_mail", false));
    json_set_text(doc, shown, "email_locale", json_text(ticket->doc, "email_locale"));
    json_set_text(doc, shown, "factor", json_text(ticket->doc, "factor"));
    json_set_bool(doc, shown, "allow_multiple_enrollments",
                  json_bool(ticket->doc, "allow_multiple_enrollments", false));
    json_set_text(doc, shown, "created_at", clock_iso8601(call->arena, ticket->created_at));
    json_set_text(doc, shown, "expires_at", clock_iso8601(call->arena, ticket->expires_at));
}

static void list_tickets(struct call *call)
{
    struct user user;
    struct db_tx *tx = NULL;
    struct enrollment_ticket *tickets = NULL;
    size_t count = 0;
    if (!call_read(call, &tx)) {
        return;
    }
    if (!user_visible(call, tx, json_text(call->query, "user_id"), &user)) {
        db_end(&tx);
        return;
    }
    enum db_result result =
        enrollment_tickets_open(tx, call->arena, user.user_id, clock_now_ms(), &tickets, &count);
    db_end(&tx);
    if (result != DB_OK) {
        (void)management_store_failed(call->x);
        return;
    }
    yyjson_mut_doc *doc = json_new_array(call->arena);
    for (size_t i = 0; i < count; i++) {
        add_ticket(call, doc, &tickets[i]);
    }
    http_reply_json(call->x, 200, doc);
}

static void revoke_ticket(struct call *call)
{
    struct db_tx *tx = NULL;
    if (!call_write(call, &tx)) {
        return;
    }
    enum db_result result = enrollment_ticket_void(tx, http_parameter(call->x, "id"), clock_now_ms());
    if (result != DB_OK) {
        db_rollback(&tx);
        (void)(result == DB_NOT_FOUND
                   ? management_error(call->x, 404, "The ticket does not exist.", "inexistent_ticket")
                   : management_store_failed(call->x));
        return;
    }
    if (call_commit(call, &tx)) {
        http_reply_empty(call->x, 204);
    }
}

/* The enrolment that the path names, with or without its type before the bar; false where it was answered. */
static bool enrollment_of_path(struct call *call, struct db_tx *tx, struct authenticator *authenticator)
{
    const char *id = http_parameter(call->x, "id");
    const char *bar = strchr(id, '|');
    enum db_result result = authenticator_by_id(tx, call->arena, call->tenant->keyring,
                                                bar != NULL ? bar + 1 : id, authenticator);
    struct record record;
    if (result == DB_OK) {
        result = record_by_id(call, tx, &users_resource, authenticator->user_id, &record);
    }
    if (result == DB_NOT_FOUND) {
        return management_error(call->x, 404, "Enrollment not found", "enrollment_not_found");
    }
    return result == DB_OK || management_store_failed(call->x);
}

static void read_enrollment(struct call *call)
{
    struct authenticator authenticator;
    struct db_tx *tx = NULL;
    if (!call_read(call, &tx)) {
        return;
    }
    bool found = enrollment_of_path(call, tx, &authenticator);
    db_end(&tx);
    if (!found) {
        return;
    }
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "id", authenticator.id);
    json_set_text(doc, root, "status", authenticator.confirmed ? "confirmed" : "pending");
    const char *phone = json_text(authenticator.doc, "phone_number");
    json_set_text(doc, root, "name", json_text(authenticator.doc, "name"));
    json_set_text(doc, root, "identifier", json_text(authenticator.doc, "identifier"));
    json_set_text(doc, root, "phone_number", phone != NULL ? mask_phone(call->arena, phone) : NULL);
    enrollment_times(call->arena, doc, root, &authenticator);
    http_reply_json(call->x, 200, doc);
}

static void delete_enrollment(struct call *call)
{
    struct authenticator authenticator;
    struct db_tx *tx = NULL;
    if (!call_write(call, &tx)) {
        return;
    }
    if (!enrollment_of_path(call, tx, &authenticator)) {
        db_rollback(&tx);
        return;
    }
    call->user_id = authenticator.user_id;
    if (mfa_remove(call->tenant, tx, call->arena, authenticator.user_id, authenticator.id) != DB_OK) {
        db_rollback(&tx);
        (void)management_store_failed(call->x);
        return;
    }
    if (call_commit(call, &tx)) {
        http_reply_empty(call->x, 204);
    }
}

static const struct operation list[] = {
    {"POST", "/guardian/enrollments/ticket", create_ticket, NULL},
    {"GET", "/guardian/enrollments/tickets", list_tickets, NULL},
    {"DELETE", "/guardian/enrollments/tickets/{id}", revoke_ticket, NULL},
    {"GET", "/guardian/enrollments/{id}", read_enrollment, NULL},
    {"DELETE", "/guardian/enrollments/{id}", delete_enrollment, NULL},
};
const struct operations enrollments_operations = {list, ARRAY_LENGTH(list)};
