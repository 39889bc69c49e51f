/* Packets that a capture keeps in memory until it is turned off, and the file that they go to then.
 * A packet takes the next place with one atomic add, so that as many as were asked for are kept, no
 * more, in the order they came. */
#pragma once

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/pcap.h"

#define PCAP_KEPT_FILE_BYTES 128

/* A place for one packet; its bytes follow. */
struct pcap_place {
    u64 time_ns;
    u32 incl_bytes, orig_bytes;
};

struct pcap_kept {
    u32 max_packets, stride_bytes;
    char path[PCAP_KEPT_FILE_BYTES];
    struct mem_map places; /* touched as far as they are used */
    _Atomic u64 taken;     /* may go beyond max_packets */
};

/* place_bytes: of a place without its struct; each begins with a cache line. name: of the file in
 * /tmp; otherwise: what it is without one. -EINVAL, -ENOMEM. */
int pcap_kept_init(struct pcap_kept *k, u32 max_packets, u32 place_bytes, const char *name,
                   const char *otherwise, struct error *e) MUST_CHECK;
void pcap_kept_fini(struct pcap_kept *k);
u32 pcap_kept_count(const struct pcap_kept *k);
/* The next place; NULL: it is full. Data threads. */
struct pcap_place *pcap_kept_take(struct pcap_kept *k);
/* Writes the file, by time. header, unless NULL, appends what stands in front of the bytes of a
 * packet in the file, and tells where in the place these begin. No data thread takes a place any
 * more. */
int pcap_kept_write(const struct pcap_kept *k, enum pcap_link link,
                    const u8 *(*header)(void *arg, const struct pcap_place *at, struct text *out),
                    void *arg, struct error *e) MUST_CHECK;
