/* Files of captured packets: pcap and pcapng are read from memory, pcap is written record by
 * record.
 *
 *     file   [ header, 24 bytes ][ record ][ record ] ...
 *     record [ header, 16 bytes ][ incl_bytes of the packet ]
 *
 * Written in host byte order with microseconds; read in either order, with micro- or nanoseconds.
 * Source: draft-ietf-opsawg-pcap; of pcapng, see pcapng.c. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "base/types.h"

#define PCAP_HEADER_BYTES 24
#define PCAP_RECORD_HEADER_BYTES 16

enum pcap_link {
    PCAP_LINK_ETHERNET = 1,
    PCAP_LINK_RAW_IP = 12,
    PCAP_LINK_RAW = 101, /* read only: the registered number of raw IP */
    PCAP_LINK_VPP_DISPATCH = 280,
};

#define PCAPNG_INTERFACES_MAX 256 /* of a section */

/* What a pcapng section says of one. */
struct pcapng_interface {
    u16 link_type;
    u8 resolution;  /* of times: 10^-n seconds; with bit 7 2^-n */
    u32 snap_bytes; /* of a packet at most; 0: no limit */
    u64 offset_s;   /* to be added to times */
};

struct pcap_reader {
    const u8 *data;
    size_t size, at;
    u32 link_type; /* enum pcap_link, or another; of pcapng once there was a packet, the first one's
                    */
    bool swapped, nanoseconds, next_generation;
    u32 n_interfaces;
    struct pcapng_interface interfaces[PCAPNG_INTERFACES_MAX];
};

struct pcap_record {
    const u8 *data; /* borrowed from the file */
    u32 incl_bytes; /* of data */
    u32 orig_bytes; /* of the packet before it was cut */
    u64 time_ns;    /* since 1970 */
};

/* Starts reading size bytes at data, which stay the caller's; -EINVAL: no pcap file. */
int pcap_read_start(struct pcap_reader *r, const void *data, size_t size,
                    struct error *e) MUST_CHECK;
/* Returns 1 with the next record, 0 at the end, -EINVAL when the file is broken from here on. */
int pcap_read_next(struct pcap_reader *r, struct pcap_record *out, struct error *e) MUST_CHECK;

void pcap_put_header(u8 to[PCAP_HEADER_BYTES], enum pcap_link link_type);
void pcap_put_record_header(u8 to[PCAP_RECORD_HEADER_BYTES], u64 time_ns, u32 incl_bytes,
                            u32 orig_bytes);
