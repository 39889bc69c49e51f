/* The sandbox's half of system calls, by seccomp (seccomp(2)): a program for the kernel's packet
 * filter, which sees the number of a call and its arguments, but not what they point to. The kernel
 * remembers which calls pass whatever their arguments are, and does not run it for these. */
#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/vec.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__powerpc64__)
#define ARCH AUDIT_ARCH_PPC64
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#endif

#define X32_BIT 0x40000000u
#define NEW_NAMESPACES                                                                             \
    (0x00000080 /* time */ | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

struct program {
    VEC(struct sock_filter) v;
};

static void sandbox_calls_put(struct program *p, u16 code, u8 if_true, u8 if_false, u32 k)
{
    vec_add(&p->v, ((struct sock_filter){code, if_true, if_false, k}));
}

static void sandbox_calls_load(struct program *p, size_t at)
{
    sandbox_calls_put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (u32)at);
}

/* The low half of argument i: no flag or number that is looked at has bits above. */
static void load_argument(struct program *p, u32 i)
{
    sandbox_calls_load(p, offsetof(struct seccomp_data, args) + i * sizeof(u64) +
                              (__BYTE_ORDER == __BIG_ENDIAN ? sizeof(u32) : 0));
}

static void sandbox_calls_end(struct program *p, u32 what)
{
    sandbox_calls_put(p, BPF_RET | BPF_K, 0, 0, what);
}

static void sandbox_calls_fail(struct program *p, int code)
{
    sandbox_calls_end(p, SECCOMP_RET_ERRNO | (u32)code);
}

static void sandbox_calls_allow(struct program *p)
{
    sandbox_calls_end(p, SECCOMP_RET_ALLOW);
}

/* Goes on behind the next instruction when argument i has none of these bits. */
static void unless_any(struct program *p, u32 i, u32 bits)
{
    load_argument(p, i);
    sandbox_calls_put(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
}

/* --- calls whose arguments matter --- */

static void allow_family(const struct need *need, void *arg)
{
    struct program *p = arg;
    if (need->kind != NEED_SOCKET)
        return;
    sandbox_calls_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (u32)need->number);
    sandbox_calls_allow(p);
}

static void filter_socket(struct program *p)
{
    load_argument(p, 0);
    sandbox_each(allow_family, p);
    sandbox_calls_fail(p, EAFNOSUPPORT);
}

/* Threads, but no new namespaces. */
static void filter_clone(struct program *p)
{
#ifdef __s390x__
    unless_any(p, 1, NEW_NAMESPACES);
#else
    unless_any(p, 0, NEW_NAMESPACES);
#endif
    sandbox_calls_fail(p, EPERM);
    sandbox_calls_allow(p);
}

static void filter_setns(struct program *p)
{
    load_argument(p, 1);
    sandbox_calls_put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, CLONE_NEWNET);
    sandbox_calls_fail(p, EPERM);
    sandbox_calls_allow(p);
}

/* Code comes from files only, and is not changed: libraries of the program that a restart
 * executes. */
static void filter_mmap(struct program *p)
{
#ifndef __s390x__ /* where it gets a pointer to its arguments */
    load_argument(p, 2);
    sandbox_calls_put(p, BPF_JMP | BPF_JSET | BPF_K, 1, 0, PROT_EXEC);
    sandbox_calls_allow(p);
    unless_any(p, 2, PROT_WRITE);
    sandbox_calls_fail(p, EPERM);
    unless_any(p, 3, MAP_ANONYMOUS);
    sandbox_calls_fail(p, EPERM);
#endif
    sandbox_calls_allow(p);
}

static void filter_mprotect(struct program *p)
{
    unless_any(p, 2, PROT_EXEC);
    sandbox_calls_fail(p, EPERM);
    sandbox_calls_allow(p);
}

/* Only the own memory: a backtrace reads what may not be there. */
static void filter_read_memory(struct program *p)
{
    load_argument(p, 0);
    sandbox_calls_put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (u32)getpid());
    sandbox_calls_fail(p, EPERM);
    sandbox_calls_allow(p);
}

/* Not typing for the terminal's other users. */
static void filter_ioctl(struct program *p)
{
    load_argument(p, 1);
    sandbox_calls_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, TIOCSTI);
    sandbox_calls_fail(p, EPERM);
    sandbox_calls_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, TIOCLINUX);
    sandbox_calls_fail(p, EPERM);
    sandbox_calls_allow(p);
}

static const struct {
    long call;
    void (*filter)(struct program *p);
} filters[] = {
    {SYS_socket, filter_socket},
    {SYS_clone, filter_clone},
    {SYS_setns, filter_setns},
#ifdef SYS_mmap
    {SYS_mmap, filter_mmap},
#endif
#ifdef SYS_mmap2
    {SYS_mmap2, filter_mmap},
#endif
    {SYS_mprotect, filter_mprotect},
    {SYS_ioctl, filter_ioctl},
    {SYS_process_vm_readv, filter_read_memory},
};

/* --- all of them --- */

static void filter_call(const struct need *need, void *arg)
{
    struct program *p = arg;
    void (*filter)(struct program *) = sandbox_calls_allow;
    if (need->kind != NEED_CALL)
        return;
    for (size_t i = 0; i < array_len(filters); i++)
        if (filters[i].call == need->number)
            filter = filters[i].filter;
    u32 jump = p->v.n;
    sandbox_calls_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, (u32)need->number);
    filter(p);
    p->v.v[jump].jf = (u8)(p->v.n - jump - 1);
}

int sandbox_filter_calls(void)
{
#ifdef ARCH
    struct program p = {0};
    sandbox_calls_load(&p, offsetof(struct seccomp_data, arch));
    sandbox_calls_put(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
    sandbox_calls_fail(&p, ENOSYS);
    sandbox_calls_load(&p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    sandbox_calls_put(&p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
    sandbox_calls_fail(&p, ENOSYS);
#endif
    sandbox_each(filter_call, &p);
    sandbox_calls_fail(&p, ENOSYS);
    struct sock_fprog program = {.len = (u16)p.v.n, .filter = p.v.v};
    int rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) ? -errno : 0;
    vec_free(&p.v);
    return rc == -ENOSYS ? -EOPNOTSUPP : rc;
#else
    return -EOPNOTSUPP;
#endif
}
