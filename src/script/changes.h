/* What a script changed in the objects that it was given, told value by value. */
#ifndef COUNTERSIGN_SCRIPT_CHANGES_H
#define COUNTERSIGN_SCRIPT_CHANGES_H

#include <quickjs/quickjs.h>

/*
 * host.copy(value): a deep copy of what was parsed from JSON, which scripts do not get hold of.
 *
 * host.changes(known, now): what differs between two objects, as [{path, from, to}], or undefined where nothing does; `known`
 * then holds what `now` does. A path reads as JavaScript from the objects' members on (user.app_metadata["a b"][0]); `from` is
 * absent where a member is new, `to` where it went. A value is what JSON makes of it; a long one is the beginning of its
 * JSON, as text. At most 50 are told.
 */
extern const JSCFunctionListEntry changes_functions[2];

#endif
