/* Interactive with an editor of our own (libedit): history that lasts, completion by asking the
 * daemon, a pager. Needs our daemon; see terminal.h for others. */
#pragma once

#include "base/types.h"

struct client;

/* Whether the connected daemon is ours: it has granted our telnet option. */
bool interactive_probe(struct client *c);
/* Returns the exit status. */
int interactive_run(struct client *c);
