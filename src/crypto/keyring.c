#include "crypto/keyring.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_SIZE = 32,
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    MOST_KEYS = 64,
    MOST_FILE_BYTES = 64 * 1024,
    MOST_ID_BYTES = 32,
};

struct key {
    char id[MOST_ID_BYTES + 1];
    uint8_t bytes[KEY_SIZE];
};

/* Which state of a file was read. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct keyring {
    char *path;            /* NULL: from a text */
    pthread_rwlock_t lock; /* guards what follows */
    struct file_state state;
    size_t count;
    struct key keys[MOST_KEYS];
};

/* Callers see the ring as constant: that it may read its file again is nobody else's matter. */
static pthread_rwlock_t *lock_of(const struct keyring *keyring)
{
    return &((struct keyring *)keyring)->lock;
}

static bool id_valid(const char *id, size_t length)
{
    if (length == 0 || length > MOST_ID_BYTES)
        return false;
    return strspn(id, RANDOM_ALPHANUMERIC "_-") >= length;
}

static const struct key *key_by_id(const struct keyring *keyring, const char *id, size_t length)
{
    for (size_t i = 0; i < keyring->count; i++) {
        const struct key *key = &keyring->keys[i];
        if (strlen(key->id) == length && memcmp(key->id, id, length) == 0)
            return key;
    }
    return NULL;
}

/* Adds the key of one line; the fault, or NULL. */
static const char *add_line(struct keyring *keyring, struct arena *arena, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || !id_valid(line, (size_t)(colon - line)))
        return "a line of a key file is ID:BASE64, with an ID of letters, digits, - and _";
    if (keyring->count == MOST_KEYS)
        return "there are more than 64 keys";
    size_t id_length = (size_t)(colon - line);
    if (key_by_id(keyring, line, id_length) != NULL)
        return "two keys have the same ID";
    struct bytes bytes;
    if (!base64_decode(arena, colon + 1, length - id_length - 1, &bytes) || bytes.size != KEY_SIZE)
        return "a key is 32 bytes in base64";
    struct key *key = &keyring->keys[keyring->count++];
    memcpy(key->id, line, id_length);
    memcpy(key->bytes, bytes.data, KEY_SIZE);
    return NULL;
}

static struct keyring *keyring_create(void)
{
    struct keyring *keyring = calloc(1, sizeof *keyring);
    if (keyring == NULL || pthread_rwlock_init(&keyring->lock, NULL) != 0)
        abort();
    return keyring;
}

struct keyring *keyring_parse(struct arena *arena, const char *text, const char **error)
{
    struct keyring *keyring = keyring_create();
    *error = NULL;
    while (*text != '\0' && *error == NULL) {
        size_t whole = strcspn(text, "\n");
        size_t length = whole;
        while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
            length--;
        if (length > 0 && text[0] != '#')
            *error = add_line(keyring, arena, text, length);
        text += whole + (text[whole] == '\n' ? 1 : 0);
    }
    if (*error == NULL && keyring->count == 0)
        *error = "there is no key";
    if (*error != NULL)
        keyring_free(&keyring);
    return keyring;
}

