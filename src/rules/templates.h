/* Our library of rules to begin with: templates/NAME.js, put into the binary at build time. */
#ifndef COUNTERSIGN_RULES_TEMPLATES_H
#define COUNTERSIGN_RULES_TEMPLATES_H

#include <stddef.h>

struct rule_template {
    const char *id; /* "mfa-for-flagged-users" */
    const char *title;
    const char *category; /* multifactor, access, enrich, call, redirect */
    const char *description;
    const char *script;
};

/* By id. */
extern const struct rule_template rule_templates[];
extern const size_t rule_templates_count;

#endif
