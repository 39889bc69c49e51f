/* Crashes children on purpose and reads what they leave behind. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/backtrace.h"
#include "base/log.h"

void crash_in_own_code(int how);
void crash_caller(int how);

static volatile uintptr_t nowhere = 0x10;

enum { HOW_WRITE, HOW_LIBC, HOW_ABORT, HOW_PANIC, HOW_STACK };

static int eat_stack(volatile char *p)
{
    char big[16384] = {0};
    big[0] = *p;
    if (*p == 'x') /* never */
        return 0;
    return eat_stack(big) + big[1];
}

__attribute__((noinline)) void crash_in_own_code(int how)
{
    char c = 0;
    switch (how) {
    case HOW_WRITE:
        *(volatile int *)nowhere = 1;
        break;
    case HOW_LIBC:
        memset((void *)nowhere, 1, 4096 * nowhere);
        break;
    case HOW_ABORT:
        abort();
    case HOW_PANIC:
        panic("the number is %d", 7);
    case HOW_STACK:
        eat_stack(&c);
    }
    __asm__ volatile(""); /* no tail calls */
}

__attribute__((noinline)) void crash_caller(int how)
{
    crash_in_own_code(how);
    __asm__ volatile("");
}

static void *crash_thread(void *arg)
{
    struct error e = {0};
    if (backtrace_thread_init(&e))
        _exit(9);
    crash_caller((int)(intptr_t)arg);
    return NULL;
}

static char report[16384];

/* The child's report is in `report`; whether it died by SIGABRT. */
static bool crash(int how, bool in_thread)
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (!pid) {
        struct error e = {0};
        pthread_t t;
        dup2(fds[1], STDERR_FILENO);
        if (backtrace_init(&e))
            _exit(9);
        if (!in_thread)
            crash_caller(how);
        else if (!pthread_create(&t, NULL, crash_thread, (void *)(intptr_t)how))
            pthread_join(t, NULL);
        _exit(8);
    }
    close(fds[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fds[0], report + n, sizeof(report) - 1 - n)) > 0)
        n += (size_t)got;
    report[n] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void assert_reported(const char *what)
{
    if (!strstr(report, what))
        fail_msg("no `%s' in:\n%s", what, report);
}

#ifdef __s390x__
#define FAULT "0x0" /* the processor tells the page only */
#else
#define FAULT "0x10"
#endif

static void a_fault_names_its_place(void **state)
{
    assert_true(crash(HOW_WRITE, false));
    assert_reported("received signal SIGSEGV, PC 0x");
    assert_reported("faulting address " FAULT ",");
    assert_reported("#0 ");
    assert_reported("crash_in_own_code + 0x");
    assert_reported("crash_caller + 0x");
    assert_reported("backtrace_test (+0x");
}

static void a_fault_of_the_c_library_names_its_caller(void **state)
{
    assert_true(crash(HOW_LIBC, false));
    assert_reported("SIGSEGV");
    assert_reported("crash_in_own_code + 0x");
}

static void abort_and_panic_name_their_callers(void **state)
{
    assert_true(crash(HOW_ABORT, false));
    assert_reported("SIGABRT");
#ifndef __arm__ /* Debian's abort has no unwind table there */
    assert_reported("crash_caller + 0x");
#endif
    assert_true(crash(HOW_PANIC, false));
    assert_reported("panic: the number is 7\n#0 ");
    assert_reported("crash_caller + 0x");
    assert_null(strstr(report, "received signal"));
    assert_reported("ended by SIGABRT");
}

static void threads_report_too_even_without_stack(void **state)
{
    assert_true(crash(HOW_WRITE, true));
    assert_reported("crash_in_own_code + 0x");
    assert_true(crash(HOW_STACK, true));
    assert_reported("received signal SIGSEGV");
    assert_reported("eat_stack");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_names_its_place),
        cmocka_unit_test(a_fault_of_the_c_library_names_its_caller),
        cmocka_unit_test(abort_and_panic_name_their_callers),
        cmocka_unit_test(threads_report_too_even_without_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
