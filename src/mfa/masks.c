#include "mfa/mfa.h"

#include "base/buffer.h"

#include <string.h>

enum { SHOWN = 4 };

char *mask_phone(struct arena *arena, const char *phone)
{
    char *masked = arena_strdup(arena, phone != NULL ? phone : "");
    for (size_t i = 0, length = strlen(masked); i + SHOWN < length; i++)
        masked[i] = 'X';
    return masked;
}

/* The first four characters of a half, and a star for each other one; a short half tells nothing but that it is there. */
static void add_masked(struct buffer *out, const char *text, size_t length)
{
    size_t shown = 0, at = 0;
    while (shown < SHOWN && at < length) {
        at++;
        while (at < length && ((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
        shown++;
    }
    if (at >= length) {
        buffer_add(out, "****");
        return;
    }
    buffer_add_bytes(out, text, at);
    for (; at < length; at++)
        if (((unsigned char)text[at] & 0xc0) != 0x80)
            buffer_add_char(out, '*');
}

char *mask_email(struct arena *arena, const char *email)
{
    const char *at = strrchr(email, '@');
    struct buffer masked = buffer_create(arena, strlen(email) + 16);
    add_masked(&masked, email, at != NULL ? (size_t)(at - email) : strlen(email));
    if (at != NULL) {
        buffer_add_char(&masked, '@');
        add_masked(&masked, at + 1, strlen(at + 1));
    }
    return arena_strdup(arena, buffer_text(&masked));
}
