/* What nodes know of interfaces in layer 2. The rest: l2.h. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_packet.h"

enum l2_mode { L2_MODE_L3, L2_MODE_BRIDGE, L2_MODE_XCONNECT };

/* What is done to the tags of a frame: `pop` bytes go behind the addresses, then `push` bytes of
 * tags come there. */
struct l2_rewrite {
    u8 pop_bytes;  /* 0, 4 or 8 */
    u8 push_bytes; /* 0, 4 or 8 */
    u8 spare[6];
    u8 tags[8]; /* as they lie in the frame, the outer first */
};

struct l2_rewrites {
    struct l2_rewrite in, out;
    bool strict; /* what leaves has the tags that `in` would have put there */
};

enum {
    L2_IF_LEARN = 1 << 0,
    L2_IF_FORWARD = 1 << 1,
    L2_IF_FLOOD = 1 << 2,    /* broadcast and multicast received here */
    L2_IF_UU_FLOOD = 1 << 3, /* unicast to unknown addresses received here */
    L2_IF_ARP_TERM = 1 << 4,
    L2_IF_BVI = 1 << 5,
    L2_IF_RW = 1 << 6,
    L2_IF_UU_FWD = 1 << 7, /* the domain's interface for unknown unicast */
    /* what a port and its domain have to agree on */
    L2_IF_PORT_FLAGS = L2_IF_LEARN | L2_IF_FORWARD | L2_IF_FLOOD | L2_IF_UU_FLOOD | L2_IF_ARP_TERM,
};

/* By interface index, one cache line; written by the control thread. flags and edges are what the
 * port and its domain agree on. Edges are those that all nodes of layer 2 have alike. */
struct l2_if {
    u8 mode;              /* enum l2_mode */
    u8 flags;             /* L2_IF_* */
    u8 shg;               /* split horizon group; 0: none */
    u8 seq;               /* counts joins and leaves */
    u8 first[2];          /* edge from l2-input: for unicast, for multicast */
    u8 then[2];           /* edge from l2-learn, likewise */
    u8 miss;              /* edge of unicast to an unknown address */
    u8 flood;             /* edge of multicast that nobody answers */
    u16 output_edge;      /* of l2-output to this interface's output node; 0: none */
    u32 bd;               /* bridge domain index; 0 without L2_MODE_BRIDGE */
    struct if_index peer; /* with L2_MODE_XCONNECT */
    u8 port_flags;        /* the port's own L2_IF_*, before the domain has its say */
    u8 spare;
    u16 output_end_edge; /* as output_edge, of l2-output-feat-arc-end */
    u8 behind_rw[2];     /* edge from l2-rw, as then[] */
    u8 spare_too[2];
    const struct l2_rewrites *rewrites; /* NULL: tags stay as they are */
    u8 rest[24];
} CACHE_ALIGNED;

static_assert(sizeof(struct l2_if) == CACHE_LINE_BYTES, "one line each");

extern struct l2_if *l2_if_base; /* IF_MAX entries, lazily touched */

ALWAYS_INLINE struct l2_if *l2_if(struct if_index i)
{
    return &l2_if_base[i.i];
}

/* Whether the tags that r takes away are there. */
ALWAYS_INLINE bool l2_rewrite_fits(const struct l2_rewrite *r, const struct buffer *b)
{
    const u8 *frame = buffer_current(b);
    return b->len >= 14u + r->pop_bytes &&
           (r->pop_bytes < 4 || ethernet_is_tag(get_be16(frame + 12))) &&
           (r->pop_bytes < 8 || ethernet_is_tag(get_be16(frame + 16)));
}

/* Whether b has the tags that r puts in; priorities do not matter. */
ALWAYS_INLINE bool l2_rewrite_made(const struct l2_rewrite *r, const struct buffer *b)
{
    const u8 *at = (const u8 *)buffer_current(b) + 12;
    for (u32 i = 0; i < r->push_bytes; i += 4)
        if (get_be16(at + i) != get_be16(r->tags + i) ||
            ((get_be16(at + i + 2) ^ get_be16(r->tags + i + 2)) & 0xfff))
            return false;
    return true;
}

/* Rewrites the tags of b, which starts at its ethernet header. false, and nothing is changed:
 * others hold it too, or there is no room in front. */
ALWAYS_INLINE bool l2_rewrite_apply(const struct l2_rewrite *r, struct buffer *b)
{
    u8 *frame = buffer_current(b), addresses[12];
    int grow = r->push_bytes - r->pop_bytes;
    if (unlikely(buffer_is_shared(b) || b->start < grow))
        return false;
    memcpy(addresses, frame, sizeof(addresses));
    memcpy(frame + 12 - grow, r->tags, r->push_bytes);
    memcpy(frame - grow, addresses, sizeof(addresses));
    buffer_advance(b, -grow);
    b->l2_start = b->start;
    return true;
}

/* The same for such a frame, by a header or a copy of its own. Takes b over, and returns the
 * packet; NULL: no buffer was left, and it is lost. */
struct buffer *l2_rewrite_copy(struct thread *t, const struct l2_rewrite *r, struct buffer *b);

/* --- bridge domains --- */

struct l2_member {
    struct if_index interface;
    u8 shg;
    bool bvi;
};

/* Who gets flooded frames: replaced as a whole, but for who joins behind the others, when there is
 * room. */
struct l2_members {
    u32 n;    /* atomic: those before it are whole */
    u32 room; /* the control thread's */
    struct l2_member m[];
};

/* Of a bridge domain, by its index. */
struct l2_bd_data {
    const struct l2_members *members; /* NULL: none */
    u32 learn_limit;
    struct if_index uu_fwd;
    bool arp_ufwd;
} CACHE_ALIGNED;

extern struct l2_bd_data *l2_bd_data_base;
