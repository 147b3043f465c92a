/* Keys as operators have them from others' services: PEM texts and PKCS#12 files, read into what the rest of the code takes. */
#ifndef COUNTERSIGN_CRYPTO_PEM_H
#define COUNTERSIGN_CRYPTO_PEM_H

#include "base/arena.h"
#include "base/bytes.h"

#include <stdbool.h>

/*
 * Signs by ECDSA on P-256 with SHA-256 (ES256: r and s, 64 bytes) with a private key as PEM (PKCS#8 or SEC 1, not encrypted,
 * such as Apple's .p8); false where it is no such key.
 */
bool pem_sign_es256(const char *pem, struct bytes data, uint8_t signature[64]) NODISCARD;

/*
 * The certificate and the key of a PKCS#12 file without a password (or with an empty one), as one PEM text; NULL where it is
 * none, they do not belong together, or one is missing. Files as old as macOS makes them (RC2, 3DES) are read where OpenSSL's
 * legacy provider is installed.
 */
char *pem_of_pkcs12(struct arena *arena, struct bytes file) NODISCARD;

#endif
