/* Commands about the queues of interfaces: modes, and which thread has which. Layouts and error
 * words are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "control/cli.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface_internal.h"

/* --- receive queues --- */

static enum rx_mode mode_of(const struct cli_call *c)
{
    return cli_has(c, "polling")     ? RX_MODE_POLLING
           : cli_has(c, "interrupt") ? RX_MODE_INTERRUPT
           : cli_has(c, "adaptive")  ? RX_MODE_ADAPTIVE
                                     : RX_MODE_DEFAULT;
}

/* Queues that a command is about: one, or all of the interface. */
static int queue_range(const struct cli_call *c, const struct interface *f, u32 *first, u32 *end)
{
    *first = (u32)cli_u64(c, "number", 0);
    *end = cli_has(c, "number") || cli_get(c, "number") ? *first + 1 : f->n_queues;
    if (*end > f->n_queues || *first >= f->n_queues)
        return error_set(c->err, ENOENT, "unable to set rx-mode on interface %s queue-id %u.",
                         f->name, *first);
    return 0;
}

int interface_cli_set_rx_mode(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    u32 q, end;
    int rc = queue_range(c, f, &q, &end);
    for (; !rc && q < end; q++)
        rc = rx_queue_set_mode(engine_of(c->piste), f->queues[q], mode_of(c), c->err);
    return rc;
}

int interface_cli_set_default_rx_mode(struct cli_call *c)
{
    rx_queue_set_default_mode(engine_of(c->piste), mode_of(c));
    return 0;
}

int interface_cli_show_default_rx_mode(struct cli_call *c)
{
    out_str(c->out, "default_rx_mode", rx_mode_name(rx_queue_default_mode(engine_of(c->piste))),
            "default rx-mode: %s\n");
    return 0;
}

int interface_cli_set_rx_placement(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    u32 q, end, worker = cli_has(c, "main") ? INTERFACE_MAIN_WORKER : (u32)cli_u64(c, "thread", 0);
    int rc = queue_range(c, f, &q, &end);
    for (; !rc && q < end; q++)
        rc = interface_place_queue(c->piste, f, q, worker, c->err);
    return rc;
}

/* --- rx-placement --- */

/* How far `show interface rx-placement` is. */
struct placement_place {
    u32 thread; /* 0: not begun */
    u32 next;   /* interface */
    bool any;   /* the thread's line was shown */
    struct node_index node;
};

static void placement_queue(struct cli_call *c, struct placement_place *at,
                            const struct interface *f, u32 q)
{
    struct engine *e = engine_of(c->piste);
    const struct rx_queue *rx = f->queues[q];
    if (!at->any)
        out_text(c->out, "Thread %u (%s):\n", at->thread, thread_name(e, at->thread));
    if (!at->any || rx->node.i != at->node.i)
        out_text(c->out, " node %s:\n", node_name(e, rx->node));
    at->any = true;
    at->node = rx->node;
    out_text(c->out, "    %s queue %u (%s)\n", f->name, q, rx_mode_name(rx_queue_mode(e, rx)));
    out_object(c->out, NULL);
    out_str(c->out, "interface", f->name, NULL);
    out_u64(c->out, "queue", q, NULL);
    out_str(c->out, "mode", rx_mode_name(rx_queue_mode(e, rx)), NULL);
    out_end(c->out);
}

/* The queues of a thread: false when there are more. */
static bool placement_thread(struct cli_call *c, struct placement_place *at)
{
    for (struct interface *f; (f = interface_next(c->piste, at->next));) {
        if (cli_full(c))
            return false;
        at->next = f->index.i + 1;
        for (u32 q = 0; q < f->n_queues; q++)
            if (f->queues[q]->thread == at->thread)
                placement_queue(c, at, f, q);
    }
    return true;
}

int interface_cli_show_rx_placement(struct cli_call *c)
{
    struct engine *e = engine_of(c->piste);
    struct placement_place *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        out_array(c->out, "threads");
        at->thread = 1;
    }
    for (bool in_thread = c->again; at->thread < engine_n_threads(e); in_thread = false) {
        if (!in_thread) {
            out_object(c->out, NULL);
            out_str(c->out, "thread", thread_name(e, at->thread), NULL);
            out_array(c->out, "queues");
        }
        if (!placement_thread(c, at))
            return CLI_MORE;
        out_end(c->out);
        out_end(c->out);
        *at = (struct placement_place){.thread = at->thread + 1};
    }
    out_end(c->out);
    return 0;
}

/* --- transmit queues --- */

int interface_cli_set_tx_queue(struct cli_call *c)
{
    struct interface *f = cli_interface(c, "interface");
    const char *list = cli_str(c, "list", NULL);
    struct engine *e = engine_of(c->piste);
    u64 threads = 0;
    if (!f->tx)
        return error_set(c->err, EOPNOTSUPP, "%s has no transmit queues", f->name);
    int rc = list ? tx_threads_parse(list, &threads, c->err) : 0;
    if (!rc)
        rc = tx_queue_place(e, f->tx, (u32)cli_u64(c, "number", 0), threads, c->err);
    u64 without = rc ? 0 : tx_queues_threads_without(e, f->tx);
    if (!without)
        return rc;
    /* VPP says nothing here; what these threads have for the interface is lost from now on */
    struct text t = {0};
    tx_threads_format(&t, without);
    out_str(c->out, "threads_without_queue", text_str(&t),
            "No transmit queue is left for threads: %s\n");
    text_free(&t);
    return 0;
}
