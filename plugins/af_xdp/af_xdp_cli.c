/* Commands of AF_XDP interfaces. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/cli.h"
#include "control/loop.h"
#include "control/running_config.h"
#include "net/link/interface/interface_api.h"
#include "plugins/af_xdp/af_xdp_internal.h"

static int af_xdp_cli_text(const struct cli_call *c, const char *label, const char *too_long,
                           char *out, size_t bytes)
{
    const char *text = cli_str(c, label, "");
    if (strlen(text) >= bytes)
        return error_set(c->err, EINVAL, "%s", too_long);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static int af_xdp_cli_args(const struct cli_call *c, struct af_xdp_args *a)
{
    *a = (struct af_xdp_args){
        .n_rx_queues = cli_has(c, "all") ? AF_XDP_QUEUES_ALL : (u32)cli_u64(c, "rx-queues", 0),
        .rx_size = (u32)cli_u64(c, "rx-size", 0),
        .tx_size = (u32)cli_u64(c, "tx-size", 0),
        .mode = cli_has(c, "zero-copy")      ? AF_XDP_ZERO_COPY
                : cli_has(c, "no-zero-copy") ? AF_XDP_COPY
                                             : AF_XDP_AUTO,
        .no_syscall_lock = cli_has(c, "no-syscall-lock"),
        .mac_reuse = cli_has(c, "mac-reuse"),
        .generic = cli_has(c, "generic"),
        .busy_poll = cli_has(c, "busy-poll"),
        .waits = running_config_is_replaying(c->piste),
    };
    int rc = af_xdp_cli_text(c, "linux-ifname", "host interface name too long", a->host_name,
                             sizeof(a->host_name));
    if (!rc)
        rc = af_xdp_cli_text(c, "ifname", "interface name too long", a->name, sizeof(a->name));
    if (!rc)
        rc = af_xdp_cli_text(c, "pathname", "path of the program too long", a->program,
                             sizeof(a->program));
    if (!rc)
        rc = af_xdp_cli_text(c, "ns", "name of the network namespace too long", a->netns,
                             sizeof(a->netns));
    return rc;
}

/* Until a queue that is in use is tried again. */
struct af_xdp_cli_wait {
    struct cli_call *call;
    struct loop_timer *timer;
    u32 tries;
};

static void af_xdp_cli_wait_end(void *arg)
{
    struct af_xdp_cli_wait *w = arg;
    if (w->timer)
        loop_timer_del(w->call->piste->loop, w->timer);
    w->timer = NULL;
}

static void af_xdp_cli_again(void *arg)
{
    struct af_xdp_cli_wait *w = arg;
    af_xdp_cli_wait_end(w);
    cli_done(w->call, CLI_MORE);
}

static int af_xdp_cli_wait(struct cli_call *c, struct af_xdp_cli_wait *w)
{
    w->call = c;
    w->timer =
        loop_timer_add(c->piste->loop, clock_ns() + AF_XDP_BUSY_WAIT_NS, 0, af_xdp_cli_again, w);
    cli_pend(c, af_xdp_cli_wait_end, w);
    return CLI_PENDING;
}

static int af_xdp_cli_create(struct cli_call *c)
{
    struct af_xdp_cli_wait *w = cli_kept(c, sizeof(*w), NULL);
    struct af_xdp_args a;
    struct if_index i;
    int rc = af_xdp_cli_args(c, &a);
    if (!rc)
        rc = af_xdp_create(c->piste, &a, &i, c->err);
    if (rc == -EAGAIN && w->tries++ < AF_XDP_BUSY_TRIES)
        return af_xdp_cli_wait(c, w);
    if (rc)
        return rc == -EAGAIN ? -EBUSY : rc;
    out_str(c->out, "name", interface_at(c->piste, i)->name, NULL); /* VPP prints nothing */
    out_u64(c->out, "sw_if_index", i.i, NULL);
    return 0;
}

static int af_xdp_cli_delete(struct cli_call *c)
{
    const struct interface *f = cli_get(c, "interface")
                                    ? cli_interface(c, "interface")
                                    : api_interface(c->piste, (u32)cli_u64(c, "sw-idx", IF_MAX));
    return af_xdp_delete(c->piste, f ? f->index : IF_NONE, c->err);
}

void af_xdp_running_config(void *arg, struct text *t)
{
    const struct af_xdp *port = arg;
    const struct af_xdp_args *a = &port->args;
    text_add(t, "create interface af_xdp host-if %s name %s", a->host_name, a->name);
    if (a->rx_size != AF_XDP_RING_SIZE)
        text_add(t, " rx-queue-size %u", a->rx_size);
    if (a->tx_size != AF_XDP_RING_SIZE)
        text_add(t, " tx-queue-size %u", a->tx_size);
    if (a->n_rx_queues == AF_XDP_QUEUES_ALL)
        text_puts(t, " num-rx-queues all");
    else if (a->n_rx_queues > 1)
        text_add(t, " num-rx-queues %u", a->n_rx_queues);
    if (*a->program)
        text_add(t, " prog %s", a->program);
    if (*a->netns)
        text_add(t, " netns %s", a->netns);
    if (a->mode)
        text_puts(t, a->mode == AF_XDP_COPY ? " no-zero-copy" : " zero-copy");
    text_add(t, "%s%s%s%s\n", a->no_syscall_lock ? " no-syscall-lock" : "",
             a->mac_reuse ? " mac-reuse" : "", a->generic ? " generic" : "",
             a->busy_poll ? " busy-poll" : "");
}

const struct cli_command af_xdp_commands[] = {
    {"create interface af_xdp (host-if <linux-ifname:string>) [name <ifname:string>] "
     "[rx-queue-size <rx-size:u32>] [tx-queue-size <tx-size:u32>] "
     "[num-rx-queues (<rx-queues:u16>|all)] [prog <pathname:string>] [netns <ns:string>] "
     "[zero-copy|no-zero-copy] [no-syscall-lock] [mac-reuse] [generic] "
     "[busy-poll]",
     "Makes an interface on a Linux network device, through AF_XDP sockets", af_xdp_cli_create, 0},
    {"delete interface af_xdp ( <interface> | sw_if_index <sw-idx:u32> )",
     "Deletes an interface on AF_XDP sockets", af_xdp_cli_delete, 0},
    {0},
};
