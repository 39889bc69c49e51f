/* The sandbox, from within: each test in a child of its own, since nobody comes out again. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/privilege.h"
#include "base/sandbox.h"

static char dir[] = "/tmp/piste-sandbox-test.XXXXXX";
static char inside[64], outside[64], readable[64];

/* What fails is told by line: 0 in the end. */
#define EXPECT(what)                                                                               \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            printf("sandbox_test.c:%d: %s (%s)\n", __LINE__, #what, strerror(errno));              \
            fflush(stdout);                                                                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static const struct need test_needs[] = {
    NEEDS_CAP(7 /* CAP_SETUID */, "nothing"),
    NEEDS_SOCKET(AF_NETLINK, "a test"),
    {0},
};

static void enter(void)
{
    struct error e = {0};
    sandbox_add(sandbox_core_needs);
    sandbox_add(test_needs);
    sandbox_add_path(NEED_WRITE, inside, "a test");
    sandbox_add_path(NEED_READ, readable, "a test");
    sandbox_add_path(NEED_READ, "/nonexistent/x", "a test");
    EXPECT(privilege_drop(sandbox_caps(NEED_CAP), 0, NULL, &e) == 0);
    EXPECT(sandbox_enter(&e) == 0);
    EXPECT(sandbox_enter(&e) == 0);
}

static void in_child(void (*fn)(void))
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        enter();
        fn();
        fflush(stdout);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool fails(long rc, int code)
{
    return rc == -1 && errno == code;
}

/* --- calls --- */

static void try_calls(void)
{
    if (!sandbox_state().calls)
        return;
    EXPECT(fails(ptrace(PTRACE_TRACEME, 0, NULL, NULL), ENOSYS));
    EXPECT(fails(unshare(CLONE_NEWNS), ENOSYS));
    EXPECT(fails(syscall(SYS_mount, "a", "b", "c", 0, NULL), ENOSYS));
    EXPECT(fails(kill(getpid(), 0), ENOSYS));
    EXPECT(fails(syscall(SYS_bpf, 0, NULL, 0), ENOSYS));
    EXPECT(fails(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT));
    EXPECT(fails(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT));
    EXPECT(fails(ioctl(0, TIOCSTI, "x"), EPERM));
    int fd = socket(AF_NETLINK, SOCK_RAW, 0);
    EXPECT(fd >= 0 && !close(fd));
    EXPECT((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0 && !close(fd));
}

static void *thread_main(void *arg)
{
    *(int *)arg = socket(AF_VSOCK, SOCK_STREAM, 0) < 0 ? errno : 0;
    return NULL;
}

static void try_threads(void)
{
    pthread_t t;
    int code = -1;
    EXPECT(pthread_create(&t, NULL, thread_main, &code) == 0);
    EXPECT(pthread_join(t, NULL) == 0);
    EXPECT(code == EAFNOSUPPORT || !sandbox_state().calls);
}

static void try_code(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(p != MAP_FAILED);
    if (!sandbox_state().calls)
        return;
    EXPECT(fails(mprotect(p, page, PROT_READ | PROT_EXEC), EPERM));
#ifndef __s390x__
    void *q = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(q == MAP_FAILED); /* musl makes ENOMEM of EPERM */
#endif
    EXPECT(mprotect(p, page, PROT_READ) == 0);
}

static void only_calls_that_are_needed_are_left(void **state)
{
    in_child(try_calls);
}

static void threads_are_in_it(void **state)
{
    in_child(try_threads);
}

static void no_code_is_made(void **state)
{
    in_child(try_code);
}

/* --- files --- */

static int try_open(const char *folder, const char *name, int flags)
{
    char path[200];
    snprintf(path, sizeof(path), "%s%s", folder, name);
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd;
}

static void try_files(void)
{
    char from[200], to[200];
    if (!sandbox_state().files)
        return;
    EXPECT(try_open(inside, "/new", O_RDWR | O_CREAT) >= 0);
    snprintf(from, sizeof(from), "%s/new", inside);
    snprintf(to, sizeof(to), "%s/old", inside);
    EXPECT(rename(from, to) == 0 && try_open(to, "", O_WRONLY | O_TRUNC) >= 0 && unlink(to) == 0);
    EXPECT(try_open(readable, "/file", O_RDONLY) >= 0);
    EXPECT(fails(try_open(readable, "/file", O_WRONLY), EACCES));
    EXPECT(fails(try_open(readable, "/new", O_WRONLY | O_CREAT), EACCES));
    EXPECT(fails(try_open(outside, "/file", O_RDONLY), EACCES));
    EXPECT(fails(try_open("/etc", "/shadow", O_RDONLY), EACCES));
    EXPECT(fails(try_open("/etc", "/piste-test", O_WRONLY | O_CREAT), EACCES));
    EXPECT(try_open("/proc", "/self/status", O_RDONLY) >= 0);
    char *const argv[] = {"true", NULL};
    EXPECT(fails(execv("/bin/true", argv), EACCES));
}

static void only_files_that_are_needed_are_left(void **state)
{
    in_child(try_files);
}

/* --- all in all --- */

static void try_capabilities(void)
{
    EXPECT(sandbox_caps(NEED_CAP) == PRIVILEGE_BIT(7));
    EXPECT(sandbox_caps(NEED_CAP_AT_TIMES) == 0);
    EXPECT(getuid() != 0 || setuid(4711) == -1 || getuid() == 4711);
}

static void tables_say_the_capabilities(void **state)
{
    in_child(try_capabilities);
}

static int make_file(const char *folder)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/file", folder);
    int fd = mkdir(folder, 0755) ? -1 : open(path, O_WRONLY | O_CREAT, 0644);
    return fd < 0 || close(fd) ? -1 : 0;
}

/* Not below /tmp, which is left as a whole. */
static int setup(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(inside, sizeof(inside), "%s/inside", dir);
    snprintf(readable, sizeof(readable), "/var/tmp/%s-readable", strrchr(dir, '/') + 1);
    snprintf(outside, sizeof(outside), "/var/tmp/%s-outside", strrchr(dir, '/') + 1);
    return make_file(inside) || make_file(readable) || make_file(outside) ? -1 : 0;
}

static int teardown(void **state)
{
    char command[300];
    snprintf(command, sizeof(command), "rm -rf %s %s %s", dir, readable, outside);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_calls_that_are_needed_are_left),
        cmocka_unit_test(threads_are_in_it),
        cmocka_unit_test(no_code_is_made),
        cmocka_unit_test(only_files_that_are_needed_are_left),
        cmocka_unit_test(tables_say_the_capabilities),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
