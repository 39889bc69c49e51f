/* The fast path: what the graph does again and again with packets between two ports of the kernel,
 * the kernel does by itself (docs/fast-path.md, decision 24).
 *
 *   probe (engine/probe.h) ─► fast_path_express: a key, an action ─► entry ─► the port's backend
 *
 * Nothing is decided here. An entry says what the graph did with a packet, and holds for one
 * generation of forwarding: when anything changes, all entries are of no use from that moment on,
 * and the graph has the packets again, until it has done the same with a probe.
 *
 * The backend keeps entries where its packets are (ports/af_packet: BPF maps) and counts what goes
 * by them; here that is added to the counters of interfaces and routes. Context: control thread. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "engine/probe.h"

struct module;
struct piste;

extern const struct module fast_path_module;

/* --- what a backend is given; its programs read it as it lies here --- */

/* How much of a packet says where it goes: of all packets of a port that are IP the same. */
enum fast_path_mask {
    FAST_PATH_LINK = 1, /* the link's header */
    FAST_PATH_DST,      /* and the IP destination */
    FAST_PATH_FLOW,     /* and source, protocol (TCP or UDP), ports, the flow label */
    /* Of a request for an echo, in place of its port's from FAST_PATH_DST on, when nothing is found
     * by that: destination, source, and protocol; code 0, no extensions, and a sum that is right.
     */
    FAST_PATH_ECHO,
};

struct fast_path_key {
    u32 port;            /* device that received it */
    u16 tci;             /* of its outer tag, host order */
    be16 tpid;           /* 0: untagged */
    u16 mask;            /* enum fast_path_mask; others than IP: FAST_PATH_LINK */
    u8 ethernet[14];     /* addresses, and the type behind the tag */
    u8 dst[16], src[16]; /* IPv4: the first four bytes */
    be16 sport, dport;
    u32 proto_label; /* protocol, and from bit 8 on the flow label; host order */
};
static_assert(sizeof(struct fast_path_key) == 64, "nothing between");

/* A short key has nothing behind its first bytes. Most are so: all but those of routed IPv6, of
 * ways by flow, and of pings. */
#define FAST_PATH_SHORT_BYTES 32u
static_assert(offsetof(struct fast_path_key, dst) + 4 <= FAST_PATH_SHORT_BYTES, "IPv4's fits");

enum { FAST_PATH_ROUTED = 1 << 0 };

/* What is found by a key. */
struct fast_path_flow {
    u32 entry;  /* its packets' counter */
    u32 action; /* behind the entry: programs read both at once */
    u32 generation;
    /* Bytes behind the link's header (which a tag is part of) of the longest packet that may go so;
     * FAST_PATH_ROUTED: also of the segments of one that is still to be cut. */
    u16 longest;
    u16 flags;
};
static_assert(offsetof(struct fast_path_flow, action) == 4, "see above");

enum {
    FAST_PATH_MACS = 1 << 0, /* gets new addresses */
    FAST_PATH_TTL4 = 1 << 1, /* has a hop less to live */
    FAST_PATH_TTL6 = 1 << 2,
    FAST_PATH_POP = 1 << 3,  /* loses its tag, */
    FAST_PATH_PUSH = 1 << 4, /* then gets this one */
    /* a request for an echo: becomes the answer, with 64 hops to live, and an IPv4 id of its own */
    FAST_PATH_ECHO4 = 1 << 5,
    FAST_PATH_ECHO6 = 1 << 6,
};

struct fast_path_action {
    u32 device; /* that sends it */
    u32 flags;
    u16 tci;
    be16 tpid;
    u8 macs[12];
};

struct fast_path_count {
    u64 packets, bytes; /* with the tag, as they came in */
};

/* --- backends --- */

struct fast_path_device {
    u32 index;
    u32 mtu;
};

struct fast_path_backend {
    /* By number; they lie where programs see them. */
    struct fast_path_action *actions;
    struct fast_path_count *counts; /* of entries; programs add to them atomically */
    u32 max, max_actions;           /* entries; actions, of which many entries have the same */
    /* The flow of a key from now on; only_new: -EEXIST where it has one. -errno. */
    int (*put)(void *arg, const struct fast_path_key *key, const struct fast_path_flow *flow,
               bool only_new);
    /* The one it has; false: none. The backend is the only index of keys. */
    bool (*find)(void *arg, const struct fast_path_key *key, struct fast_path_flow *flow);
    void (*del)(void *arg, const struct fast_path_key *key);
    void (*set_generation)(void *arg, u32 generation);
    /* Of a port whose packets may be entered and left to the kernel; false: it is none. */
    bool (*device)(void *arg, struct if_index port, struct fast_path_device *out);
    /* How much of a port's packets is looked at. */
    enum fast_path_mask (*mask)(void *arg, struct if_index port);
    void (*set_mask)(void *arg, struct if_index port, enum fast_path_mask mask);
    /* Ports come in, and go. */
    void (*set_on)(void *arg, bool on);
    /* Packets that were not decided as they should have been, so far. */
    u64 (*undecided)(void *arg);
    /* Where startup.conf asks for a hold: packets go by their entries until then, also when this
     * process has ended. */
    void (*keep)(void *arg, u64 until_ns);
    void *arg;
};

enum fast_path_wish { FAST_PATH_OFF, FAST_PATH_ON, FAST_PATH_AUTO };

/* What startup.conf says. */
struct fast_path_settings {
    enum fast_path_wish wish;
    u32 flows;
    u32 hold_s;  /* 0: what the kernel forwards ends with the process */
    bool clsact; /* programs by traffic control, as before Linux 6.6 */
};

/* Whether startup.conf asks for it; then the one backend tells of itself: b, borrowed until NULL is
 * told, or NULL and why not. */
bool fast_path_is_wanted(const struct piste *p);
const struct fast_path_settings *fast_path_settings_of(const struct piste *p);
void fast_path_set_backend(struct piste *p, const struct fast_path_backend *b, const char *why_not);
/* The backend ends with the process. With a hold it is left as it is, but for its deadline; true
 * then. */
bool fast_path_leave_backend(struct piste *p);
/* When a command or a message last was one that may change something; 0: none was, while it is on.
 */
u64 fast_path_configured_ns(const struct piste *p);
/* In one clause, for who asks why a port is not in it; NULL: it is on. */
const char *fast_path_why_not(const struct piste *p);

/* --- learning --- */

/* How a packet became another one. false: not by what an entry can say; *why. key: but for the port
 * and the mask; action: but for the device; the flow's longest is the caller's. Nothing is written
 * outside of these. */
bool fast_path_express(const struct probe *probe, struct fast_path_key *key,
                       struct fast_path_action *action, const char **why);
bool fast_path_key_is_short(const struct fast_path_key *key);
/* key, which is complete, as a port with that mask sees it. */
void fast_path_key_mask(struct fast_path_key *key, enum fast_path_mask mask);
