/* E-mail as bytes: RFC 5322 headers, MIME multipart/alternative (RFC 2045, 2046), encoded words (RFC 2047).
 */
#ifndef COUNTERSIGN_NOTIFY_MAIL_H
#define COUNTERSIGN_NOTIFY_MAIL_H

#include "notify/channel.h"

/*
 * The address that an SMTP server is told: the host in its ASCII form (IDNA). NULL where `address` is no
 * single mailbox: it has no @, or holds a space, a control character, or one of <>()[]\,;:".
 */
char *mail_address(struct arena *arena, const char *address) NODISCARD;

/*
 * The address within "Name <address>", or the bare one; *name is the name without quotes, or NULL. NULL where
 * it is no mailbox.
 */
char *mail_mailbox(struct arena *arena, const char *text, const char **name) NODISCARD;

/*
 * The whole mail with CRLF line ends, ready for DATA; `from` as in notifier_config.mail_from, at `now_ms`. No
 * text can add a header or a recipient. NULL where either address is none.
 */
char *mail_compose(struct arena *arena, const char *from, const struct message *message,
                   int64_t now_ms) NODISCARD;

#endif
