/* One running switch. Everything hangs off this: there are no global "main" structs. It is passed
 * first, or reached from a call's context. */
#pragma once

#include "base/error.h"
#include "base/types.h"

struct loop;
struct module;

/* Who has something to do around each command and message, however it comes in. what: the command's
 * line of grammar, or the message's name. */
struct control_watch {
    void (*before)(void *arg, const char *what);
    void (*after)(void *arg, const char *what);
    void *arg;
};

struct piste {
    struct loop *loop;       /* the control thread's event loop; owned */
    struct modules *modules; /* registry, see module.h; owned */
    struct cli *cli;         /* command tree and sessions; owned */
    struct startup *startup; /* parsed startup.conf and what its core sections set; owned */
    struct engine *engine;   /* floor 3's instance, opaque here; owned by the engine module */
    u64 start_ns;            /* clock_ns() at start */
    const struct control_watch *watch; /* NULL: nobody; borrowed */
};
