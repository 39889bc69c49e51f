/* Runs in a child of its own: what is given up does not come back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/privilege.h"

static unsigned long long caps_of_self(const char *field)
{
    char line[128], format[32];
    unsigned long long x = 0;
    FILE *f = fopen("/proc/self/status", "r");
    snprintf(format, sizeof(format), "%s: %%llx", field);
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, format, &x) == 1)
            break;
    if (f)
        fclose(f);
    return x;
}

/* 0 when all is as it should be, else a number that tells what is not. */
static int drop_and_look(void)
{
    struct error e = {0};
    const unsigned long long sys_admin = 1ull << 21, sys_module = 1ull << 16, net_raw = 1ull << 13;
    unsigned long long before = caps_of_self("CapPrm");
    if (privilege_drop(&e))
        return 1;
    unsigned long long permitted = caps_of_self("CapPrm"), effective = caps_of_self("CapEff");
    if (permitted & sys_module || effective & sys_admin)
        return 2;
    if ((before & net_raw) != (effective & net_raw) || permitted & ~before)
        return 3;
    privilege_raise(PRIVILEGE_NAMESPACES);
    if ((caps_of_self("CapEff") & sys_admin) != (before & sys_admin))
        return 4;
    privilege_lower(PRIVILEGE_NAMESPACES);
    return caps_of_self("CapEff") == effective ? 0 : 5;
}

static void what_is_dropped_stays_dropped(void **state)
{
    pid_t pid = fork();
    if (!pid)
        _exit(drop_and_look());
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_dropped_stays_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
