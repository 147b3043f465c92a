/*
 * JSON over yyjson, with memory from an arena and limits on what comes from outside.
 * Values are yyjson's own: read with yyjson_val, build and change with yyjson_mut_val.
 */
#ifndef COUNTERSIGN_JSON_JSON_H
#define COUNTERSIGN_JSON_JSON_H

#include "base/arena.h"
#include "base/bytes.h"

#include <yyjson.h>

/* What a text from outside may hold at most; every parse names its limits (C6 of docs/architecture.md: no hidden ones). */
struct json_limits {
    size_t bytes;
    size_t depth;
    size_t items; /* members and elements, all levels together */
};

/* For request bodies, and for small signed JSON (JWT parts). */
extern const struct json_limits json_limits_body;
extern const struct json_limits json_limits_token;

/* Why a text was refused. */
enum json_fault {
    JSON_FINE = 0,
    JSON_MALFORMED = 1, /* not RFC 8259 JSON, or not UTF-8, a lone surrogate, or a NUL in a key or text */
    JSON_TOO_LARGE = 2, /* over a limit */
    JSON_DUPLICATE_NAME = 3, /* an object names a member twice */
};

/*
 * Parses `text` into *root, which lives as long as the arena. Refuses what `limits` forbids, texts and names with U+0000 and
 * objects that name a member twice. Numbers keep 64-bit integers exactly; larger ones stay raw (yyjson_is_raw) so that they
 * come back digit for digit.
 */
enum json_fault json_parse(struct arena *arena, struct bytes text, const struct json_limits *limits,
                           yyjson_val **root) NODISCARD;

/* Parses JSON that this server wrote itself (a stored document). NULL text, or broken JSON, gives NULL. */
yyjson_val *json_parse_own(struct arena *arena, const char *text) NODISCARD;

/* An empty mutable document in the arena. */
yyjson_mut_doc *json_new(struct arena *arena) NODISCARD;

/* A mutable document with an object, or an array, as its root. */
yyjson_mut_doc *json_new_object(struct arena *arena) NODISCARD;
yyjson_mut_doc *json_new_array(struct arena *arena) NODISCARD;

/* A deep, mutable copy of `value` as the root of a new document. */
yyjson_mut_doc *json_thaw(struct arena *arena, yyjson_val *value) NODISCARD;

/* The text of a value or document, compact. */
char *json_write(struct arena *arena, yyjson_val *value) NODISCARD;
char *json_write_mut(struct arena *arena, yyjson_mut_val *value) NODISCARD;
char *json_write_doc(struct arena *arena, yyjson_mut_doc *doc) NODISCARD;

/* Members of an object by name: the text, number or boolean, or NULL / `otherwise` where absent or of another type. */
const char *json_text(yyjson_val *object, const char *name) NODISCARD;
int64_t json_int(yyjson_val *object, const char *name, int64_t otherwise) NODISCARD;
bool json_bool(yyjson_val *object, const char *name, bool otherwise) NODISCARD;
yyjson_val *json_member(yyjson_val *object, const char *name) NODISCARD;

const char *json_mut_text(yyjson_mut_val *object, const char *name) NODISCARD;
int64_t json_mut_int(yyjson_mut_val *object, const char *name, int64_t otherwise) NODISCARD;
bool json_mut_bool(yyjson_mut_val *object, const char *name, bool otherwise) NODISCARD;
yyjson_mut_val *json_mut_member(yyjson_mut_val *object, const char *name) NODISCARD;

/* Sets a member (replacing one of that name, keeping its place). Texts are copied into the document; a NULL text removes. */
void json_set_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, const char *text);
void json_set_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, int64_t number);
void json_set_bool(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, bool truth);
void json_set(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name, yyjson_mut_val *value);
void json_remove(yyjson_mut_val *object, const char *name);

/* Whether an array of texts holds `text`; NULL or another type gives false. */
bool json_array_has_text(yyjson_val *array, const char *text) NODISCARD;

#endif
