#include "notify/push.h"

#include "notify/notifier.h"
#include "notify/outbox.h"

#include "base/log.h"

#include <string.h>

enum db_result notifier_queue_push(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                                   const struct push_message *message)
{
    if (notifier->config.dev)
        return outbox_add(tx, arena,
                          &(struct message){.channel = "push",
                                            .to = message->authenticator_id,
                                            .subject = message->title,
                                            .text = message->body,
                                            .payload = message->payload});
    if (message->service == NULL || strcmp(message->service, "NONE") != 0)
        LOG_WARN("notify.no_push_service", LOG_TEXT("authenticator", message->authenticator_id),
                 LOG_TEXT("service", message->service));
    return DB_OK;
}
