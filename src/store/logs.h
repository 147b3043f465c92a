/*
 * The tenant's log (Management API /logs): entries are gathered and written in batches by a thread of their own, so that a
 * login does not wait for them. What is lost by a crash are the entries of the last half second; nothing acknowledged to
 * a client depends on one.
 */
#ifndef COUNTERSIGN_STORE_LOGS_H
#define COUNTERSIGN_STORE_LOGS_H

#include "store/db.h"
#include "json/json.h"

struct log_writer;

struct log_writer *log_writer_start(struct db *db) NODISCARD;
/* Returns when all that was added before is written: for who reads the log and must find what was done a moment ago. */
void log_writer_flush(struct log_writer *writer);
/* Writes what is left and ends the thread. */
void log_writer_stop(struct log_writer **writer);

/* What an entry says; texts may be NULL. They are copied. */
struct log_entry {
    const char *type; /* a code of log-codes.tsv: "s", "fp", "gd_send_sms", "sapi" */
    const char *description;
    const char *connection;
    const char *connection_id;
    const char *client_id;
    const char *client_name;
    const char *ip;
    const char *user_agent; /* in words: user_agent_text of tenant/user_agent.h */
    bool is_mobile;
    const char *user_id;
    const char *user_name;
    const char *audience;
    const char *scope;
    const char *strategy;
    const char *hostname;
    yyjson_mut_val *details;  /* without secrets; NULL: null */
    yyjson_mut_val *location; /* of the address (tenant/geoip.h); NULL: null */
};

void log_entry_add(struct log_writer *writer, const struct log_entry *entry);

#endif
