/* The programs that workers know, as source text; web/script/ holds them, the build embeds them. */
#ifndef COUNTERSIGN_SCRIPT_PROGRAMS_H
#define COUNTERSIGN_SCRIPT_PROGRAMS_H

#include <stddef.h>

struct script_program {
    const char *name;
    const char *text;
};

extern const struct script_program script_programs[];
extern const size_t script_program_count;

#endif
