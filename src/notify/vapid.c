/* The key by which browsers' push services know this server (RFC 8292): made once, kept sealed. */
#include "notify/push_sender.h"

#include "base/encode.h"
#include "store/settings.h"

#include <string.h>

static const char settings_name[] = "guardian.push.vapid";

static bool read_part(struct arena *arena, yyjson_val *doc, const char *name, uint8_t *out, size_t size)
{
    struct bytes bytes;
    const char *text = json_text(doc, name);
    if (text == NULL || !base64url_decode(arena, text, strlen(text), &bytes) || bytes.size != size)
        return false;
    memcpy(out, bytes.data, size);
    return true;
}

/* DB_NOT_FOUND where there is no pair yet. */
static enum db_result read_pair(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                                struct p256_pair *pair)
{
    yyjson_val *doc = NULL;
    enum db_result result = settings_get_sealed(tx, arena, notifier->keyring, settings_name, &doc);
    if (result != DB_OK)
        return result;
    return read_part(arena, doc, "private_key", pair->private_key, P256_PRIVATE_BYTES) &&
                   read_part(arena, doc, "public_key", pair->public_key, P256_PUBLIC_BYTES)
               ? DB_OK
               : DB_FAILED;
}

static enum db_result store_pair(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                                 const struct p256_pair *pair)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "private_key",
                  base64url_encode(arena, (struct bytes){pair->private_key, P256_PRIVATE_BYTES}));
    json_set_text(doc, root, "public_key",
                  base64url_encode(arena, (struct bytes){pair->public_key, P256_PUBLIC_BYTES}));
    return settings_put_sealed(tx, arena, notifier->keyring, settings_name, json_write_doc(arena, doc));
}

/* Of several servers that start together, one makes the pair that all use. */
static enum db_result make_pair(struct notifier *notifier, struct arena *arena, struct p256_pair *pair)
{
    struct p256_pair fresh;
    struct db_tx *tx;
    if (!p256_generate(&fresh))
        return DB_FAILED;
    enum db_result result = db_begin_write(notifier->db, &tx);
    if (result != DB_OK)
        return result;
    result = settings_lock(tx, arena, settings_name);
    if (result == DB_OK)
        result = read_pair(notifier, tx, arena, pair);
    if (result == DB_NOT_FOUND) {
        *pair = fresh;
        result = store_pair(notifier, tx, arena, pair);
    }
    p256_wipe(&fresh);
    if (result == DB_OK)
        result = db_commit(&tx);
    if (result != DB_OK)
        db_rollback(&tx);
    return result;
}

enum db_result vapid_pair(struct notifier *notifier, struct arena *arena, struct p256_pair *pair)
{
    struct db_tx *tx;
    enum db_result result = db_begin_read(notifier->db, &tx);
    if (result != DB_OK)
        return result;
    result = read_pair(notifier, tx, arena, pair);
    db_end(&tx);
    return result == DB_NOT_FOUND ? make_pair(notifier, arena, pair) : result;
}

const char *notifier_web_push_key(struct notifier *notifier, struct arena *arena)
{
    struct p256_pair pair;
    const char *key = NULL;
    if (vapid_pair(notifier, arena, &pair) == DB_OK)
        key = base64url_encode(arena, (struct bytes){pair.public_key, P256_PUBLIC_BYTES});
    p256_wipe(&pair);
    return key;
}
