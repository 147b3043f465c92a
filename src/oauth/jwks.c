/* GET /.well-known/jwks.json (RFC 7517), and the current key's certificate at /pem, /rawpem, /cer and /pb7. */
#include "oauth/endpoints.h"

#include "oauth/oauth.h"

void endpoint_jwks(struct http_exchange *x)
{
    const struct signing_key **keys = NULL;
    size_t count = 0;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = tenant_published_keys(tenant_of(x), tx, x->arena, &keys, &count);
    db_end(&tx);
    if (result != DB_OK) {
        oauth_fail_internally(x);
        return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < count; i++)
        yyjson_mut_arr_add_val(list, signing_key_jwk(keys[i], doc));
    yyjson_mut_obj_add_val(doc, yyjson_mut_doc_get_root(doc), "keys", list);
    http_reply_json(x, 200, doc);
    http_set_header(x, "Cache-Control",
                    "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400");
    http_set_header(x, "Access-Control-Allow-Origin", "*");
}

static const struct signing_key *current_key(struct http_exchange *x)
{
    const struct signing_key *key = NULL;
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) == DB_OK)
        key = tenant_signing_key(tenant_of(x), tx);
    db_end(&tx);
    if (key == NULL)
        oauth_fail_internally(x);
    return key;
}

static void name_download(struct http_exchange *x, const char *extension)
{
    http_set_header(x, "Content-Disposition",
                    arena_printf(x->arena, "attachment; filename=\"%s.%s\"",
                                 tenant_name(tenant_of(x), x->arena), extension));
}

void endpoint_certificate_pem(struct http_exchange *x)
{
    const struct signing_key *key = current_key(x);
    if (key == NULL)
        return;
    http_reply(x, 200, "application/x-pem-file", signing_key_certificate_pem(key, x->arena));
    name_download(x, "pem");
}

void endpoint_certificate_der(struct http_exchange *x)
{
    const struct signing_key *key = current_key(x);
    if (key == NULL)
        return;
    http_reply_bytes(x, 200, "application/x-x509-ca-cert", signing_key_certificate_der(key, x->arena));
    name_download(x, "cer");
}

void endpoint_certificate_pkcs7(struct http_exchange *x)
{
    const struct signing_key *key = current_key(x);
    if (key == NULL)
        return;
    http_reply(x, 200, "application/x-pkcs7-certificates", signing_key_pkcs7_pem(key, x->arena));
    name_download(x, "pb7");
}
