/* ui_locales and Accept-Language: anything gives one of our languages. The input is both, divided by its first newline. */
#include "page/page.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char *accept = strchr(text, '\n');
    if (accept != NULL)
        *accept++ = '\0';
    const char *language = page_language(text, accept);
    size_t matches = 0;
    for (size_t i = 0; i < page_languages_count; i++)
        matches += page_languages[i] == language;
    assert(matches == 1);
    free(text);
    return 0;
}
