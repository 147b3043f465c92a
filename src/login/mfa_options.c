/* Where a second factor begins, and the choice among several: which to be asked by, which to enrol. */
#include "login/mfa.h"

#include <string.h>

/* Opens the right page: nothing has to be detected, but the application's and older links lead here. */
void mfa_get_start(struct http_exchange *x)
{
    struct mfa_page page;
    if (mfa_open(x, &page, MFA_ASKING))
        mfa_go_on(&page);
}

static void add_choice(struct mfa_page *page, yyjson_mut_val *list, const struct factor *factor,
                       const char *action, const char *detail)
{
    yyjson_mut_doc *doc = page->login.variables;
    yyjson_mut_val *choice = yyjson_mut_obj(doc);
    json_set_text(doc, choice, "action", action);
    json_set_text(doc, choice, "name", mfa_way_of(factor->kind)->text);
    json_set_text(doc, choice, "detail", detail);
    yyjson_mut_arr_append(list, choice);
}

/* "sms" for the first of its kind, as Auth0 names it; "sms::1" for the next. */
static const char *action_of(struct mfa_page *page, size_t index)
{
    const struct authenticator *enrolled = page->choice.enrolled;
    int earlier = 0;
    for (size_t i = 0; i < index; i++)
        earlier += strcmp(enrolled[i].kind, enrolled[index].kind) == 0;
    const char *name = factor_by_kind(enrolled[index].kind)->name;
    return earlier == 0 ? name : arena_printf(page->login.arena, "%s::%d", name, earlier);
}

void mfa_get_login_options(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    if (page.choice.enrolled_count < 2 || page.is_ticket) {
        mfa_go_on(&page);
        return;
    }
    struct login_call *call = &page.login;
    yyjson_mut_val *list = yyjson_mut_arr(call->variables);
    for (size_t i = 0; i < page.choice.enrolled_count; i++) {
        const struct authenticator *authenticator = &page.choice.enrolled[i];
        const char *phone = json_text(authenticator->doc, "phone_number"),
                   *name = json_text(authenticator->doc, "name");
        add_choice(&page, list, factor_by_kind(authenticator->kind), action_of(&page, i),
                   phone != NULL ? mask_phone(call->arena, phone) : name);
    }
    json_set(call->variables, call->root, "factors", list);
    json_set_bool(call->variables, call->root, "canGoBack", true);
    login_show(call, 200, "mfa-login-options", NULL);
}

void mfa_post_login_options(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const char *action = login_action(&page.login);
    for (size_t i = 0; i < page.choice.enrolled_count && !page.is_ticket; i++) {
        if (strcmp(action_of(&page, i), action) != 0)
            continue;
        json_set_text(page.doc, page.mfa, "selected", page.choice.enrolled[i].id);
        if (login_save(&page.login))
            mfa_go_on(&page);
        return;
    }
    mfa_go_on(&page); /* back-action, or a factor that is gone */
}

void mfa_get_enroll_options(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    struct login_call *call = &page.login;
    yyjson_mut_val *list = yyjson_mut_arr(call->variables);
    for (size_t i = 0; i < factors_count; i++)
        if (mfa_may_enroll(&page, factors[i]->name))
            add_choice(&page, list, factors[i], factors[i]->name, NULL);
    if (yyjson_mut_arr_size(list) == 0) {
        mfa_go_on(&page);
        return;
    }
    json_set(call->variables, call->root, "factors", list);
    json_set_bool(call->variables, call->root, "canGoBack", json_mut_member(page.mfa, "enrolling") != NULL);
    login_show(call, 200, "mfa-begin-enroll-options", NULL);
}

void mfa_post_enroll_options(struct http_exchange *x)
{
    struct mfa_page page;
    if (!mfa_open(x, &page, MFA_ASKING))
        return;
    const char *action = login_action(&page.login);
    if (strcmp(action, "phone") == 0)
        action = "sms";
    const struct factor *factor = factor_by_name(action);
    if (factor != NULL && mfa_may_enroll(&page, action))
        login_go(&page.login, mfa_way_of(factor->kind)->enrollment);
    else
        mfa_go_on(&page);
}
