/* Virtual reassembly: fragments stay as they are, but each knows what the first one's L4 header
 * says, for features that go by ports. They wait for the first one, within bounds.
 *
 *   ipX-sv-reassembly-feature ─► not a fragment: on
 *        │ a fragment: to the thread that has its datagram
 *        ▼
 *   first: its ports are noted, for itself and the others; on, and those that waited behind it
 *   later: with the ports that are known; else it waits
 *
 * ipX-sv-reassembly-output-feature is the same for packets that leave, apart from those that come
 * in: their link header is in front.
 *
 * All that is kept of a datagram is ports, for as long as its fragments may come. A first fragment
 * that does not have the ports, or has not all flags of TCP, is dropped, and so is one that would
 * change these later (RFC 1858). Other overlaps of IPv4 tell nothing here, since nobody but the
 * receiver puts it together, and a sender of many datagrams has their identification again before
 * long; of IPv6 they void the datagram, and its later fragments too, until it times out (RFC 5722).
 * Source: RFC 791, RFC 1858, RFC 8200 4.5, RFC 7112, RFC 4787 REQ-14. */
#pragma once

#include "base/error.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "net/ip/reass/reass.h"
#include "net/link/interface/feature_place.h"
#include "net/packet/ip_address.h"
#include "net/packet/l4_packet.h"

struct module;
struct piste;

extern const struct module ip4_sv_reass_module, ip6_sv_reass_module;

/* Of all fragments of a datagram. */
struct sv_note {
    be16 sport, dport; /* of TCP, UDP; of ICMP queries both are the identifier; else 0 */
    u8 protocol;       /* whose header that is: of IPv6, behind all extensions */
    u8 icmp_type;
    u8 tcp_flags;
};

#define SV_NOTE_OFFSET 32 /* in the scratch: behind struct ip_scratch */

/* Behind the feature, of a fragment. */
ALWAYS_INLINE struct sv_note *sv_note(struct buffer *b)
{
    return (struct sv_note *)(void *)(b->scratch + SV_NOTE_OFFSET);
}

/* Fragments of the protocol that come in by i (AT_IP_INPUT), or that leave by it (AT_IP_OUTPUT),
 * are noted so, as long as anybody wants it: counted. Control thread. -ENOENT: nobody does. */
int sv_reass_enable(struct piste *p, enum ip_family f, struct if_index i, enum feature_place place,
                    bool enable, struct error *e) MUST_CHECK;
