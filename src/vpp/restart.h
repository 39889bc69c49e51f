/* `restart`: the process starts its program again, with the same arguments and the same pid. */
#pragma once

#include <stdbool.h>

/* Whether this process is already a restarted one: it stays where it is, and does not fork again.
 */
bool restart_is_running(void);
/* Whether it is in the sandbox that it entered before, as base/sandbox.h has it. */
void restart_sandbox(bool *calls, bool *files);
/* Returns only on failure, with errno set. The folder is that of the first start. */
void restart_program(char **argv, int start_dir_fd);
