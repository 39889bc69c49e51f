/* Commands of pipes. */
#include "control/module.h"
#include "net/link/interface/interface.h"
#include "ports/pipe/pipe.h"
#include "ports/pipe/pipe_internal.h"

static int pipe_cli_create(struct cli_call *c)
{
    struct if_index parent, ends[2];
    int rc = pipe_create(c->piste, (u32)cli_u64(c, "instance-number", UINT32_MAX), &parent, ends,
                         c->err);
    if (rc)
        return rc;
    out_str(c->out, "name", interface_at(c->piste, parent)->name, "%s\n");
    out_u64(c->out, "sw_if_index", parent.i, NULL);
    return 0;
}

static int pipe_cli_delete(struct cli_call *c)
{
    return pipe_delete(c->piste, cli_interface(c, "interface")->index, c->err);
}

static int pipe_cli_show(struct cli_call *c)
{
    const struct pipes *s = module_state(c->piste, pipe_module_name);
    out_array(c->out, "pipes");
    for (const struct pipe *x = pipe_next(s, 0); x; x = pipe_next(s, x->instance + 1)) {
        out_object(c->out, NULL);
        out_str(c->out, "name", interface_at(c->piste, x->parent)->name, "%s: ");
        out_str(c->out, "east", interface_at(c->piste, x->end[0].interface)->name, "%s <-> ");
        out_str(c->out, "west", interface_at(c->piste, x->end[1].interface)->name, "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

const struct cli_command pipe_commands[] = {
    {"pipe create [instance <instance-number:u32>]", "Makes a pipe: two interfaces that are joined",
     pipe_cli_create, 0},
    {"pipe delete <interface>", "Deletes a pipe", pipe_cli_delete, 0},
    {"create pipe [instance <instance-number:u32>]", "The same as `pipe create`", pipe_cli_create,
     CLI_OWN},
    {"delete pipe <interface>", "The same as `pipe delete`", pipe_cli_delete, CLI_OWN},
    {"show pipe", "Pipes and their ends", pipe_cli_show, 0},
    {0},
};
