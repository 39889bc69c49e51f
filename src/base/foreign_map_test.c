/* Memory of others: it is mapped, it is cut short under the map, and what touched it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/backtrace.h"
#include "base/foreign_map.h"

#define BYTES (1u << 20)

static struct error err;

static int memory(u64 bytes)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

static void what_the_other_writes_is_seen(void **state)
{
    struct foreign_map m;
    int fd = memory(BYTES);
    assert_int_equal(foreign_map_new(&m, fd, 5000, -1, &err), 0);
    assert_int_equal(pwrite(fd, "piste", 5, 4090), 5);
    assert_memory_equal(m.base + 4090, "piste", 5);
    m.base[0] = 7;
    u8 byte = 0;
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 7);
    assert_false(foreign_map_is_cut(&m));
    assert_false(foreign_map_mend(&byte)); /* not of such a map */
    foreign_map_free(&m);
    foreign_map_free(&m);
    close(fd);
}

static void more_than_there_is_is_refused(void **state)
{
    struct foreign_map m;
    int fd = memory(4096);
    assert_int_equal(foreign_map_new(&m, fd, 4097, -1, &err), -EINVAL);
    assert_null(m.base);
    assert_int_equal(foreign_map_new(&m, fd, 0, -1, &err), -EINVAL);
    assert_int_equal(foreign_map_new(&m, fd, UINT64_MAX, -1, &err), -EINVAL);
    close(fd);
    assert_int_equal(foreign_map_new(&m, fd, 1, -1, &err), -EBADF);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(foreign_map_new(&m, pipes[0], 1, -1, &err), -EINVAL);
    close(pipes[0]);
    close(pipes[1]);
}

static volatile const void *fault_at;
static sigjmp_buf behind_fault;

static void on_fault(int number, siginfo_t *info, void *context)
{
    fault_at = info->si_addr;
    siglongjmp(behind_fault, 1);
}

/* Whether a signal says where memory was missing: under qemu-user 7.2 it says something else for
 * s390x. */
static bool faults_have_an_address(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    struct foreign_map m;
    int fd = memory(BYTES);
    assert_int_equal(foreign_map_new(&m, fd, BYTES, -1, &err), 0);
    assert_int_equal(ftruncate(fd, 4096), 0);
    sigaction(SIGBUS, &a, &old);
    if (!sigsetjmp(behind_fault, 1))
        (void)((volatile u8 *)m.base)[BYTES - 1];
    sigaction(SIGBUS, &old, NULL);
    bool within = (const u8 *)fault_at >= m.base && (const u8 *)fault_at < m.base + BYTES;
    foreign_map_free(&m);
    close(fd);
    return within;
}

static void memory_that_is_cut_short_is_mended(void **state)
{
    if (!faults_have_an_address())
        skip();
    struct foreign_map m[3];
    u64 count = 0;
    int tell = eventfd(0, EFD_NONBLOCK), fd[3];
    assert_int_equal(backtrace_init(&err), 0); /* cmocka has a handler of its own */
    for (u32 i = 0; i < 3; i++) {
        fd[i] = memory(BYTES);
        assert_int_equal(foreign_map_new(&m[i], fd[i], BYTES, tell, &err), 0);
        memset(m[i].base, 1 + (int)i, BYTES);
    }
    assert_int_equal(ftruncate(fd[1], 4096), 0);
    assert_int_equal(((volatile u8 *)m[1].base)[BYTES - 1], 0);
    m[1].base[BYTES / 2] = 9;
    assert_true(foreign_map_is_cut(&m[1]));
    assert_int_equal(read(tell, &count, sizeof(count)), sizeof(count));
    for (u32 i = 0; i < 3; i += 2) {
        assert_false(foreign_map_is_cut(&m[i]));
        assert_int_equal(m[i].base[BYTES - 1], 1 + i);
    }
    /* its place is another's then, which is whole */
    foreign_map_free(&m[1]);
    assert_int_equal(foreign_map_new(&m[1], fd[0], BYTES, tell, &err), 0);
    assert_false(foreign_map_is_cut(&m[1]));
    for (u32 i = 0; i < 3; i++) {
        foreign_map_free(&m[i]);
        close(fd[i]);
    }
    close(tell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_other_writes_is_seen),
        cmocka_unit_test(more_than_there_is_is_refused),
        cmocka_unit_test(memory_that_is_cut_short_is_mended),
    };
    return cmocka_run_group_tests_name("foreign_map", tests, NULL, NULL);
}
