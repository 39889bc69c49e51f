/* The running configuration: the commands that would make the present state from nothing. Modules
 * write them (module.h); here they are shown, saved, compared, and replayed at the start. */
#pragma once

#include <stdbool.h>

struct module;
struct piste;

extern const struct module running_config_module;

/* Replays what was saved, or runs the script that startup.conf names, line by line to the end;
 * then, in the loop, done is called. What fails is in the log and in `show running-config errors`.
 */
void running_config_start(struct piste *p, void (*done)(void *arg), void *arg);
/* Whether that is going on: a device that a line is about may come later. */
bool running_config_is_replaying(const struct piste *p);
