/* The programs that workers know, compiled: web/script/ holds their texts, the build compiles and embeds them. */
#ifndef COUNTERSIGN_SCRIPT_PROGRAMS_H
#define COUNTERSIGN_SCRIPT_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>

struct script_program {
    const char *name;
    size_t size;
    const uint8_t *code; /* bytecode of the QuickJS that this binary links */
};

extern const struct script_program script_programs[];
extern const size_t script_program_count;

#endif
