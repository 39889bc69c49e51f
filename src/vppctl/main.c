/* The command-line client of the daemon. */
#include <stdio.h>

#include "base/version.h"

int main(void)
{
    printf("vppctl %s\n", piste_version);
    return 0;
}
