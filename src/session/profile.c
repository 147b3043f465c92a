#include "session/profile.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>

enum { ID_LENGTH = 24, MD5_SIZE = 16 };

static char *lower_case(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *p = copy; p != NULL && *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

const char *profile_picture(struct arena *arena, const char *email)
{
    const char *address = lower_case(arena, email);
    uint8_t digest[MD5_SIZE];
    unsigned size = 0;
    /* Gravatar names pictures by MD5; nothing is protected by it. */
    if (EVP_Digest(address, strlen(address), digest, &size, EVP_md5(), NULL) != 1)
        return NULL;
    char initials[3] = {0};
    size_t count = 0;
    for (const char *p = address; *p != '\0' && count < 2; p++) {
        if (isalnum((unsigned char)*p))
            initials[count++] = *p;
    }
    return arena_printf(
        arena,
        "https://s.gravatar.com/avatar/%s?s=480&r=pg&d=https%%3A%%2F%%2Fcdn.auth0.com%%2Favatars%%2F%s.png",
        hex_encode(arena, (struct bytes){.data = digest, .size = size}), count > 0 ? initials : "default");
}

static void set_default(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *name, const char *text)
{
    if (json_mut_member(root, name) == NULL && text != NULL)
        json_set_text(doc, root, name, text);
}

static void add_identity(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *connection, const char *id)
{
    yyjson_mut_val *identities = yyjson_mut_arr(doc);
    yyjson_mut_val *identity = yyjson_mut_arr_add_obj(doc, identities);
    json_set_text(doc, identity, "connection", connection);
    json_set_text(doc, identity, "user_id", id);
    json_set_text(doc, identity, "provider", "auth0");
    json_set_bool(doc, identity, "isSocial", false);
    json_set(doc, root, "identities", identities);
}

const char *profile_complete(struct arena *arena, yyjson_mut_doc *profile, const char *connection,
                             const char *id, int64_t now_ms)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(profile);
    id = id != NULL ? id : random_text(arena, RANDOM_HEX, ID_LENGTH);
    const char *user_id = arena_printf(arena, "auth0|%s", id);
    const char *email = json_mut_text(root, "email");
    if (email != NULL) {
        email = lower_case(arena, email);
        json_set_text(profile, root, "email", email);
        if (json_mut_member(root, "email_verified") == NULL)
            json_set_bool(profile, root, "email_verified", false);
        set_default(profile, root, "name", email);
        set_default(profile, root, "nickname", arena_strndup(arena, email, strcspn(email, "@")));
        set_default(profile, root, "picture", profile_picture(arena, email));
    }
    const char *username = json_mut_text(root, "username");
    set_default(profile, root, "name", username);
    set_default(profile, root, "nickname", username);
    json_set_text(profile, root, "user_id", user_id);
    add_identity(profile, root, connection, id);
    json_set_text(profile, root, "created_at", clock_iso8601(arena, now_ms));
    json_set_text(profile, root, "updated_at", clock_iso8601(arena, now_ms));
    return user_id;
}
