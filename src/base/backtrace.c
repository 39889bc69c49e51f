/* Crash reports through libunwind. From a signal handler the chain starts at the interrupted
 * registers (the handler's ucontext): musl's signal trampoline has no unwind information to step
 * through. For the same reason abort() shows no callers there, so panic() prints its own chain
 * first. */
#include "base/backtrace.h"

#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/foreign_map.h"
#include "base/log.h"

#define SIGNAL_STACK_BYTES (64u << 10)
#define MAX_FRAMES 64

static int report_fd = -1;
static void (*crash_fn)(void);
static int crashing; /* the thread that crashed first reports */

/* One line, built without stdio. */
struct line {
    char s[512];
    size_t n;
};

static void put_str(struct line *l, const char *s)
{
    while (*s && l->n < sizeof(l->s) - 1)
        l->s[l->n++] = *s++;
}

static void backtrace_put_number(struct line *l, u64 x, unsigned base, unsigned min_digits)
{
    char digits[24];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[x % base];
        x /= base;
    } while (x || n < min_digits);
    while (n && l->n < sizeof(l->s) - 1)
        l->s[l->n++] = digits[--n];
}

static void put_hex(struct line *l, u64 x)
{
    put_str(l, "0x");
    backtrace_put_number(l, x, 16, 1);
}

static void backtrace_write_all(int fd, const char *s, size_t n)
{
    while (n) {
        ssize_t k = write(fd, s, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return;
        s += k;
        n -= (size_t)k;
    }
}

static void line_end(struct line *l)
{
    l->s[l->n++] = '\n';
    backtrace_write_all(STDERR_FILENO, l->s, l->n);
    if (report_fd >= 0)
        backtrace_write_all(report_fd, l->s, l->n);
    l->n = 0;
}

static void print_line(const char *s)
{
    struct line l = {.n = 0};
    put_str(&l, s);
    line_end(&l);
}

/* "#3  0x00007f12 loop_run + 0x41 from /usr/bin/vpp" */
static void print_frame(unsigned i, unw_cursor_t *cursor)
{
    struct line l = {.n = 0};
    unw_word_t ip = 0, offset = 0;
    char name[128];
    Dl_info info;

    unw_get_reg(cursor, UNW_REG_IP, &ip);
    put_str(&l, "#");
    backtrace_put_number(&l, i, 10, 1);
    put_str(&l, i < 10 ? "  0x" : " 0x");
    backtrace_put_number(&l, ip, 16, 16);
    bool known = dladdr((void *)(uintptr_t)ip, &info) && info.dli_fname;
    if (!unw_get_proc_name(cursor, name, sizeof(name), &offset)) {
        put_str(&l, " ");
        put_str(&l, name);
        put_str(&l, " + ");
        put_hex(&l, offset);
    } else if (known && info.dli_sname) {
        put_str(&l, " ");
        put_str(&l, info.dli_sname);
        put_str(&l, " + ");
        put_hex(&l, ip - (uintptr_t)info.dli_saddr);
    }
    if (known) {
        /* with the offset in the object: addr2line -e OBJECT OFFSET */
        put_str(&l, " from ");
        put_str(&l, info.dli_fname);
        put_str(&l, " (+");
        put_hex(&l, ip - (uintptr_t)info.dli_fbase);
        put_str(&l, ")");
    }
    line_end(&l);
}

/* Prints from the cursor on, the first `skip` frames left out; whether it got past the first. */
static bool print_frames(unw_cursor_t *cursor, unsigned skip, unsigned number)
{
    unw_word_t ip;
    Dl_info info;
    unsigned seen = 0;
    for (;;) {
        if (seen++ >= skip)
            print_frame(number++, cursor);
        if (number >= MAX_FRAMES || unw_step(cursor) <= 0 || unw_get_reg(cursor, UNW_REG_IP, &ip) ||
            !dladdr((void *)(uintptr_t)ip, &info))
            return seen > 1;
    }
}

#if defined(__x86_64__)

/* Whether the instruction before a return address is a call: e8 rel32, or ff /2 in its usual
 * lengths. */
static bool is_behind_call(u64 address)
{
    u8 code[7];
    struct iovec to = {code, sizeof(code)};
    struct iovec from = {(void *)(uintptr_t)(address - sizeof(code)), sizeof(code)};
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != sizeof(code))
        return false;
    return code[2] == 0xe8 || (code[5] == 0xff && (code[6] & 0x38) == 0x10) ||
           (code[4] == 0xff && (code[5] & 0x38) == 0x10) ||
           (code[1] == 0xff && (code[2] & 0x38) == 0x10);
}

