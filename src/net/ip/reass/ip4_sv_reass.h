/* Virtual reassembly of IPv4: fragments stay as they are, but each knows what the first one's L4
 * header says, for features that go by ports. They wait for the first one, within bounds.
 *
 *   ip4-sv-reassembly-feature ─► not a fragment: on
 *        │ a fragment: to the thread that has its datagram
 *        ▼
 *   first: its ports are noted, for itself and the others; on, and those that waited behind it
 *   later: with the ports that are known; else it waits
 *
 * ip4-sv-reassembly-output-feature is the same for packets that leave, apart from those that come
 * in: their link header is in front.
 *
 * All that is kept of a datagram is ports, for as long as its fragments may come: there is nothing
 * to be told by overlaps, since nobody but the receiver puts it together. A first fragment that
 * does not have the ports, or has not all flags of TCP, is dropped, and so is one that would change
 * these later (RFC 1858). Source: RFC 791, RFC 1858, RFC 4787 REQ-14. */
#pragma once

#include "base/error.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "net/link/interface/feature_place.h"
#include "net/packet/l4_packet.h"

struct module;
struct piste;

extern const struct module ip4_sv_reass_module;

/* Of all fragments of a datagram. */
struct ip4_sv_note {
    be16 sport, dport; /* of TCP, UDP; of ICMP queries both are the identifier; else 0 */
    u8 icmp_type;
    u8 tcp_flags;
};

#define IP4_SV_NOTE_OFFSET 32 /* in the scratch: behind struct ip_scratch */

/* Behind the feature, of a fragment. */
ALWAYS_INLINE struct ip4_sv_note *ip4_sv_note(struct buffer *b)
{
    return (struct ip4_sv_note *)(void *)(b->scratch + IP4_SV_NOTE_OFFSET);
}

/* Fragments that come in by i (AT_IP_INPUT), or that leave by it (AT_IP_OUTPUT), are noted so, as
 * long as anybody wants it: counted. Control thread. */
int ip4_sv_reass_enable(struct piste *p, struct if_index i, enum feature_place place, bool enable,
                        struct error *e) MUST_CHECK;
