#include "http/certificate.h"

#include "base/buffer.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum { LARGEST_FILE = 1024 * 1024 };

static const char *read_file(struct arena *arena, const char *path, const char **error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *error = arena_printf(arena, "%s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    struct buffer text = buffer_create(arena, LARGEST_FILE);
    char piece[4096];
    for (size_t got = fread(piece, 1, sizeof piece, file); got > 0; got = fread(piece, 1, sizeof piece, file))
        buffer_add_bytes(&text, piece, got);
    fclose(file);
    explicit_bzero(piece, sizeof piece);
    return buffer_text(&text);
}

static bool fit(struct arena *arena, const char *chain_file, const char *key_file, const char **error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    *error = NULL;
    if (context == NULL)
        *error = "OpenSSL gives no TLS context";
    else if (SSL_CTX_use_certificate_chain_file(context, chain_file) != 1)
        *error = arena_printf(arena, "%s holds no certificate chain in PEM", chain_file);
    else if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(context) != 1)
        *error = arena_printf(arena, "%s holds no private key in PEM that fits %s", key_file, chain_file);
    SSL_CTX_free(context);
    ERR_clear_error();
    return *error == NULL;
}

bool certificate_read(struct arena *arena, const char *chain_file, const char *key_file,
                      struct certificate *certificate, const char **error)
{
    if (key_file == NULL) {
        *error = "a TLS certificate needs its private key";
        return false;
    }
    certificate->chain = read_file(arena, chain_file, error);
    if (certificate->chain == NULL)
        return false;
    certificate->private_key = read_file(arena, key_file, error);
    return certificate->private_key != NULL && fit(arena, chain_file, key_file, error);
}