/* musl's libc has no unwind information. Looks up the stack for the first return address into
 * another object, and moves the registers there. What is left over on the stack may show up as a
 * frame before the true ones. */
static bool leave_object(ucontext_t *uc)
{
    Dl_info here, there;
    u64 stack[512];
    u64 sp = (u64)uc->uc_mcontext.gregs[REG_RSP];
    struct iovec to = {stack, sizeof(stack)}, from = {(void *)(uintptr_t)sp, sizeof(stack)};
    ssize_t got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    while (got < 0 && from.iov_len > 64) { /* near the end of the stack */
        from.iov_len /= 2;
        got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    }
    if (!dladdr((void *)(uintptr_t)uc->uc_mcontext.gregs[REG_RIP], &here))
        here.dli_fbase = NULL;
    for (ssize_t i = 0; i < got / (ssize_t)sizeof(stack[0]); i++) {
        if (!dladdr((void *)(uintptr_t)stack[i], &there) || there.dli_fbase == here.dli_fbase ||
            !is_behind_call(stack[i]))
            continue;
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)stack[i];
        uc->uc_mcontext.gregs[REG_RSP] = (greg_t)sp + 8 * (greg_t)i + 8;
        return true;
    }
    return false;
}

#elif defined(__aarch64__)

/* As above: the link register is right for leaf functions, which most that fault are. */
static bool leave_object(ucontext_t *uc)
{
    bool is_new = uc->uc_mcontext.pc != uc->uc_mcontext.regs[30];
    uc->uc_mcontext.pc = uc->uc_mcontext.regs[30];
    return is_new;
}

#elif defined(__arm__)

/* Likewise. */
static bool leave_object(ucontext_t *uc)
{
    bool is_new = uc->uc_mcontext.arm_pc != uc->uc_mcontext.arm_lr;
    uc->uc_mcontext.arm_pc = uc->uc_mcontext.arm_lr;
    return is_new;
}

#else

static bool leave_object(ucontext_t *uc)
{
    return false;
}

#endif

#ifdef __arm__

/* libunwind takes the registers only. */
static unw_context_t *unwind_context(ucontext_t *uc)
{
    static unw_context_t context;
    memcpy(context.regs, &uc->uc_mcontext.arm_r0, sizeof(context.regs));
    return &context;
}

#else

/* It is a ucontext_t, or the beginning of one under a name of libunwind's own. */
static unw_context_t *unwind_context(ucontext_t *uc)
{
    return (unw_context_t *)uc;
}

#endif

static void print_signal_chain(const ucontext_t *interrupted)
{
    unw_cursor_t cursor;
    /* a copy: the cursor refers to it, and leave_object changes it */
    static ucontext_t uc;
    uc = *interrupted;
    if (unw_init_local2(&cursor, unwind_context(&uc), UNW_INIT_SIGNAL_FRAME))
        print_line("no backtrace: libunwind does not start");
    else if (!print_frames(&cursor, 0, 0) && leave_object(&uc) &&
             !unw_init_local2(&cursor, unwind_context(&uc), 0))
        print_frames(&cursor, 0, 1);
}

/* Prints the caller's own call chain under a line of text. Async-signal-safe. */
static void backtrace_print(const char *text)
{
    unw_context_t context;
    if (text)
        print_line(text);
    unw_getcontext(&context);
    unw_cursor_t cursor;
    if (!unw_init_local(&cursor, &context))
        print_frames(&cursor, 1, 0);
}

static u64 pc_of(const ucontext_t *uc)
{
#if defined(__x86_64__)
    return (u64)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return uc->uc_mcontext.pc;
#elif defined(__s390x__)
    return uc->uc_mcontext.psw.addr;
#elif defined(__arm__)
    return uc->uc_mcontext.arm_pc;
#elif defined(__riscv)
    return uc->uc_mcontext.__gregs[0];
#elif defined(__powerpc64__)
    return uc->uc_mcontext.gp_regs[32];
#else
    return 0;
#endif
}

static const char *signal_name(int sig)
{
    switch (sig) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGILL:
        return "SIGILL";
    case SIGFPE:
        return "SIGFPE";
    case SIGQUIT:
        return "SIGQUIT";
    case SIGABRT:
        return "SIGABRT";
    }
    return "signal";
}

