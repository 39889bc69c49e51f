/* What the nodes of virtual reassembly share with its module. */
#pragma once

#include "base/index_list.h"
#include "engine/node.h"
#include "engine/sessions.h"
#include "engine/thread.h"
#include "net/ip/reass/ip4_sv_reass.h"
#include "net/ip/reass/reass.h"

enum { SV_NEXT_DROP, SV_NEXT_RESUME, SV_N_NEXT };

struct sv_datagram {
    union reass_key key; /* the words of IPv4; scope: see sv_scope */
    struct index_links by_age;
    u32 first, last; /* buffers that wait, by their scratch; BUFFER_NONE */
    u32 n_waiting;
    u32 got_bytes, total_bytes; /* of payload; total 0: the last fragment has not come */
    struct ip4_sv_note note;
    bool known;
};

struct sv_thread {
    struct index_list by_age;
    u32 n_waiting; /* buffers; read by others */
} CACHE_ALIGNED;

struct sv_main {
    struct sessions *sessions;
    struct reass_config config;
    u32 n_owners;
    u64 seed;
    struct node_index handoff_node, output_handoff_node;
    struct sv_thread threads[THREADS_MAX];
};

NODE_DECLARE(ip4_sv_reassembly_feature);
NODE_DECLARE(ip4_sv_reassembly_feature_hoff);
NODE_DECLARE(ip4_sv_reassembly_output_feature);
NODE_DECLARE(ip4_sv_reass_output_feature_hoff);
NODE_DECLARE_TIMER(ip4_sv_reassembly_expire);
