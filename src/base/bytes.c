#include "base/bytes.h"

#include <string.h>

struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < a.size; i++)
        difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

bool text_equal_secret(const char *a, const char *b)
{
    return a != NULL && b != NULL && bytes_equal_secret(bytes_of_text(a), bytes_of_text(b));
}
