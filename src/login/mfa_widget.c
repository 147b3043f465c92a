/*
 * The operator's own page for second factors (guardian_mfa_page of the tenant's settings): a Liquid template with
 * auth0-guardian-js, or the like, in it. It is given a token by which it speaks the widget's protocol (src/guardian), and
 * posts back the signature that it gets there.
 */
#include "login/mfa.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "mfa/browser_token.h"
#include "script/liquid.h"
#include "store/settings.h"

#include <string.h>

static const char own_path[] = "/u/mfa-widget";

/* The operator's HTML; NULL where there is none, or it is switched off. */
static const char *own_html(struct tenant *tenant, struct db_tx *tx, struct arena *arena)
{
    yyjson_val *settings = NULL;
    if (settings_get(tx, arena, "tenant", &settings) != DB_OK)
        return NULL;
    yyjson_val *page = json_member(settings, "guardian_mfa_page");
    const char *html = json_text(page, "html");
    bool is_on =
        json_bool(page, "enabled", false) && html != NULL && html[0] != '\0' && tenant->scripts != NULL;
    return is_on ? html : NULL;
}

bool mfa_has_own_page(struct tenant *tenant, struct db_tx *tx, struct arena *arena)
{
    return own_html(tenant, tx, arena) != NULL;
}

static const char *read_own_html(struct http_exchange *x)
{
    struct db_tx *tx = NULL;
    const char *html = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) == DB_OK)
        html = own_html(tenant_of(x), tx, x->arena);
    db_end(&tx);
    return html;
}

/* --- what the template is given --- */

static yyjson_mut_doc *new_variables(struct http_exchange *x, const struct user *user, const char *post_url)
{
    struct tenant *tenant = tenant_of(x);
    struct db_tx *tx = NULL;
    const char *friendly_name = tenant_name(tenant, x->arena);
    if (db_begin_read(tenant->db, &tx) == DB_OK)
        friendly_name = tenant_friendly_name(tenant, tx, x->arena);
    db_end(&tx);
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *person = yyjson_mut_obj(doc);
    const char *email = json_text(user->doc, "email");
    json_set_text(doc, root, "mfaServerUrl",
                  arena_printf(x->arena, "%sappliance-mfa", tenant->config->issuer));
    json_set_text(doc, root, "postActionURL", post_url);
    json_set_text(doc, root, "globalTrackingId", x->request.request_id);
    json_set_text(doc, root, "stateCheckingMechanism", "polling");
    json_set(doc, root, "errors", yyjson_mut_arr(doc));
    json_set_text(doc, person, "userId", user->user_id);
    json_set_text(doc, person, "email", email);
    json_set_text(doc, person, "friendlyUserId", email != NULL ? email : user->user_id);
    json_set_text(doc, person, "tenant", tenant_name(tenant, x->arena));
    json_set_text(doc, person, "tenantFriendlyName", friendly_name);
    json_set(doc, root, "userData", person);
    return doc;
}

/*
 * The page runs the operator's scripts, from wherever they have them; it is never framed; its form leads here, and on to
 * the application.
 */
static void add_headers(struct http_exchange *x)
{
    http_set_header(x, "Content-Security-Policy",
                    "default-src 'self' https: data: blob: 'unsafe-inline'; connect-src 'self' https: wss:; "
                    "base-uri 'none'; frame-ancestors 'none'");
    http_set_header(x, "Referrer-Policy", "same-origin");
    http_set_header(x, "Cache-Control", "no-store");
}

/* False where the template cannot be rendered: then our own pages serve. */
static bool reply_own_page(struct http_exchange *x, int status, const char *html, yyjson_mut_doc *variables)
{
    const char *error = NULL;
    const char *text = html == NULL ? NULL
                                    : liquid_render(tenant_of(x)->scripts, x->arena, html,
                                                    yyjson_mut_doc_get_root(variables), &error);
    if (text == NULL) {
        LOG_ERROR("login.own_mfa_page", LOG_TEXT("error", error != NULL ? error : "there is none"));
        return false;
    }
    add_headers(x);
    http_reply(x, status, "text/html", text);
    return true;
}

/* --- of a login --- */

static bool is_usable(const struct mfa_transaction *transaction)
{
    return json_mut_text(transaction->root, "method") == NULL;
}

static void begin(struct mfa_page *page, struct mfa_transaction *transaction)
{
    int64_t started_at = json_mut_int(page->mfa, "started_at", page->factor.now);
    *transaction = (struct mfa_transaction){
        .id = random_id(page->login.arena, "tx_", 24),
        .user_id = page->user.user_id,
        .doc = json_new_object(page->login.arena),
        .created_at = started_at,
        .expires_at = started_at + MFA_TRANSACTION_MS,
    };
    transaction->root = yyjson_mut_doc_get_root(transaction->doc);
    json_set_text(transaction->doc, transaction->root, "login", page->factor.binding);
    json_set_text(transaction->doc, transaction->root, "provider", page->factor.provider);
    json_set_text(page->doc, page->mfa, "widget", transaction->id);
}

