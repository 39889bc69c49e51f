/* What the nodes of virtual reassembly share with their modules; see sv_reass.h. */
#pragma once

#include "base/index_list.h"
#include "engine/node.h"
#include "engine/sessions.h"
#include "engine/thread.h"
#include "net/ip/reass/reass_config.h"
#include "net/ip/reass/sv_reass.h"

enum { SV_NEXT_DROP, SV_NEXT_RESUME, SV_N_NEXT };

struct sv_datagram {
    union reass_key key; /* the words of its protocol; scope: see sv_scope */
    struct index_links by_age;
    u32 first, last; /* buffers that wait, by their scratch; BUFFER_NONE */
    u32 n_waiting;
    u32 got_bytes, total_bytes; /* of payload; total 0: the last fragment has not come */
    u32 first_bytes;            /* of the first fragment's payload, where that is known */
    u32 later_from;             /* where the first of those that came before it begins */
    struct sv_note note;
    bool known;
    bool is_void; /* nothing of it passes any more */
};

struct sv_thread {
    struct index_list by_age;
    u32 n_waiting; /* buffers; read by others */
} CACHE_ALIGNED;

/* Of a protocol. */
struct sv_main {
    struct sessions *sessions;
    struct reass_settings settings;
    u32 n_owners;
    u64 seed;
    struct node_index handoff_node, output_handoff_node;
    struct sv_thread threads[THREADS_MAX];
};

NODE_DECLARE(ip4_sv_reassembly_feature);
NODE_DECLARE(ip4_sv_reass_feature_hoff);
NODE_DECLARE(ip4_sv_reassembly_output_feature);
NODE_DECLARE(ip4_sv_reass_output_feature_hoff);
NODE_DECLARE_TIMER(ip4_sv_reassembly_expire);
NODE_DECLARE(ip6_sv_reassembly_feature);
NODE_DECLARE(ip6_sv_reass_feature_hoff);
NODE_DECLARE(ip6_sv_reassembly_output_feature);
NODE_DECLARE(ip6_sv_reass_output_feature_hoff);
NODE_DECLARE_TIMER(ip6_sv_reassembly_expire);

/* --- control thread --- */

/* NULL: the protocol's is not there. */
struct reass_settings *sv_reass_settings(const struct piste *p, enum ip_family f);
/* Whether fragments that come in by an interface are noted because somebody said so, apart from
 * features that ask for it. */
int sv_reass_set_interface(struct piste *p, enum ip_family f, struct if_index i, bool enable,
                           struct error *e) MUST_CHECK;
