/* IPFIX: records of what happens to traffic, to a collector over UDP.
 *
 *     stream ─► records ─► a message of at most the path's MTU ─► collector
 *
 * A stream has templates, which say what its records are of; they are sent in front of the first
 * record, and again from time to time. A message waits for a second to become full.
 *
 * Context: control thread. Source: RFC 7011; words are VPP's. */
#pragma once

#include "base/byteorder.h"
#include "base/error.h"
#include "base/types.h"

struct piste;

extern const struct module ipfix_module;

/* --- where to --- */

#define IPFIX_PORT 4739
#define IPFIX_PATH_MTU 512
#define IPFIX_PATH_MTU_MIN 256 /* templates fit */
#define IPFIX_PATH_MTU_MAX 1450
#define IPFIX_TEMPLATE_INTERVAL_S 20

struct ipfix_exporter {
    be32 collector, src;
    u16 port;
    u32 vrf;
    u32 path_mtu, template_interval_s;
    bool udp_checksum;
};

/* collector 0: nobody collects any more. The table is kept, and made where there is none. -EINVAL,
 * -ENOSPC. */
int ipfix_set_exporter(struct piste *p, const struct ipfix_exporter *x, struct error *e) MUST_CHECK;
/* NULL: nobody collects. */
const struct ipfix_exporter *ipfix_exporter(const struct piste *p);
/* All that waits is sent. */
void ipfix_flush(struct piste *p);

struct ipfix_counts {
    u64 records, messages, failed; /* failed: messages */
};
/* Since there is an exporter. */
struct ipfix_counts ipfix_counts(const struct piste *p);
/* fn(arg) after each change of the exporter, until the module that asks is stopped. */
void ipfix_on_change(struct piste *p, void (*fn)(void *arg), void *arg);

/* --- streams --- */

/* An information element, and its bytes in a record. */
struct ipfix_field {
    u16 element, bytes;
};

struct ipfix_template {
    u32 n;
    struct ipfix_field v[12];
};

#define IPFIX_TEMPLATE_FIRST 256  /* id of a stream's first one */
#define IPFIX_TEMPLATES_BYTES 160 /* of all of a stream, on the wire, at most */

struct ipfix_stream;

/* templates: borrowed for its life. */
struct ipfix_stream *ipfix_stream_new(struct piste *p, u32 domain, u16 src_port,
                                      const struct ipfix_template *templates, u32 n);
/* What waits is sent first. s: or NULL. */
void ipfix_stream_free(struct ipfix_stream *s);
/* Its k-th template's fields, one behind the other. Nothing happens while nobody collects. */
void ipfix_record(struct ipfix_stream *s, u32 k, const void *record);
