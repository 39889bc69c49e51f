/* Interactive without an editor of our own: keys go to the daemon as they are typed, and what it
 * sends is shown. For FD.io VPP's daemon, and for terminals that can do little. */
#pragma once

/* where: as client_dial has it. Returns the exit status. */
int terminal_run(const char *where);
