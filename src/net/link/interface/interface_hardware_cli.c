/* `show hardware-interfaces`: what ports and their devices are and count. Layouts are VPP's; what
 * is said of offloads and by devices themselves comes with `verbose`, and always in JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface_internal.h"
#include "net/packet/ethernet_format.h"

static void show_tx_queues(const struct interface *f, struct out *o)
{
    out_text(o, "  TX Queues:\n");
    if (!f->cls->is_ip)
        out_text(o, "    TX Hash: [name: hash-eth-l34 priority: 50 description: Hash ethernet L34 "
                    "headers]\n");
    out_text(o, "    queue shared thread(s)      \n");
    out_array(o, "tx_placement");
    for (u32 i = 0; i < f->tx->n; i++) {
        const struct tx_queue *q = f->tx->v[i];
        struct text threads = {0};
        tx_threads_format(&threads, q->threads);
        out_object(o, NULL);
        out_u64(o, "queue", i, "    %-6" PRIu64);
        out_bool(o, "shared", q->shared, NULL, NULL);
        out_text(o, "%-7s", q->shared ? "yes" : "no");
        out_str(o, "threads", text_str(&threads), "%s\n");
        out_end(o);
        text_free(&threads);
    }
    out_end(o);
}

static void show_queues(const struct piste *p, const struct interface *f, struct out *o)
{
    if (f->n_queues) {
        out_text(o, "  RX Queues:\n    queue thread         mode      \n");
        out_array(o, "rx_queues");
    }
    for (u32 q = 0; q < f->n_queues; q++) {
        const struct rx_queue *rx = f->queues[q];
        char thread[32];
        snprintf(thread, sizeof(thread), "%s (%u)", thread_name(engine_of(p), rx->thread),
                 rx->thread);
        out_object(o, NULL);
        out_u64(o, "queue", q, "    %-6" PRIu64);
        out_str(o, "thread", thread, "%-15s");
        out_str(o, "mode", rx_mode_name(rx_queue_mode(engine_of(p), rx)), "%-10s\n");
        out_end(o);
    }
    if (f->n_queues)
        out_end(o);
    if (f->tx && f->tx->n)
        show_tx_queues(f, o);
}

/* --- show hardware-interfaces --- */

static void interface_hardware_cli_show_offloads(const struct interface *f, struct out *o,
                                                 bool verbose)
{
    static const struct {
        u32 cap;
        const char *name;
    } names[] = {
        {IF_CAP_CSUM_TCP4, "tx-checksum-tcp4"},
        {IF_CAP_CSUM_UDP4, "tx-checksum-udp4"},
        {IF_CAP_CSUM_TCP6, "tx-checksum-tcp6"},
        {IF_CAP_CSUM_UDP6, "tx-checksum-udp6"},
        {IF_CAP_CSUM_OTHER, "tx-checksum-other"},
        {IF_CAP_TSO4, "tso4"},
        {IF_CAP_TSO6, "tso6"},
        {IF_CAP_USO, "uso"},
        {IF_CAP_GSO_TUNNEL, "tunnel-gso"},
        {IF_CAP_RX_CSUM, "rx-checksum"},
        {IF_CAP_RX_LARGE, "rx-large"},
        {IF_CAP_RX_VLAN, "rx-vlan"},
    };
    bool text = verbose && f->caps;
    out_text(o, text ? "  Offloads:" : "");
    out_array(o, "offloads");
    for (u32 i = 0; i < array_len(names); i++)
        if (f->caps & names[i].cap)
            out_str(o, NULL, names[i].name, text ? " %s" : NULL);
    out_end(o);
    out_text(o, text ? "\n" : "");
    out_bool(o, "software_offload", f->software_offload, NULL, NULL);
}

/* --- what devices count --- */

struct count_list {
    struct out *o;
    struct interface *f;
    u32 n;
};

static void count_row(void *to, const char *name, u64 value)
{
    struct count_list *l = to;
    u32 i = l->n++;
    u64 base = i < l->f->cleared.n ? l->f->cleared.v[i] : 0;
    u64 since = value < base ? value : value - base; /* less: the device began anew */
    if (since)
        out_text(l->o, "    %-40s%16" PRIu64 "\n", name, since);
    out_u64(l->o, name, since, NULL);
}

static void count_keep(void *to, const char *name, u64 value)
{
    vec_add(&((struct interface *)to)->cleared, value);
}

static void show_counts(struct interface *f, struct out *o)
{
    struct count_list l = {o, f, 0};
    out_text(o, "  Device counters:\n");
    out_object(o, "device_counters");
    f->cls->counts(f->port, count_row, &l);
    out_end(o);
}

static void clear_counts(struct interface *f)
{
    f->cleared.n = 0;
    f->cls->counts(f->port, count_keep, f);
}

/* --- the command --- */

static void link_speed(struct out *o, u64 kbps)
{
    out_u64(o, "link_kbps", kbps, NULL);
    if (!kbps)
        out_text(o, "  Link speed: unknown\n");
    else if (kbps % 1000000 == 0)
        out_text(o, "  Link speed: %" PRIu64 " Gbps\n", kbps / 1000000);
    else
        out_text(o, "  Link speed: %" PRIu64 " Mbps\n", kbps / 1000);
}

static void show_hardware_one(struct out *o, struct piste *p, struct interface *f, bool brief,
                              bool verbose)
{
    char mac[MAC_TEXT_BYTES];
    char text[32];
    out_object(o, NULL);
    out_str(o, "name", f->name, "%-32.32s");
    out_u64(o, "sw_if_index", f->index.i, NULL);
    out_str(o, "link", f->link_up ? "up" : "down", NULL);
    snprintf(text, sizeof(text), "%u", f->index.i);
    out_aligned(o, text, 6, OUT_CENTER);
    out_aligned(o, f->link_up ? "up" : "down", 8, OUT_CENTER);
    out_text(o, "%s\n", f->name);
    if (!brief) {
        link_speed(o, f->link_kbps);
        show_queues(p, f, o);
        if (f->has_mac)
            out_str(o, "mac", ethernet_mac_text(f->mac, mac), "  Ethernet address %s\n");
        if (f->cls->show)
            f->cls->show(f->port, o, verbose);
        else
            out_text(o, "  %s\n", f->cls->name);
        interface_hardware_cli_show_offloads(f, o, verbose);
        if (verbose && f->cls->counts)
            show_counts(f, o);
    }
    out_end(o);
}

int interface_cli_show_hardware(struct cli_call *c)
{
    bool verbose = cli_has(c, "verbose") || cli_has(c, "detail");
    if (!c->again) {
        out_aligned(c->out, "Name", 32, OUT_CENTER);
        out_aligned(c->out, "Idx", 6, OUT_CENTER);
        out_aligned(c->out, "Link", 8, OUT_CENTER);
        out_text(c->out, "Hardware\n");
        out_array(c->out, "interfaces");
    }
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_NAME));) {
        if (!f->super)
            show_hardware_one(c->out, c->piste, f, cli_has(c, "brief"), verbose);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

int interface_cli_clear_hardware(struct cli_call *c)
{
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_NAME));) {
        if (f->cls->counts)
            clear_counts(f);
        if (cli_full(c))
            return CLI_MORE;
    }
    return 0;
}
