/* What an iPhone is sent, whoever carries it: for the files of this folder. */
#ifndef COUNTERSIGN_NOTIFY_APNS_H
#define COUNTERSIGN_NOTIFY_APNS_H

#include "notify/push_sender.h"

/* {"aps","mfa"} as Guardian.swift reads it, of at most PUSH_LARGEST_BYTES; NULL where it cannot be made so small. */
char *apns_payload(struct arena *arena, const struct push_message *message) NODISCARD;

#endif
