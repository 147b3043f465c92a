#include "login/first_administrator.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/password.h"
#include "login/password_rules.h"
#include "session/profile.h"
#include "store/clients.h"
#include "store/users.h"
#include "tenant/page.h"

#include <string.h>

static const char connection_name[] = "Administrators";

struct setup {
    struct http_exchange *x;
    struct tenant *tenant;
    struct arena *arena;
    struct http_pairs form;
    const char *ticket;
    struct password_policy policy;
};

static void reply_store_failure(struct setup *setup)
{
    tenant_reply_error_page(setup->x, 500, NULL, "generic", "server_error", NULL);
}

/* DB_NOT_FOUND where the link was used, has expired, or never was. */
static enum db_result read_store(struct setup *setup, struct db_tx *tx)
{
    struct db_value *row;
    yyjson_val *connection;
    enum db_result result =
        db_row(tx, setup->arena, &row,
               "SELECT used_at FROM tickets WHERE ticket_hash = ? AND kind = 'admin-sign-in' "
               "AND used_at IS NULL AND expires_at > ?",
               "ti", token_hash(setup->arena, setup->ticket), clock_now_ms());
    if (result == DB_OK)
        result = connection_by_name(tx, setup->arena, connection_name, &connection);
    if (result == DB_OK)
        setup->policy = password_policy_of(connection);
    return result;
}

/* Reads the request and its link. On false the answer is made. */
static bool open_setup(struct http_exchange *x, struct setup *setup)
{
    *setup =
        (struct setup){.x = x, .tenant = tenant_of(x), .arena = x->arena, .ticket = http_query(x, "ticket")};
    if (strcmp(x->request.method, "POST") == 0) {
        if (!tenant_is_own_form(x) || !http_form(x, &setup->form)) {
            tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request",
                                    "The form could not be read.");
            return false;
        }
        setup->ticket = http_pair(&setup->form, "ticket");
    }
    struct db_tx *tx = NULL;
    enum db_result result = setup->ticket != NULL ? db_begin_read(setup->tenant->db, &tx) : DB_NOT_FOUND;
    if (result == DB_OK)
        result = read_store(setup, tx);
    db_end(&tx);
    if (result == DB_NOT_FOUND)
        tenant_reply_error_page(x, 400, NULL, "expired", NULL, NULL);
    else if (result != DB_OK)
        reply_store_failure(setup);
    return result == DB_OK;
}

static void show_form(struct setup *setup, int status, const char *email, const char *error)
{
    yyjson_mut_doc *doc = json_new_object(setup->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    bool of_email = error != NULL && strstr(error, "email") != NULL;
    bool again = error != NULL && strcmp(error, "password-mismatch") == 0;

    json_set_text(doc, root, "ticket", setup->ticket);
    json_set_text(doc, root, "email", email);
    json_set_text(doc, root, "error", error);
    json_set_bool(doc, root, "emailError", of_email);
    json_set_bool(doc, root, "againError", again);
    json_set_bool(doc, root, "passwordError", error != NULL && !of_email && !again);
    password_rules_add(setup->arena, doc, root, tenant_page_language(setup->x, &(struct page_frame){0}),
                       &setup->policy);
    tenant_reply_page(setup->x, status, "admin-first", NULL, doc);
}

void first_administrator_get(struct http_exchange *x)
{
    struct setup setup;
    if (open_setup(x, &setup))
        show_form(&setup, 200, NULL, NULL);
}

static yyjson_mut_doc *new_profile(struct arena *arena, const char *email)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "email", email);
    json_set_bool(doc, yyjson_mut_doc_get_root(doc), "email_verified", false);
    return doc;
}

/* Spends the link and makes the account, in one write. */
static enum db_result create(struct setup *setup, yyjson_mut_doc *profile, const char *user_id,
                             const char *hash)
{
    struct db_tx *tx = NULL;
    int64_t changed = 0, now = clock_now_ms();
    enum db_result result = db_begin_write(setup->tenant->db, &tx);
    if (result == DB_OK)
        result = db_exec(tx, &changed,
                         "UPDATE tickets SET used_at = ? WHERE ticket_hash = ? AND kind = 'admin-sign-in' "
                         "AND used_at IS NULL AND expires_at > ?",
                         "iti", now, token_hash(setup->arena, setup->ticket), now);
    if (result == DB_OK && changed == 0)
        result = DB_NOT_FOUND;
    if (result == DB_OK)
        result = user_insert(tx, setup->arena, user_id, connection_name, profile);
    if (result == DB_OK)
        result = user_password_put(tx, user_id, hash);
    if (result == DB_OK)
        return db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static const char *field(const struct setup *setup, const char *name)
{
    const char *value = http_pair(&setup->form, name);
    return value != NULL ? value : "";
}

/* What is wrong with the form: the key of a text, or NULL. */
static const char *fault_of(struct setup *setup, const char *email, const char *password,
                            yyjson_mut_doc *profile)
{
    if (*email == '\0')
        return "no-email";
    if (email_canonical(setup->arena, email) == NULL)
        return "invalid-email-format";
    if (*password == '\0')
        return "no-password";
    if (strcmp(password, field(setup, "re-enter-password")) != 0)
        return "password-mismatch";
    yyjson_val *user = json_parse_own(setup->arena, json_write_doc(setup->arena, profile));
    return password_fault_key(password_policy_check(&setup->policy, setup->arena, password, user));
}

static void finish(struct setup *setup, const char *email, yyjson_mut_doc *profile, const char *hash)
{
    const char *user_id = profile_complete(setup->arena, profile, connection_name, NULL, clock_now_ms());
    enum db_result result = create(setup, profile, user_id, hash);
    if (result == DB_NOT_FOUND) {
        tenant_reply_error_page(setup->x, 400, NULL, "expired", NULL, NULL);
    } else if (result == DB_CONFLICT) {
        show_form(setup, 400, email, "email-in-use");
    } else if (result != DB_OK) {
        reply_store_failure(setup);
    } else {
        tenant_log(setup->tenant, setup->x,
                   (struct log_entry){.type = "ss",
                                      .connection = connection_name,
                                      .strategy = "auth0",
                                      .user_id = user_id,
                                      .user_name = email});
        tenant_reply_page(setup->x, 200, "admin-first-done", NULL, NULL);
    }
}

void first_administrator_post(struct http_exchange *x)
{
    struct setup setup;
    if (!open_setup(x, &setup))
        return;
    const char *email = field(&setup, "email");
    const char *password = field(&setup, "password");
    yyjson_mut_doc *profile = new_profile(x->arena, email);
    const char *fault = fault_of(&setup, email, password, profile);
    char *hash = NULL;
    if (fault != NULL)
        show_form(&setup, 400, email, fault);
    else if (!password_hash(setup.tenant->passwords, x->arena, password, &hash))
        show_form(&setup, 429, email, "too-many-requests");
    else
        finish(&setup, email, profile, hash);
}
