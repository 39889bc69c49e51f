/* What makes a process a daemon: background, folder, files, limits, place. main.c calls these in
 * the order they stand here. */
#pragma once

#include "base/error.h"
#include "control/startup.h"

/* Goes to the background when the settings say so. The caller's process waits until process_ready
 * or the end of the child, and exits with 0 or 1 then; the child returns from here. */
int process_daemonise(const struct startup *s, struct error *e) MUST_CHECK;
/* Runtime folder (made, and made current), effective group, core dump limits. */
int process_prepare(const struct startup *s, struct error *e) MUST_CHECK;
/* Takes the policy that data threads shall have: they inherit it. */
int process_schedule(const struct startup *s, struct error *e) MUST_CHECK;
/* Name, CPU and policy of the control thread. After the data threads were made: they would inherit
 * both. */
int process_pin(const struct startup *s, struct error *e) MUST_CHECK;
/* After all that fails when another daemon has these settings: the file is that one's. */
int process_write_pidfile(const struct startup *s, struct error *e) MUST_CHECK;
/* Lets the waiting process of process_daemonise go, and closes the terminal then; tells the service
 * manager, when there is one (NOTIFY_SOCKET). */
void process_ready(void);
/* Tells the service manager. */
void process_stopping(void);
