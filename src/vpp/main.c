/* The daemon. */
#include <stdio.h>

#include "base/version.h"

int main(void)
{
    printf("vpp %s\n", piste_version);
    return 0;
}
