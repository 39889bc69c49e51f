#include "vpp/restart.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MARK "PISTE_RESTARTED"

bool restart_is_running(void)
{
    return getenv(MARK) != NULL;
}

void restart_program(char **argv, int start_dir_fd)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none,
                NULL); /* the loop's signals were blocked, and exec keeps that */
    if (setenv(MARK, "1", 1) || (start_dir_fd >= 0 && fchdir(start_dir_fd)))
        return;
    execv("/proc/self/exe", argv);
}
