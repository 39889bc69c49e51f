/* What a crash leaves behind: signal, program counter, fault address and the call chain, on stderr
 * and in the log file; then the process dies by SIGABRT. Everything printed is made without malloc
 * or stdio, because any of these may be what crashed. */
#pragma once

#include "base/error.h"
#include "base/types.h"

/* Catches SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGQUIT and SIGABRT. Includes backtrace_thread_init. */
int backtrace_init(struct error *e) MUST_CHECK;
/* Gives the calling thread a signal stack of its own, so that an overflow of its stack can be
 * reported. It lives as long as the process: for threads that are made once. */
int backtrace_thread_init(struct error *e) MUST_CHECK;
/* A second place for crash reports beside stderr; -1: none. fd stays the caller's and stays open.
 */
void backtrace_set_file(int fd);
/* Calls fn in the crashing thread after the report (post-mortem dumps); fn must be
 * async-signal-safe. */
void backtrace_on_crash(void (*fn)(void));
