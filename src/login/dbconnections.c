#include "login/dbconnections.h"

#include "login/account.h"
#include "login/database.h"
#include "login/reset_request.h"
#include "page/page.h"
#include "store/clients.h"

#include <string.h>

enum { METADATA_KEYS = 10, METADATA_NAME_LARGEST = 100, METADATA_VALUE_LARGEST = 500 };

struct signup_call {
    struct http_exchange *x;
    struct http_pairs form;
    yyjson_val *body; /* the JSON body; NULL for a form */
    struct client client;
    yyjson_val *connection;
    bool tells_existing;
};

/* The legacy shape of errors: name, code, description, statusCode. */
static void reply_error(struct http_exchange *x, int status, const char *name, const char *code,
                        const char *description)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "name", name);
    json_set_text(doc, root, "code", code);
    json_set_text(doc, root, "description", description);
    json_set_int(doc, root, "statusCode", status);
    http_reply_json(x, status, doc);
}

static void bad_request(struct http_exchange *x, const char *code, const char *description)
{
    reply_error(x, 400, "BadRequestError", code, description);
}

static void store_failure(struct http_exchange *x)
{
    reply_error(x, 500, "InternalServerError", "internal_error", "Internal server error");
}

static const char *given(const struct signup_call *call, const char *name)
{
    const char *value = http_pair(&call->form, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *language_of(const struct http_exchange *x)
{
    const char *asked = http_header(x, "x-request-language");
    return page_language(NULL, asked != NULL ? asked : http_header(x, "accept-language"));
}

/* Reads the body; on false the answer is made. */
static bool read_body(struct http_exchange *x, struct signup_call *call)
{
    *call = (struct signup_call){.x = x};
    const char *type = http_header(x, "content-type");
    bool is_json = type != NULL && strncmp(type, "application/json", 16) == 0;
    if (!http_form(x, &call->form) || (is_json && http_json(x, &call->body) != JSON_FINE)) {
        bad_request(x, "invalid_body", "Invalid request body.");
        return false;
    }
    return true;
}

static bool require(struct signup_call *call, const char *name)
{
    if (given(call, name) != NULL)
        return true;
    bad_request(call->x, "invalid_request", arena_printf(call->x->arena, "missing %s parameter", name));
    return false;
}

static enum db_result find_connection(struct signup_call *call, struct db_tx *tx)
{
    struct http_exchange *x = call->x;
    yyjson_val **docs = NULL;
    size_t count = 0;
    enum db_result result =
        client_by_id(tx, x->arena, tenant_of(x)->keyring, given(call, "client_id"), &call->client);
    if (result == DB_OK)
        result = connections_of_client(tx, x->arena, call->client.client_id, &docs, &count);
    if (result == DB_NOT_FOUND)
        return DB_OK;
    const char *wanted = given(call, "connection");
    for (size_t i = 0; result == DB_OK && i < count; i++) {
        const char *name = json_text(docs[i], "name");
        if (name != NULL && strcmp(name, wanted) == 0)
            call->connection = docs[i];
    }
    call->tells_existing = account_tells_existing(tx, x->arena);
    return result;
}

/* The client and its connection; on false the answer is made. */
static bool read_connection(struct signup_call *call)
{
    struct http_exchange *x = call->x;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = find_connection(call, tx);
    db_end(&tx);
    if (result != DB_OK)
        store_failure(x);
    else if (call->client.client_id == NULL)
        bad_request(x, "invalid_request",
                    arena_printf(x->arena, "Unknown client: %s", given(call, "client_id")));
    else if (call->connection == NULL)
        bad_request(x, "invalid_connection",
                    arena_printf(x->arena, "Connection not found or not enabled for the client: %s",
                                 given(call, "connection")));
    return result == DB_OK && call->connection != NULL;
}

/* user_metadata of a signup: texts only, within Auth0's limits. False where it is none. */
static bool metadata_fits(yyjson_val *metadata)
{
    if (metadata == NULL)
        return true;
    if (!yyjson_is_obj(metadata) || yyjson_obj_size(metadata) > METADATA_KEYS)
        return false;
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(metadata, index, count, key, value)
    {
        if (yyjson_get_len(key) > METADATA_NAME_LARGEST || strpbrk(yyjson_get_str(key), ".$") != NULL ||
            !yyjson_is_str(value) || yyjson_get_len(value) > METADATA_VALUE_LARGEST)
            return false;
    }
    return true;
}

/* The limits that the Management API has too: whoever signs up must not store at will. False where it is answered. */
static bool members_fit(struct signup_call *call)
{
    static const struct {
        const char *name;
        size_t largest;
    } limits[] = {
        {"given_name", 150}, {"family_name", 150}, {"name", 300}, {"nickname", 300}, {"picture", 2048}};
    for (size_t i = 0; i < ARRAY_LENGTH(limits); i++) {
        const char *value = given(call, limits[i].name);
        if (value == NULL || strlen(value) <= limits[i].largest)
            continue;
        bad_request(call->x, "invalid_request",
                    arena_printf(call->x->arena, "%s is too long", limits[i].name));
        return false;
    }
    return true;
}

static yyjson_mut_doc *profile_of(struct signup_call *call)
{
    static const char *const members[] = {"email",       "username", "phone_number", "given_name",
                                          "family_name", "name",     "nickname",     "picture"};
    yyjson_mut_doc *doc = json_new_object(call->x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++)
        json_set_text(doc, root, members[i], given(call, members[i]));
    yyjson_val *metadata = json_member(call->body, "user_metadata");
    if (metadata != NULL && yyjson_obj_size(metadata) > 0)
        json_set(doc, root, "user_metadata", yyjson_val_mut_copy(doc, metadata));
    return doc;
}

static void reply_made(struct signup_call *call, yyjson_mut_doc *profile, const char *user_id)
{
    yyjson_mut_val *made = yyjson_mut_doc_get_root(profile);
    yyjson_mut_doc *doc = json_new_object(call->x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    static const char *const members[] = {"username", "phone_number", "given_name", "family_name",
                                          "name",     "nickname",     "picture"};
    const char *bar = strchr(user_id, '|');
    json_set_text(doc, root, "_id", bar != NULL ? bar + 1 : user_id);
    json_set_text(doc, root, "email", json_mut_text(made, "email"));
    json_set_bool(doc, root, "email_verified", false);
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        if (given(call, members[i]) != NULL)
            json_set_text(doc, root, members[i], json_mut_text(made, members[i]));
    }
    if (given(call, "phone_number") != NULL)
        json_set_bool(doc, root, "phone_verified", false);
    yyjson_mut_val *metadata = json_mut_member(made, "user_metadata");
    if (metadata != NULL)
        json_set(doc, root, "user_metadata", yyjson_mut_val_mut_copy(doc, metadata));
    http_reply_json(call->x, 200, doc);
}

static void reply_bad_password(struct signup_call *call, enum password_fault fault)
{
    struct http_exchange *x = call->x;
    struct password_policy policy = password_policy_of(call->connection);
    switch (fault) {
    case PASSWORD_TOO_COMMON:
        reply_error(x, 400, "PasswordDictionaryError", "password_dictionary_error", "Password is too common");
        break;
    case PASSWORD_PERSONAL:
        reply_error(x, 400, "PasswordNoUserInfoError", "password_no_user_info_error",
                    "Password contains user information");
        break;
    case PASSWORD_TOO_LONG:
        bad_request(x, "invalid_password", "Password is too long");
        break;
    case PASSWORD_FITS:
    case PASSWORD_TOO_WEAK:
        http_reply_json(x, 400, password_strength_error(&policy, x->arena, given(call, "password")));
        break;
    }
}

static void log_signup(struct signup_call *call, const char *type, const char *description,
                       const char *user_id)
{
    tenant_log(tenant_of(call->x), call->x,
               (struct log_entry){.type = type,
                                  .description = description,
                                  .connection = json_text(call->connection, "name"),
                                  .connection_id = json_text(call->connection, "id"),
                                  .client_id = call->client.client_id,
                                  .client_name = json_text(call->client.doc, "name"),
                                  .strategy = "auth0",
                                  .user_id = user_id,
                                  .user_name = given(call, "email")});
}

static void reply_refused(struct signup_call *call, enum account_result result, enum password_fault fault)
{
    struct http_exchange *x = call->x;
    switch (result) {
    case ACCOUNT_BAD_EMAIL:
        bad_request(x, "invalid_signup", "Invalid sign up");
        break;
    case ACCOUNT_BAD_USERNAME:
        bad_request(x, "invalid_signup", "Invalid username");
        break;
    case ACCOUNT_BAD_PASSWORD:
        reply_bad_password(call, fault);
        break;
    case ACCOUNT_EXISTS:
        log_signup(call, "fs", "The user already exists.", NULL);
        if (call->tells_existing)
            bad_request(x, "user_exists", "The user already exists.");
        else
            bad_request(x, "invalid_signup", "Invalid sign up");
        break;
    case ACCOUNT_THROTTLED:
    case ACCOUNT_BUSY:
        log_signup(call, "fs", "Too many requests.", NULL);
        reply_error(x, 429, "TooManyRequests", "too_many_requests", "Global rate limit exceeded");
        break;
    default:
        store_failure(x);
    }
}

void dbconnections_signup(struct http_exchange *x)
{
    struct signup_call call;
    if (!read_body(x, &call) || !require(&call, "client_id") || !require(&call, "connection") ||
        !require(&call, "password") || !read_connection(&call))
        return;
    if (!database_allows_signup(call.connection)) {
        bad_request(x, "public_signup_disabled", "Public signup is disabled");
        return;
    }
    if (!metadata_fits(json_member(call.body, "user_metadata"))) {
        bad_request(x, "invalid_request",
                    "user_metadata: at most 10 texts of 500 characters, with names of 100");
        return;
    }
    if (!members_fit(&call))
        return;
    struct account_wish wish = {
        .x = x,
        .arena = x->arena,
        .connection = call.connection,
        .profile = profile_of(&call),
        .password = given(&call, "password"),
        .client_id = call.client.client_id,
        .language = language_of(x),
    };
    struct account_outcome outcome;
    enum account_result result = account_make(&wish, &outcome);
    if (result != ACCOUNT_MADE) {
        reply_refused(&call, result, outcome.fault);
        return;
    }
    log_signup(&call, "ss", NULL, outcome.user_id);
    reply_made(&call, wish.profile, outcome.user_id);
}

void dbconnections_change_password(struct http_exchange *x)
{
    struct signup_call call;
    if (!read_body(x, &call) || !require(&call, "connection"))
        return;
    const char *identifier = given(&call, "email");
    if (identifier == NULL)
        identifier = given(&call, "username");
    if (identifier == NULL) {
        bad_request(x, "invalid_request", "missing email parameter");
        return;
    }
    if (given(&call, "client_id") != NULL && !read_connection(&call))
        return;
    struct reset_wish wish = {
        .connection = given(&call, "connection"),
        .identifier = identifier,
        .client_id = call.client.client_id,
        .language = language_of(x),
    };
    if (reset_send(x, &wish) != DB_OK) {
        store_failure(x);
        return;
    }
    http_reply(x, 200, "text/html", "We've just sent you an email to reset your password.");
}