/* The login's transaction of the widget, the same one whenever the page is loaded again. False where the answer is made. */
static bool open_transaction(struct mfa_page *page, struct mfa_transaction *transaction)
{
    struct login_call *call = &page->login;
    const char *id = json_mut_text(page->mfa, "widget");
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    enum db_result found = DB_NOT_FOUND;
    if (result == DB_OK && id != NULL)
        found = mfa_transaction_by_id(tx, call->arena, id, page->factor.now, transaction);
    if (result == DB_OK && (found == DB_NOT_FOUND || (found == DB_OK && !is_usable(transaction)))) {
        begin(page, transaction);
        result = mfa_transaction_save(tx, call->arena, transaction);
        if (result == DB_OK)
            result = login_transaction_save(tx, call->arena, call->transaction);
    } else if (result == DB_OK) {
        result = found;
    }
    return login_end_write(call, &tx, result);
}

static void show(struct mfa_page *page, int status, const char *error)
{
    struct login_call *call = &page->login;
    struct mfa_transaction transaction;
    struct db_tx *tx = NULL;
    const char *token = NULL;
    if (!open_transaction(page, &transaction))
        return;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        token = browser_token_make(call->tenant, tx, call->arena, BROWSER_TOKEN_REQUEST, &transaction,
                                   page->factor.now);
    db_end(&tx);
    yyjson_mut_doc *doc = new_variables(call->x, &page->user, login_url(call, own_path));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "requestToken", token);
    json_set_bool(doc, root, "allowRememberBrowser", mfa_may_remember(page));
    if (error != NULL)
        yyjson_mut_arr_add_strcpy(doc, json_mut_member(root, "errors"), error);
    if (token == NULL)
        login_reply_store_failure(call);
    else if (!reply_own_page(call->x, status, read_own_html(call->x), doc))
        login_go(call, mfa_plain_path(page));
}

void mfa_get_widget(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    if (page.has_own_page && !page.is_ticket && mfa_next_path(&page) != NULL)
        show(&page, 200, NULL);
    else
        mfa_go_on(&page);
}

/* Reads the accepted transaction that a signature is of; DB_NOT_FOUND where it is of none. */
static enum db_result read_signed(struct http_exchange *x, struct db_tx *tx, const char *signature,
                                  struct mfa_transaction *transaction)
{
    const char *txid;
    int64_t now = clock_now_ms();
    if (browser_token_read(tenant_of(x), tx, x->arena, BROWSER_TOKEN_SIGNATURE, signature, now, &txid) !=
        BROWSER_TOKEN_FINE)
        return DB_NOT_FOUND;
    enum db_result result = mfa_transaction_by_id(tx, x->arena, txid, now, transaction);
    if (result == DB_OK && is_usable(transaction))
        return DB_NOT_FOUND;
    return result;
}

static enum db_result pass(struct mfa_page *page, struct db_tx *tx)
{
    struct mfa_transaction transaction;
    enum db_result result =
        read_signed(page->login.x, tx, login_field(&page->login, "signature"), &transaction);
    const char *login = result == DB_OK ? json_mut_text(transaction.root, "login") : NULL;
    if (result == DB_OK && (login == NULL || !text_equal_secret(login, page->factor.binding) ||
                            strcmp(transaction.user_id, page->user.user_id) != 0))
        return DB_NOT_FOUND;
    if (result == DB_OK)
        result = mfa_transaction_finish(tx, &transaction);
    return result == DB_OK ? mfa_store_passed(page, tx) : result;
}

void mfa_post_widget(struct http_exchange *x)
{
    struct mfa_page page;
    struct db_tx *tx = NULL;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    page.remember = mfa_remember_ticked(&page);
    enum db_result result = page.is_ticket ? DB_NOT_FOUND : db_begin_write(page.login.tenant->db, &tx);
    if (result == DB_OK)
        result = pass(&page, tx);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_OK)
        mfa_passed(&page, NULL);
    else if (result == DB_CONFLICT)
        login_reply_conflict(&page.login);
    else if (result != DB_NOT_FOUND)
        login_reply_store_failure(&page.login);
    else if (page.has_own_page && !page.is_ticket)
        show(&page, 400, "The signature is not valid, or was used.");
    else
        mfa_go_on(&page);
}

/* --- of an enrolment ticket --- */

bool mfa_reply_own_ticket_page(struct http_exchange *x, const char *ticket, const struct user *user)
{
    const char *html = read_own_html(x);
    if (html == NULL)
        return false;
    yyjson_mut_doc *doc =
        new_variables(x, user, arena_printf(x->arena, "%smfa/enrollment", tenant_of(x)->config->issuer));
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "ticket", ticket);
    return reply_own_page(x, 200, html, doc);
}

void mfa_post_enrollment_ticket(struct http_exchange *x)
{
    struct http_pairs form;
    struct mfa_transaction transaction;
    struct db_tx *tx = NULL;
    const char *signature = http_form(x, &form) ? http_pair(&form, "signature") : NULL;
    enum db_result result = signature == NULL ? DB_NOT_FOUND : db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = read_signed(x, tx, signature, &transaction);
    db_end(&tx);
    bool is_enrolled = result == DB_OK && json_mut_text(transaction.root, "ticket") != NULL;
    mfa_reply_enroll_result(x, is_enrolled ? "enrolled" : "genericError");
}
