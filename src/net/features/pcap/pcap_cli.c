/* `pcap trace`. Source: VPP's command. */
#include <inttypes.h>

#include "control/cli.h"
#include "engine/thread.h"
#include "engine/trace.h"
#include "net/features/pcap/pcap_dispatch.h"
#include "net/features/pcap/pcap_internal.h"
#include "net/features/pcap/pcap_trace.h"
#include "net/link/interface/interface.h"

static int pcap_cli_show_status(struct cli_call *c)
{
    struct pcap_trace_status s;
    struct text names = {0};
    static const char *const words[] = {"rx", "tx", "drop"};
    pcap_trace_get_status(c->piste, &s);
    for (u32 i = 0; i < array_len(words); i++)
        if (s.directions & (1u << i))
            text_add(&names, "%s%s", names.len ? " and " : "", words[i]);
    if (s.directions)
        out_text(c->out, "pcap %s dispatch capture enabled: %u of %u pkts...\ncapture to file %s\n",
                 text_str(&names), s.packets, s.max_packets, s.path);
    else
        out_text(c->out, "pcap dispatch capture disabled\n");
    text_free(&names);
    out_bool(c->out, "enabled", s.directions != 0, NULL, NULL);
    if (s.directions) {
        out_bool(c->out, "rx", s.directions & CAPTURE_RX, NULL, NULL);
        out_bool(c->out, "tx", s.directions & CAPTURE_TX, NULL, NULL);
        out_bool(c->out, "drop", s.directions & CAPTURE_DROP, NULL, NULL);
        out_u64(c->out, "packets", s.packets, NULL);
        out_u64(c->out, "max_packets", s.max_packets, NULL);
        out_str(c->out, "file", s.path, NULL);
    }
    return 0;
}

static int turn_off(struct cli_call *c)
{
    struct pcap_trace_status s = {0};
    int rc = pcap_trace_stop(c->piste, &s, c->err);
    if (rc)
        return rc;
    out_text(c->out, "Write %u packets to %s, and stop capture...\n", s.packets, s.path);
    out_u64(c->out, "packets", s.packets, NULL);
    out_str(c->out, "file", s.path, NULL);
    return 0;
}

static int pcap_cli_trace(struct cli_call *c)
{
    struct pcap_trace_args args = {
        .directions = (cli_has(c, "rx") ? CAPTURE_RX : 0u) | (cli_has(c, "tx") ? CAPTURE_TX : 0u) |
                      (cli_has(c, "drop") ? CAPTURE_DROP : 0u),
        .max_packets = (u32)cli_u64(c, "max-packets", PCAP_PACKETS_DEFAULT),
        .max_packet_bytes = (u32)cli_u64(c, "bytes", PCAP_BYTES_DEFAULT),
        .interface =
            cli_get(c, "interface-name") ? cli_interface(c, "interface-name")->index : IF_NONE,
        .file = cli_str(c, "name", NULL),
        .filter = cli_has(c, "filter"),
        .error = cli_str(c, "reason", NULL),
    };
    if (cli_has(c, "status"))
        return pcap_cli_show_status(c);
    if (cli_has(c, "off") || !args.directions)
        return turn_off(c);
    return pcap_trace_start(c->piste, &args, c->err);
}

/* --- pcap dispatch trace --- */

static int pcap_cli_dispatch_status(struct cli_call *c)
{
    struct pcap_dispatch_status s;
    pcap_dispatch_get_status(c->piste, &s);
    out_bool(c->out, "enabled", s.on, NULL, "pcap dispatch capture disabled\n");
    if (s.on) {
        out_u64(c->out, "packets", s.packets, "pcap dispatch capture enabled: %" PRIu64);
        out_u64(c->out, "max_packets", s.max_packets, " of %" PRIu64 " pkts...\n");
        out_str(c->out, "file", s.path, "capture to file %s\n");
    }
    return 0;
}

static int pcap_cli_dispatch_off(struct cli_call *c)
{
    struct pcap_dispatch_status s = {0};
    int rc = pcap_dispatch_stop(c->piste, &s, c->err);
    if (rc)
        return rc;
    out_u64(c->out, "packets", s.packets, "captured %" PRIu64 " pkts...\n");
    out_str(c->out, "file", s.path, "saved to %s...\n");
    return 0;
}

static int pcap_cli_dispatch(struct cli_call *c)
{
    struct pcap_dispatch_args args = {(u32)cli_u64(c, "max-packets", PCAP_PACKETS_DEFAULT),
                                      cli_str(c, "name", NULL)};
    if (cli_has(c, "status"))
        return pcap_cli_dispatch_status(c);
    if (cli_has(c, "off"))
        return pcap_cli_dispatch_off(c);
    int rc = pcap_dispatch_start(c->piste, &args, c->err);
    if (!rc && cli_get(c, "trace-node")) { /* and their traces beside it */
        rc = trace_capture(engine_of(c->piste),
                           (struct node_index){(u32)cli_u64(c, "trace-node", 0)},
                           (u32)cli_u64(c, "count", 0), false, c->err);
        if (rc)
            pcap_dispatch_forget(c->piste);
    }
    if (!rc)
        out_text(c->out, "pcap dispatch capture on...\n");
    return rc;
}

const struct cli_command pcap_commands[] = {
    {"pcap trace [rx] [tx] [drop] [off] [status] [max <max-packets:u32>] [max-bytes-per-pkt "
     "<bytes:u32>] "
     "[intfc ( any | <interface-name:interface> )] [interface ( any | <interface-name:interface> "
     ")] "
     "[file <name:string>] [error <reason:string>] [filter] [preallocate-data] [free-data]",
     "Writes packets that are received, sent or dropped to a file in /tmp, once it is turned off",
     pcap_cli_trace, 0},
    {"pcap dispatch trace ( on | off | status ) [max <max-packets:u32>] [file <name:string>] "
     "[buffer-trace <trace-node> <count:u32>]",
     "Writes each packet in front of each node that it passes to a file in /tmp, once it is turned "
     "off; Wireshark reads it",
     pcap_cli_dispatch, 0},
    {0},
};
