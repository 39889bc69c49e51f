/* `pcap trace`: what interfaces receive and send, and what is dropped, into a file.
 *
 *   ethernet-input, X-output, error-drop ──► places in memory, one a packet ──► file, when it is
 * turned off. */
#pragma once

#include "base/error.h"
#include "engine/index.h"
#include "net/features/pcap/pcap_kept.h"
#include "net/link/interface/capture_data.h"

struct module;
struct piste;

extern const struct module pcap_module;

#define PCAP_TRACE_FILE_BYTES PCAP_KEPT_FILE_BYTES

struct pcap_trace_args {
    u32 directions; /* enum capture_direction */
    u32 max_packets, max_packet_bytes;
    struct if_index interface; /* IF_NONE: any */
    const char *file;          /* a name in /tmp; NULL: by the directions */
    bool filter;               /* only what `classify filter' picks */
    const char *error;         /* NODE.REASON: of what is dropped, only that; NULL: all */
    bool unknown_is_any;       /* a filter or reason that is not there is none, and no fault */
};

struct pcap_trace_status {
    u32 directions; /* 0: it is off */
    u32 packets, max_packets;
    char path[PCAP_TRACE_FILE_BYTES];
};

/* -EALREADY, -EINVAL, -ENOMEM; -EOPNOTSUPP: there is no such filter. Control thread. */
int pcap_trace_start(struct piste *p, const struct pcap_trace_args *args,
                     struct error *e) MUST_CHECK;
/* Writes the file; *status tells what was written. -EALREADY: it was off; -ENODATA: nothing was
 * captured, no file is written. */
int pcap_trace_stop(struct piste *p, struct pcap_trace_status *status, struct error *e) MUST_CHECK;
void pcap_trace_get_status(const struct piste *p, struct pcap_trace_status *out);
