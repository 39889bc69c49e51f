/* `pcap dispatch trace`: each packet in front of each node that it passes, in a file that
 * Wireshark's vpp dissector reads. Control thread. */
#pragma once

#include "net/features/pcap/pcap_kept.h"

struct piste;

struct pcap_dispatch_args {
    u32 max_packets;
    const char *file; /* a name in /tmp; NULL: dispatch.pcap */
};

struct pcap_dispatch_status {
    bool on;
    u32 packets, max_packets;
    char path[PCAP_KEPT_FILE_BYTES];
};

/* -EALREADY, -EINVAL, -ENOMEM. */
int pcap_dispatch_start(struct piste *p, const struct pcap_dispatch_args *args,
                        struct error *e) MUST_CHECK;
/* Writes the file. -EALREADY: it was off; -ENODATA: nothing was captured, no file is written. */
int pcap_dispatch_stop(struct piste *p, struct pcap_dispatch_status *status,
                       struct error *e) MUST_CHECK;
void pcap_dispatch_get_status(const struct piste *p, struct pcap_dispatch_status *out);
