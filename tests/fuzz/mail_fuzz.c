/* Mails made of any recipient and subject: nothing of either becomes a header or a second recipient. */
#include "notify/mail.h"

#include "base/encode.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *text = arena_strndup(arena, (const char *)data, size);
    const char *rest = strchr(text, '|');
    struct message message = {
        .channel = "email",
        .to = rest != NULL ? arena_strndup(arena, text, (size_t)(rest - text)) : "a@b.test",
        .subject = rest != NULL ? rest + 1 : text,
        .text = text,
        .html = text,
    };
    const char *mail = mail_compose(arena, "Acme <login@acme.test>", &message, 0);
    for (const char *line = mail; line != NULL && strncmp(line, "\r\n", 2) != 0;
         line = strstr(line, "\r\n") + 2) {
        static const char *const known[] = {
            "Date: ",         "From: ",           "To: ",          "Subject: ", " ", "Message-ID: ",
            "MIME-Version: ", "Auto-Submitted: ", "Content-Type: "};
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
            is_known |= strncmp(line, known[i], strlen(known[i])) == 0;
        if (!is_known)
            __builtin_trap();
    }
    const char *name;
    (void)!mail_mailbox(arena, text, &name);
    arena_destroy(&arena);
    return 0;
}
