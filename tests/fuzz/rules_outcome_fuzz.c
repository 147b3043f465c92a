/* What the rules of a login leave behind is an operator's, or an attacker's: any JSON gives a whole outcome. */
#include "rules/program.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.bytes = 1 << 20, .depth = 200, .items = 200000};
    static const struct rule rules[] = {{"rul_1", "One", ""}, {"rul_2", "Two", ""}};
    if (size == 0)
        return 0;
    struct arena *arena = arena_create();
    struct rule_set set = {.rules = rules, .count = 2};
    struct script_report report = {.stage = data[0] % 4};
    struct rules_outcome outcome;
    enum script_outcome ended = (enum script_outcome)(data[0] / 4 % 6);
    if (json_parse(arena, (struct bytes){data + 1, size - 1}, &limits, &report.answer) != JSON_FINE)
        report.answer = NULL;
    exact_numbers_restore(exact_numbers_in(arena, json_member(report.answer, "user")), arena, report.answer);
    rules_outcome_read(arena, &set, ended, &report, &outcome);
    if (outcome.error == NULL && (!yyjson_is_obj(outcome.id_token) || !yyjson_is_obj(outcome.user)))
        abort();
    if (outcome.error != NULL && outcome.error_description == NULL)
        abort();
    if (!yyjson_is_arr(outcome.run) || strlen(json_write(arena, outcome.run)) == 0)
        abort();
    arena_destroy(&arena);
    return 0;
}
