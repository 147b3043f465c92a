/*
 * The process's own log, as events with fields, one line each on standard error: JSON or text. It never carries a secret:
 * callers name what they log, and no request body, token, code or password is ever a field.
 *
 *     LOG_INFO("http.request", LOG_TEXT("method", method), LOG_INT("status", status));
 */
#ifndef COUNTERSIGN_BASE_LOG_H
#define COUNTERSIGN_BASE_LOG_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG = 0, LOG_LEVEL_INFO = 1, LOG_LEVEL_WARN = 2, LOG_LEVEL_ERROR = 3 };

struct log_field {
    const char *name;
    const char *text; /* NULL: the number counts */
    int64_t number;
};

/* Set once at start, before threads: least level that is written, and JSON lines instead of text. */
void log_configure(enum log_level least, bool json);

/* Writes one event; from any thread. `event` is a dotted constant such as "store.migrated". */
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define LOG_TEXT(name_, text_) ((struct log_field){.name = (name_), .text = (text_) != NULL ? (text_) : ""})
#define LOG_INT(name_, number_) ((struct log_field){.name = (name_), .number = (number_)})

#define LOG_EVENT_(level, event, ...)                                                                        \
    log_write(level, event, (const struct log_field[]){{.name = NULL}, __VA_ARGS__},                         \
              sizeof((const struct log_field[]){{.name = NULL}, __VA_ARGS__}) / sizeof(struct log_field))
#define LOG_DEBUG(event, ...) LOG_EVENT_(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define LOG_INFO(event, ...) LOG_EVENT_(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_WARN(event, ...) LOG_EVENT_(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define LOG_ERROR(event, ...) LOG_EVENT_(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
