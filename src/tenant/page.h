/* Answering with a page of web/login: the tenant's name, the reader's language, and the headers that protect it. */
#ifndef COUNTERSIGN_TENANT_PAGE_H
#define COUNTERSIGN_TENANT_PAGE_H

#include "tenant/tenant.h"

struct page_frame {
    const char *ui_locales;   /* of the application's request; NULL: Accept-Language alone */
    const char *client_name;  /* the variable clientName; NULL: the tenant's name */
    const char *company_name; /* the variable companyName; NULL: it is read from the store */
    /*
     * Where a form of this page may lead in the end: the application's redirect_uri. Chromium holds every redirect after a
     * form's POST against form-action, those of the application included, so such a page allows https and this URI's scheme
     * besides ourselves. NULL: its forms stay here.
     */
    const char *leads_to;
    /* Whether it runs our own wait.js, which listens for what it waits for; all other pages run no script. */
    bool waits;
};

/* The language that such a page has. */
const char *tenant_page_language(const struct http_exchange *x, const struct page_frame *frame) NODISCARD;

/*
 * Renders `template` with `variables` (a document with an object as its root; NULL: none) and replies with it: HTML, never
 * cached, never framed, without script but where frame->waits. `frame` may be NULL. clientName and companyName are added to the variables.
 */
void tenant_reply_page(struct http_exchange *x, int status, const char *template,
                       const struct page_frame *frame, yyjson_mut_doc *variables);

/*
 * The error page. `problem` picks its words: "generic", "expired", "notFound", "callbackMismatch", "unknownClient",
 * "tooManyRequests", "logoutUrl". `code` and `description` (the protocol's error; may be NULL) are shown small below.
 */
void tenant_reply_error_page(struct http_exchange *x, int status, const struct page_frame *frame,
                             const char *problem, const char *code, const char *description);

/*
 * Whether a POST came from one of our own pages: its Origin is the issuer's, or there is none (not a browser, or a very old
 * one; the transaction's cookie guards those).
 */
bool tenant_is_own_form(const struct http_exchange *x) NODISCARD;

#endif
