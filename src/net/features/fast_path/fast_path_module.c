/* The record of the fast path, and its node, which has no packets: `show runtime` counts there what
 * went by the kernel. */
#include "control/module.h"
#include "engine/node.h"
#include "net/features/fast_path/fast_path_internal.h"

static void host_run(struct thread *t, struct node *n, struct buffer **b, u16 *next, u32 count)
{
    for (u32 i = 0; i < count; i++)
        next[i] = 0;
}

static const struct node_def host_node = {
    .name = "host-fast-path",
    .run = {[CPU_LEVEL_BASE] = host_run},
    .next = {"null-node"},
    .n_next = 1,
};

static const struct node_def *const nodes[] = {&host_node, NULL};

/* What startup.conf says stands at the next start; what was said since comes behind it. */
static void fast_path_running_config(struct piste *p, void *state, enum rc_phase phase,
                                     struct text *t)
{
    const struct fast_path *s = state;
    if (phase == RC_GLOBAL && s->backend && s->off_by_user)
        text_puts(t, "set fast-path off\n");
}

const struct module fast_path_module = {
    .abi = MODULE_ABI,
    .name = fast_path_module_name,
    .description = "Packets between host interfaces that stay in the kernel",
    .needs = (const char *const[]){"interface", "fib", "l2", NULL},
    .nodes = nodes,
    .commands = fast_path_commands,
    .api = fast_path_api,
    .config = fast_path_sections,
    .settings = &fast_path_default_settings,
    .settings_bytes = sizeof(fast_path_default_settings),
    .init = fast_path_init,
    .stop = fast_path_stop,
    .running_config = fast_path_running_config,
    .tables = fast_path_tables,
};