static char *read_all(struct arena *arena, int file, const char **error)
{
    char *text = arena_alloc(arena, MOST_FILE_BYTES + 1);
    size_t size = 0;
    while (size <= MOST_FILE_BYTES) {
        ssize_t got = read(file, text + size, MOST_FILE_BYTES + 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            *error = strerror(errno);
            return NULL;
        }
        if (got == 0)
            break;
        size += (size_t)got;
    }
    if (size > MOST_FILE_BYTES || memchr(text, '\0', size) != NULL) {
        *error = "this is no key file";
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static struct file_state state_of(const struct stat *status)
{
    return (struct file_state){status->st_dev, status->st_ino, status->st_size, status->st_mtim};
}

static bool states_equal(const struct file_state *a, const struct file_state *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

struct keyring *keyring_load_file(struct arena *arena, const char *path, const char **error)
{
    struct keyring *keyring = NULL;
    const char *cause = NULL;
    struct stat status = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        cause = strerror(errno);
    } else if (!S_ISREG(status.st_mode)) {
        cause = "this is no file";
    } else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        cause = "others may read or write it; set its mode to 0600";
    } else {
        char *text = read_all(arena, file, &cause);
        if (text != NULL)
            keyring = keyring_parse(arena, text, &cause);
    }
    if (file >= 0)
        close(file);
    *error = keyring == NULL ? arena_printf(arena, "%s: %s", path, cause) : NULL;
    if (keyring == NULL)
        return NULL;
    keyring->state = state_of(&status);
    keyring->path = strdup(path);
    if (keyring->path == NULL)
        abort();
    return keyring;
}

bool keyring_refresh(struct keyring *keyring)
{
    struct stat status;
    if (keyring->path == NULL || stat(keyring->path, &status) != 0)
        return false;
    struct file_state state = state_of(&status);
    pthread_rwlock_rdlock(&keyring->lock);
    bool is_known = states_equal(&state, &keyring->state);
    pthread_rwlock_unlock(&keyring->lock);
    if (is_known)
        return false;
    struct arena *arena = arena_create();
    const char *error = NULL;
    struct keyring *fresh = keyring_load_file(arena, keyring->path, &error);
    if (fresh == NULL) {
        LOG_ERROR("keyring.not_read_again", LOG_TEXT("cause", error));
    } else {
        pthread_rwlock_wrlock(&keyring->lock);
        keyring->state = fresh->state;
        keyring->count = fresh->count;
        memcpy(keyring->keys, fresh->keys, sizeof keyring->keys);
        pthread_rwlock_unlock(&keyring->lock);
        LOG_INFO("keyring.read_again", LOG_TEXT("first_key", fresh->keys[0].id));
    }
    arena_destroy(&arena);
    bool is_read = fresh != NULL;
    keyring_free(&fresh);
    return is_read;
}

void keyring_free(struct keyring **keyring)
{
    if (*keyring != NULL) {
        free((*keyring)->path);
        pthread_rwlock_destroy(&(*keyring)->lock);
        explicit_bzero(*keyring, sizeof **keyring);
    }
    free(*keyring);
    *keyring = NULL;
}

char *keyring_new_line(struct arena *arena)
{
    uint8_t bytes[KEY_SIZE];
    random_fill(bytes, sizeof bytes);
    char *line = arena_printf(arena, "%s:%s", random_id(arena, "k", 7),
                              base64_encode(arena, (struct bytes){bytes, KEY_SIZE}));
    explicit_bzero(bytes, sizeof bytes);
    return line;
}

/* A copy of the key that seals now; arenas wipe what they held. */
static const struct key *first_key(const struct keyring *keyring, struct arena *arena)
{
    pthread_rwlock_rdlock(lock_of(keyring));
    const struct key *key = arena_copy(arena, &keyring->keys[0], sizeof keyring->keys[0]);
    pthread_rwlock_unlock(lock_of(keyring));
    return key;
}

/* Version and key are authenticated along with the purpose. */
static struct bytes context_of(struct arena *arena, const struct key *key, const char *purpose)
{
    return bytes_of_text(arena_printf(arena, "1.%s.%s", key->id, purpose));
}

char *keyring_seal(const struct keyring *keyring, struct arena *arena, const char *purpose,
                   struct bytes secret)
{
    const struct key *key = first_key(keyring, arena);
    struct bytes context = context_of(arena, key, purpose);
    size_t size = NONCE_SIZE + secret.size + TAG_SIZE;
    uint8_t *sealed = arena_alloc(arena, size);
    random_fill(sealed, NONCE_SIZE);
    int written = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (cipher == NULL || secret.size > INT32_MAX || context.size > INT32_MAX ||
        EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, sealed) != 1 ||
        EVP_EncryptUpdate(cipher, NULL, &written, context.data, (int)context.size) != 1 ||
        EVP_EncryptUpdate(cipher, sealed + NONCE_SIZE, &written, secret.data, (int)secret.size) != 1 ||
        EVP_EncryptFinal_ex(cipher, sealed + NONCE_SIZE + secret.size, &written) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, sealed + NONCE_SIZE + secret.size) != 1)
        abort();
    EVP_CIPHER_CTX_free(cipher);
    return arena_printf(arena, "1.%s.%s", key->id, base64url_encode(arena, (struct bytes){sealed, size}));
}

