#include "vpp/restart.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/privilege.h"
#include "base/sandbox.h"

#define MARK "PISTE_RESTARTED"

bool restart_is_running(void)
{
    return getenv(MARK) != NULL;
}

void restart_sandbox(bool *calls, bool *files)
{
    const char *mark = getenv(MARK);
    *calls = mark && strchr(mark, 'c');
    *files = mark && strchr(mark, 'f');
}

void restart_program(char **argv, int start_dir_fd)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none,
                NULL); /* the loop's signals were blocked, and exec keeps that */
    struct sandbox_state s = sandbox_state();
    const char *mark = s.calls && s.files ? "cf" : s.calls ? "c" : s.files ? "f" : "1";
    privilege_keep_over_exec();
    if (setenv(MARK, mark, 1) || (start_dir_fd >= 0 && fchdir(start_dir_fd)))
        return;
    execv("/proc/self/exe", argv);
}
