#include "rules/program.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "crypto/digest.h"

#include <string.h>

/* By name and text: the name stands in the compiled code's stack traces. */
static const char *source_hash(struct arena *arena, const struct rule *rule)
{
    struct buffer whole = buffer_create(arena, strlen(rule->name) + strlen(rule->script) + 2);
    buffer_add(&whole, rule->name);
    buffer_add_char(&whole, '\n');
    buffer_add(&whole, rule->script);
    uint8_t digest[32];
    sha256((struct bytes){(const uint8_t *)whole.data, whole.size}, digest);
    return hex_encode(arena, (struct bytes){digest, sizeof digest});
}

void rules_program_run(struct script_pool *pool, struct arena *arena, const struct rule_set *set,
                       yyjson_mut_doc *input, const struct exact_numbers *numbers,
                       const struct script_job *calls, struct rules_outcome *outcome)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(input);
    struct script_source *sources = arena_calloc(arena, set->count + 1, sizeof *sources);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(input, root, "rules");
    for (size_t i = 0; i < set->count; i++) {
        const struct rule *rule = &set->rules[i];
        sources[i] = (struct script_source){
            .hash = source_hash(arena, rule), .name = rule->name, .text = rule->script};
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(input, list);
        yyjson_mut_obj_add_str(input, entry, "source", sources[i].hash);
        yyjson_mut_obj_add_str(input, entry, "id", rule->id);
        yyjson_mut_obj_add_str(input, entry, "name", rule->name);
    }
    yyjson_mut_obj_add_val(input, root, "configuration",
                           set->configuration != NULL ? set->configuration : yyjson_mut_obj(input));
    struct script_job job = *calls;
    job.program = "rules";
    job.input = json_write_doc(arena, input);
    job.sources = sources;
    job.source_count = set->count;
    struct script_report report;
    enum script_outcome ended = script_run_job(pool, arena, &job, &report);
    exact_numbers_restore(numbers, arena, report.answer);
    rules_outcome_read(arena, set, ended, &report, outcome);
}
