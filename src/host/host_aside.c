/* See host_aside.h. */
#include "host/host_aside.h"

#include <stdint.h>
#include <unistd.h>

#include "control/module.h"
#include "control/piste.h"
#include "host/host_internal.h"

void host_aside(struct piste *p, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct host_nets *all = module_state(p, host_module_name);
    aside_run(&all->aside, work, done, arg);
}

static void close_fd(void *arg)
{
    close((int)(intptr_t)arg);
}

void host_close(struct piste *p, int fd)
{
    if (fd >= 0)
        host_aside(p, close_fd, NULL, (void *)(intptr_t)fd);
}
