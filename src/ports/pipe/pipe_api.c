/* Messages of pipe.api. */
#include <errno.h>
#include <string.h>

#include "api/api_interface.h"
#include "api/api_pipe.h"
#include "control/api.h"
#include "control/module.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"
#include "ports/pipe/pipe.h"
#include "ports/pipe/pipe_internal.h"

static void pipe_api_create(struct api_call *c)
{
    const struct api_pipe_create *m = c->msg;
    struct if_index parent = IF_NONE, ends[2] = {IF_NONE, IF_NONE};
    int rc =
        pipe_create(c->piste, m->is_specified ? m->user_instance : UINT32_MAX, &parent, ends, NULL);
    struct api_pipe_create_reply reply = {
        .retval = rc == -EEXIST ? API_INVALID_REGISTRATION : api_retval(rc),
        .sw_if_index = parent.i,
        .pipe_sw_if_index = {ends[0].i, ends[1].i},
    };
    api_reply(c, &api_message_pipe_create_reply, &reply);
}

static void delete_pipe(struct api_call *c)
{
    const struct api_pipe_delete *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    bool gone = f && !pipe_delete(c->piste, f->index, NULL);
    api_reply_retval(c, gone ? API_OK : API_INVALID_SW_IF_INDEX);
}

static void pipe_api_dump(struct api_call *c)
{
    const struct pipes *s = module_state(c->piste, pipe_module_name);
    for (const struct pipe *x = pipe_next(s, 0); x; x = pipe_next(s, x->instance + 1)) {
        struct api_pipe_details d = {
            .sw_if_index = x->parent.i,
            .pipe_sw_if_index = {x->end[0].interface.i, x->end[1].interface.i},
            .instance = x->instance,
        };
        api_reply(c, &api_message_pipe_details, &d);
    }
}

/* An end is something of the parent, and has no MAC address. */
static void pipe_api_details(const struct piste *p, struct if_index i,
                             struct api_sw_interface_details *out)
{
    const struct pipe_end *end = pipe_end_at(p, i);
    if (!end)
        return;
    out->type = IF_API_TYPE_PIPE;
    out->sup_sw_if_index = end->pipe->parent.i;
    memset(out->l2_address, 0, sizeof(out->l2_address));
}

void pipe_api_init(struct piste *p)
{
    interface_api_on_details(p, pipe_api_details);
}

const struct api_handler pipe_api[] = {
    {&api_message_pipe_create, pipe_api_create},
    {&api_message_pipe_delete, delete_pipe},
    {&api_message_pipe_dump, pipe_api_dump},
    {0},
};
