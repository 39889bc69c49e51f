/* Runs in a child of its own: what is given up does not come back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
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
    const unsigned long long sys_admin = 1ull << 21, sys_module = 1ull << 16, net_raw = 1ull << 13,
                             set_pcap = 1ull << 8;
    unsigned long long before = caps_of_self("CapPrm");
    u64 missing = 0;
    if (privilege_drop(net_raw, sys_admin, &missing, &e))
        return 1;
    if (missing != ((net_raw | sys_admin) & ~before))
        return 6;
    if (caps_of_self("CapInh") || caps_of_self("CapAmb") || caps_of_self("NoNewPrivs") != 1)
        return 7;
    if (before & set_pcap && caps_of_self("CapBnd") & ~(net_raw | sys_admin))
        return 8;
    unsigned long long permitted = caps_of_self("CapPrm"), effective = caps_of_self("CapEff");
    if (permitted & sys_module || effective & sys_admin)
        return 2;
    if ((before & net_raw) != (effective & net_raw) || permitted & ~before)
        return 3;
    privilege_raise(PRIVILEGE_NAMESPACES);
    if ((caps_of_self("CapEff") & sys_admin) != (before & sys_admin))
        return 4;
    privilege_lower(PRIVILEGE_NAMESPACES);
    if (caps_of_self("CapEff") != effective)
        return 5;
    privilege_keep_over_exec();
    return caps_of_self("CapAmb") == caps_of_self("CapPrm") ? 0 : 9;
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

/* As root another user, with capabilities. */
static int become_and_look(void)
{
    struct error e = {0};
    const unsigned long long net_raw = 1ull << 13;
    unsigned long long before = caps_of_self("CapEff");
    if (privilege_become("no-such-user", UINT32_MAX, &e) != -ENOENT)
        return 1;
    if (geteuid())
        return 0;
    if (privilege_become("65534", 4711, &e))
        return 2;
    if (getuid() != 65534 || geteuid() != 65534 || getgid() != 4711 || getegid() != 4711)
        return 3;
    gid_t groups[8];
    if (getgroups(8, groups) != 1 || groups[0] != 4711)
        return 4;
    if (caps_of_self("CapEff") != before)
        return 5;
    if (privilege_drop(net_raw, 0, NULL, &e) || caps_of_self("CapEff") != (before & net_raw))
        return 6;
    return setuid(0) ? 0 : 7;
}

static void another_user_keeps_what_is_needed(void **state)
{
    pid_t pid = fork();
    if (!pid)
        _exit(become_and_look());
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_dropped_stays_dropped),
        cmocka_unit_test(another_user_keeps_what_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
