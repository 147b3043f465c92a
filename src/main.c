#include "base/compiler.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("usage: countersign serve | init | …\n", stderr);
    return 2;
}
