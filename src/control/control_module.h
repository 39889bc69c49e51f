/* The modules of this floor: commands about the process itself. */
#pragma once

#include <stdbool.h>

struct module;
struct piste;

/* show version, cpu, clock, memory, physmem, unix errors */
extern const struct module system_module;
/* the log's commands */
extern const struct module logging_module;
/* show sandbox */
extern const struct module sandbox_module;
/* startup.conf, plugins, restart */
extern const struct module control_module;

/* Whether `restart` was the reason that the loop ended. */
bool control_wants_restart(const struct piste *p);
/* As `restart' does. */
void control_restart(struct piste *p);