/* Finds ID and BASE64URL of "1.ID.BASE64URL". */
static bool take_apart(const char *sealed, const char **id, size_t *id_length, const char **body)
{
    if (sealed == NULL || strncmp(sealed, "1.", 2) != 0)
        return false;
    *id = sealed + 2;
    *id_length = strcspn(*id, ".");
    *body = *id + *id_length + 1;
    return (*id)[*id_length] == '.';
}

static const struct key *copy_of_key(const struct keyring *keyring, struct arena *arena, const char *id,
                                     size_t length)
{
    pthread_rwlock_rdlock(lock_of(keyring));
    const struct key *key = key_by_id(keyring, id, length);
    if (key != NULL)
        key = arena_copy(arena, key, sizeof *key);
    pthread_rwlock_unlock(lock_of(keyring));
    return key;
}

bool keyring_open(const struct keyring *keyring, struct arena *arena, const char *purpose, const char *sealed,
                  struct bytes *secret)
{
    const char *id = NULL;
    size_t id_length = 0;
    const char *body = NULL;
    struct bytes bytes;
    if (!take_apart(sealed, &id, &id_length, &body))
        return false;
    const struct key *key = copy_of_key(keyring, arena, id, id_length);
    if (key == NULL && keyring_refresh((struct keyring *)keyring))
        key = copy_of_key(keyring, arena, id, id_length);
    if (key == NULL || !base64url_decode(arena, body, strlen(body), &bytes) ||
        bytes.size < NONCE_SIZE + TAG_SIZE || bytes.size > INT32_MAX)
        return false;
    struct bytes context = context_of(arena, key, purpose);
    size_t size = bytes.size - NONCE_SIZE - TAG_SIZE;
    /* One byte more: an opened text ends with a NUL. */
    uint8_t *opened = arena_alloc(arena, size + 1);
    uint8_t tag[TAG_SIZE];
    memcpy(tag, bytes.data + NONCE_SIZE + size, TAG_SIZE);
    int written = 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool is_right = cipher != NULL &&
                    EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key->bytes, bytes.data) == 1 &&
                    EVP_DecryptUpdate(cipher, NULL, &written, context.data, (int)context.size) == 1 &&
                    EVP_DecryptUpdate(cipher, opened, &written, bytes.data + NONCE_SIZE, (int)size) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
                    EVP_DecryptFinal_ex(cipher, opened + size, &written) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (is_right)
        *secret = (struct bytes){opened, size};
    return is_right;
}

bool keyring_is_current(const struct keyring *keyring, const char *sealed)
{
    const char *id = NULL;
    size_t length = 0;
    const char *body = NULL;
    if (!take_apart(sealed, &id, &length, &body))
        return false;
    pthread_rwlock_rdlock(lock_of(keyring));
    bool is_current = key_by_id(keyring, id, length) == &keyring->keys[0];
    pthread_rwlock_unlock(lock_of(keyring));
    return is_current;
}

size_t keyring_count(const struct keyring *keyring)
{
    pthread_rwlock_rdlock(lock_of(keyring));
    size_t count = keyring->count;
    pthread_rwlock_unlock(lock_of(keyring));
    return count;
}

void keyring_derive(const struct keyring *keyring, const char *use, uint8_t key[32])
{
    struct arena *arena = arena_create();
    const struct key *first = first_key(keyring, arena);
    EVP_KDF *kind = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *derivation = EVP_KDF_CTX_new(kind);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)first->bytes, KEY_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)use, strlen(use)),
        OSSL_PARAM_construct_end(),
    };
    if (derivation == NULL || EVP_KDF_derive(derivation, key, 32, parameters) != 1)
        abort();
    EVP_KDF_CTX_free(derivation);
    EVP_KDF_free(kind);
    arena_destroy(&arena);
}
