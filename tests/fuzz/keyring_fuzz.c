/* A keyring's text, then a sealed text: what opens was sealed by one of its keys. */
#include "crypto/keyring.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *text = arena_strndup(arena, (const char *)data, size);
    const char *error = NULL;
    struct bytes secret;
    struct keyring *keyring = keyring_parse(arena, text, &error);
    if ((keyring == NULL) != (error != NULL))
        __builtin_trap();
    if (keyring != NULL) {
        const char *sealed = keyring_seal(keyring, arena, "p", bytes_of_text(text));
        if (!keyring_open(keyring, arena, "p", sealed, &secret) || secret.size != strlen(text))
            __builtin_trap();
        keyring_free(&keyring);
    }
    keyring = keyring_parse(arena, "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", &error);
    if (keyring_open(keyring, arena, "p", text, &secret))
        __builtin_trap();
    keyring_free(&keyring);
    arena_destroy(&arena);
    return 0;
}
