/* Files without a name: what is put is there, also after a new beginning, and nothing is left of
 * them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/scratch.h"

static void what_is_put_is_there(void **state)
{
    struct scratch s;
    struct error e;
    char folder[] = "/tmp/scratch-test-XXXXXX", many[5000];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(scratch_open(&s, folder, &e), 0);
    assert_int_equal(scratch_map(&s, &e), 0);
    assert_null(s.map);
    assert_int_equal(scratch_put(&s, "to be forgotten", 15, &e), 0);
    assert_int_equal(scratch_restart(&s, &e), 0);
    memset(many, 'x', sizeof(many));
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(scratch_put(&s, many, sizeof(many), &e), 0);
    assert_int_equal(scratch_put(&s, "y", 1, &e), 0);
    assert_int_equal(scratch_map(&s, &e), 0);
    assert_int_equal(s.bytes, 3 * sizeof(many) + 1);
    assert_memory_equal(s.map + 2 * sizeof(many), many, sizeof(many));
    assert_int_equal(s.map[3 * sizeof(many)], 'y');
    scratch_close(&s);
    scratch_close(&s);
    assert_int_equal(rmdir(folder), 0); /* nothing is in it */
    assert_int_equal(scratch_open(&s, folder, &e), -ENOENT);
    assert_true(s.fd < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_put_is_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
