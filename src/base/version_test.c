/* Scripts take the version apart: it begins as theirs expects. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/version.h"

static void version_begins_with_the_compatible_release(void **state)
{
    assert_int_equal(strncmp(piste_version, "v26.06-piste-", 13), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_begins_with_the_compatible_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