static void print_signal(int sig, const siginfo_t *si, const ucontext_t *uc)
{
    struct line l = {.n = 0};
    put_str(&l, "received signal ");
    put_str(&l, signal_name(sig));
    put_str(&l, ", PC ");
    put_hex(&l, pc_of(uc));
    if (si->si_code > 0) {
        put_str(&l, ", faulting address ");
        put_hex(&l, (uintptr_t)si->si_addr);
    } else {
        put_str(&l, ", sent by PID ");
        backtrace_put_number(&l, (u64)si->si_pid, 10, 1);
        put_str(&l, " UID ");
        backtrace_put_number(&l, (u64)si->si_uid, 10, 1);
    }
    put_str(&l, ", thread ");
    backtrace_put_number(&l, (u64)gettid(), 10, 1);
    line_end(&l);
}

static void backtrace_die(void)
{
    print_line("ended by SIGABRT");
    signal(SIGABRT, SIG_DFL);
    if (getpid() == 1)
        _exit(128 + SIGABRT); /* of a container: no signal ends it that it sends itself */
    abort();
}

/* A second crash, in here or in another thread, must not hide the first: the first reporter
 * finishes. */
static bool report_begins(void)
{
    int me = (int)gettid(), nobody = 0;
    if (__atomic_compare_exchange_n(&crashing, &nobody, me, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        return true;
    if (nobody != me)
        for (;;)
            pause();
    return false;
}

static void backtrace_on_signal(int sig, siginfo_t *si, void *context)
{
    int before = errno;
    if (sig == SIGBUS && si->si_code > 0 && foreign_map_mend(si->si_addr)) {
        errno = before;
        return;
    }
    if (!report_begins())
        backtrace_die();
    print_signal(sig, si, context);
    print_signal_chain(context);
    if (crash_fn)
        crash_fn();
    backtrace_die();
}

void panic(const char *fmt, ...)
{
    char text[LOG_TEXT_BYTES] = "panic: ";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + 7, sizeof(text) - 7, fmt, ap);
    va_end(ap);
    if (report_begins()) {
        backtrace_print(text);
        if (crash_fn)
            crash_fn();
    }
    backtrace_die();
    __builtin_unreachable();
}

void give_up(const char *fmt, ...)
{
    char text[LOG_TEXT_BYTES];
    va_list ap;
    int n = snprintf(text, sizeof(text), "%s: ", program_invocation_short_name);
    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    if (report_begins())
        print_line(text);
    _exit(1);
}

void backtrace_set_file(int fd)
{
    report_fd = fd;
}

void backtrace_on_crash(void (*fn)(void))
{
    crash_fn = fn;
}

int backtrace_thread_init(struct error *e)
{
    stack_t ss = {.ss_size = SIGNAL_STACK_BYTES};
    ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (ss.ss_sp == MAP_FAILED)
        return error_errno(e, errno, "no memory for a signal stack");
    if (sigaltstack(&ss, NULL)) {
        int err = errno;
        munmap(ss.ss_sp, ss.ss_size);
        return error_errno(e, err, "sigaltstack");
    }
    return 0;
}

int backtrace_init(struct error *e)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGQUIT, SIGABRT};
    int rc = backtrace_thread_init(e);
    if (rc)
        return rc;
    struct sigaction sa = {.sa_sigaction = backtrace_on_signal,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigfillset(&sa.sa_mask);
    /* a crash within the handler is caught too, and ends it */
    for (size_t i = 0; i < array_len(signals); i++)
        sigdelset(&sa.sa_mask, signals[i]);
    for (size_t i = 0; i < array_len(signals); i++)
        if (sigaction(signals[i], &sa, NULL))
            return error_errno(e, errno, "sigaction");
#ifdef __arm__
    /* Where a function has no unwind table, libunwind guesses by a frame pointer that nobody keeps
     * under ARM's EABI, and follows it wherever it leads: only tables (1: DWARF, 4: EXIDX). */
    setenv("UNW_ARM_UNWIND_METHOD", "5", 0);
#endif
    /* libunwind looks up what it needs at its first use: now, while malloc and dlopen locks are
     * sound */
    unw_context_t context;
    unw_cursor_t cursor;
    unw_getcontext(&context);
    if (!unw_init_local(&cursor, &context))
        while (unw_step(&cursor) > 0)
            ;
    return 0;
}
