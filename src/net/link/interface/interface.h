/* Interfaces: what has a name, an index, states, addresses of layer 2, MTUs and counters. A port
 * (AF_PACKET, loopback, memif, ...) makes one with interface_new and an if_class; a sub-interface
 * has a parent, shares its MAC address and link, and goes before it is deleted.
 *
 *   graph of one interface:   X-output ──(arc "interface-output")──► X-tx (the port's)
 *   of a sub-interface:       X.5-output ──(the same arc)──► X-output
 *
 * Context: control thread, except what is under "data path". */
#pragma once

#include "base/error.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/vec.h"
#include "engine/buffer.h"
#include "engine/counter.h"
#include "engine/feature.h"
#include "engine/index.h"
#include "engine/node.h"
#include "engine/thread.h"
#include "net/link/interface/interface_data.h"

struct interface;
struct module;
struct tx_queues;
struct vlan_port;

#define IF_NAME_BYTES 64
#define IF_MAX MEM_MOST(65536u)
/* That there can be: most are an edge of some nodes, which have few others. */
#define IF_MOST (IF_MAX - 64)
#define IF_TAG_BYTES 64

enum if_mtu { IF_MTU_L3, IF_MTU_IP4, IF_MTU_IP6, IF_MTU_MPLS, IF_MTU_N };

/* What a port does for packets that leave through it; what it does not, interface-offload does in
 * software before. IPv4 header checksums are always made, and VLAN tags always in the frame:
 * nothing is left to ports there. */
enum if_caps {
    IF_CAP_CSUM_TCP4 = 1 << 0, /* takes BUFFER_CSUM_PARTIAL of these, */
    IF_CAP_CSUM_UDP4 = 1 << 1,
    IF_CAP_CSUM_TCP6 = 1 << 2,
    IF_CAP_CSUM_UDP6 = 1 << 3,
    IF_CAP_CSUM_OTHER = 1 << 4, /* and of whatever else: wherever the sum and its field are */
    IF_CAP_TSO4 = 1 << 5,       /* takes BUFFER_GSO of TCP over IPv4, */
    IF_CAP_TSO6 = 1 << 6,
    IF_CAP_USO = 1 << 7,        /* of UDP over either, */
    IF_CAP_GSO_TUNNEL = 1 << 8, /* and with BUFFER_TUNNEL what it takes without */
    IF_CAP_CSUM_ALL = (1 << 5) - 1,
    IF_CAP_GSO_ALL = IF_CAP_TSO4 | IF_CAP_TSO6 | IF_CAP_USO,
    IF_CAP_TX_ALL = IF_CAP_CSUM_ALL | IF_CAP_GSO_ALL | IF_CAP_GSO_TUNNEL,
    /* What it may do with packets that it receives: for show. */
    IF_CAP_RX_CSUM = 1 << 16,  /* BUFFER_CSUM_VALID, or CSUM_PARTIAL */
    IF_CAP_RX_LARGE = 1 << 17, /* packets longer than any MTU, joined or not yet cut: BUFFER_GSO */
    IF_CAP_RX_VLAN = 1 << 18,  /* its device takes tags out; the port puts them back */
};

typedef void if_count_fn(void *to, const char *name, u64 value);

/* A kind of interface. */
struct if_class {
    /* "af-packet", "Loopback", "local": what clients of the API are told, and `show hardware` where
     * there is no show */
    const char *name;
    const struct node_def *tx; /* run as "<name>-tx" for each interface; its state is the port.
                                * NULL: sends nothing (local0), or is a sub-interface */
    bool is_ip;                /* raw IP, no ethernet header */
    /* ethernet-input's trace says which interface it was, as it does in VPP for ports that hand on
     * vectors of one interface */
    bool frames_of_one;
    bool comes_back;       /* receives what it sends, unless it is the BVI of a bridge domain */
    bool no_ip;            /* refuses addresses, */
    const char *no_ip_why; /* with this sentence; NULL: the general one */
    /* All optional; port is what interface_new got. A failure leaves the interface as it was. */
    int (*set_admin)(void *port, bool up, struct error *e);
    int (*set_mac)(void *port, const u8 mac[6], struct error *e);
    int (*set_mtu)(void *port, u32 frame_bytes, struct error *e);
    int (*set_promiscuous)(void *port, bool on, struct error *e);
    /* Adds lines under `show hardware-interfaces`, indented by two. */
    void (*show)(void *port, struct out *o, bool verbose);
    /* What the device itself has counted since it was made: the same names in the same order each
     * time. For `show hardware-interfaces verbose`. */
    void (*counts)(void *port, if_count_fn *tell, void *to);
    /* The command that makes the interface, for the running config. All kinds are written together,
     * in order of index, so that indices come back; sub-interfaces behind them. */
    void (*running_config)(void *port, struct text *t);
    bool saves_mac;  /* that command says the MAC address */
    bool saves_down; /* the running config says when it is down: another may have taken it up */
    /* Of a sub-interface: it is made as X.ID. */
    u32 (*sub_id)(const void *port);
};

/* What a device sends at most: bytes behind the ethernet header, with VLAN tags. 0: whatever has
 * the interface's MTU. */
struct if_limit {
    u32 bytes;
    bool spares_tag; /* an outermost tag of type 0x8100 may come on top */
};

struct interface {
    char name[IF_NAME_BYTES];
    struct if_index index;
    struct if_index parent;  /* itself, or the super-interface of a sub-interface */
    struct interface *super; /* the same as a pointer; NULL: it is no sub-interface */
    /* its sub-interfaces, and its place among others of its own; NULL at the ends */
    struct interface *subs, *last_sub, *next_sub, *previous_sub;
    const struct if_class *cls; /* borrowed */
    void *port;
    u8 mac[6];
    bool has_mac, mac_by_user; /* the latter: it was set, and is not what the port chose */
    bool admin_up, link_up, promiscuous;
    bool is_bvi; /* the layer 3 interface of a bridge domain (the l2 module says so) */
    /* asked for, in bytes; 0: follows IF_MTU_L3, and that the super-interface's, or
     * max_frame_bytes, which bounds what is used */
    u32 mtu[IF_MTU_N];
    u32 said_ip6_mtu; /* what routers of its link say bounds IPv6's further; 0: they say nothing */
    u32 max_frame_bytes;      /* `set interface mtu`: L3 bytes that the hardware takes */
    u32 default_frame_bytes;  /* the same without that */
    struct if_limit limit;    /* of its device, or its super-interface's */
    u8 tag_bytes;             /* of a sub-interface: what its frames have more; */
    bool outer_8021q;         /* the outer tag's type is 0x8100 */
    bool frame_bytes_by_user; /* it was set so, not what port or defaults gave: it is saved, and
                                 does not follow */
    u64 link_kbps;            /* 0: unknown */
    u32 caps;                 /* enum if_caps */
    bool software_offload;    /* what caps lack is done before X-tx */
    char tag[IF_TAG_BYTES];
    struct node_index output_node, tx_node;
    struct rx_queue **queues; /* the port's; see interface_set_queues */
    u32 n_queues;
    struct tx_queues *tx; /* likewise; NULL: none */
    /* the module's own */
    struct if_output *output;
    int promisc_refs;
    bool default_software_offload;
    bool admin_changes; /* cls->set_admin runs */
    /* before `set interface name`; "" when never renamed, and of sub-interfaces, which are made by
     * their parent's name */
    char original_name[IF_NAME_BYTES];
    struct stats_handle *stats; /* owned: an entry of the stats segment for each counter */
    VEC(u64) cleared;           /* of cls->counts: what `clear hardware-interfaces` found */
};

enum if_event {
    IF_EVENT_NEW,
    IF_EVENT_DELETE,
    IF_EVENT_ADMIN,
    IF_EVENT_LINK,
    IF_EVENT_MAC,
    IF_EVENT_MTU
};

extern const struct module interface_module;
/* `ethernet { default-mtu }`, in bytes. */
u32 interface_default_mtu(const struct piste *p);

struct if_new_args {
    const char *name;
    const struct if_class *cls;
    void *port;
    const u8 *mac;            /* 6 bytes, or NULL: no ethernet */
    u32 mtu, max_frame_bytes; /* L3 bytes; 0: the default of `ethernet { default-mtu }`, 9000 */
    u32 caps;
    bool no_software_offload; /* the port refuses itself what it does not take, unless it is told
                                 otherwise */
    bool has_parent;          /* a sub-interface of `parent`, */
    struct if_index parent;
    u8 tag_bytes;     /* whose layer 3 has tags of so many bytes, */
    bool outer_8021q; /* the outer one of type 0x8100 */
};

/* -EEXIST when the name is taken. The interface is admin down, link down. */
int interface_new(struct piste *p, const struct if_new_args *args, struct if_index *out,
                  struct error *e) MUST_CHECK;
/* Takes the interface out of everything (event, features, addresses), waits for data threads to
 * pass; then the port may free its own. The port must have deleted its queues before. Who made
 * sub-interfaces deletes them on IF_EVENT_DELETE of their parent. */
void interface_delete(struct piste *p, struct if_index i);

/* Words that commands take where an interface may stand: no interface is called so.
 * NULL-terminated, borrowed for ever. */
void interface_reserve_names(struct piste *p, const char *const *words);

/* NULL when there is none. Borrowed until it is deleted. */
struct interface *interface_at(const struct piste *p, struct if_index i);
struct interface *interface_find(const struct piste *p, const char *name);
/* The interface whose name stands at *text, up to a blank; then *text goes behind it. NULL: there
 * is none of that name. */
struct interface *interface_take(const struct piste *p, const char **text);
/* Whether packets can go: it and its super-interface are up, and the link. */
bool interface_is_up(const struct interface *f);
/* By index from i on (by name for `sorted`: the order of `show interface`); NULL at the end. */
struct interface *interface_next(const struct piste *p, u32 from);

/* The one behind `last', NULL at first, in the order of a running config: sub-interfaces come
 * behind all others, as they do where it is replayed. */
struct interface *interface_next_written(const struct piste *p, const struct interface *last);
/* For a module's running_config_rows, with free() as its place_free: calls fn for some interfaces,
 * by index; for all of them in round 0, then again in each further round. */
typedef void interface_config_fn(struct piste *p, struct interface *f, u32 round, struct text *t);
bool interface_config_rows(struct piste *p, u32 rounds, interface_config_fn *fn, void **place,
                           struct text *t);
u32 interface_list_sorted(const struct piste *p, struct interface ***out); /* caller frees *out */

int interface_set_admin(struct piste *p, struct if_index i, bool up, struct error *e) MUST_CHECK;
void interface_set_link(struct piste *p, struct if_index i, bool up);
int interface_set_mac(struct piste *p, struct if_index i, const u8 mac[6],
                      struct error *e) MUST_CHECK;
/* kbps: 0 when it is not known. */
void interface_set_speed(struct piste *p, struct if_index i, u64 kbps);
/* Sub-interfaces whose tags the limit does not leave room for have a smaller MTU. */
void interface_set_limit(struct piste *p, struct if_index i, struct if_limit limit);
/* `set interface mtu`: the frame the hardware takes; the L3 MTU follows when it was the same. */
int interface_set_hw_mtu(struct piste *p, struct if_index i, u32 bytes, struct error *e) MUST_CHECK;
/* As if nobody had ever set it, nor the L3 MTU. */
int interface_reset_mtu(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
/* Of layer 3: at least 64, also more than the link takes, or 0. interface_check_mtu: whether that
 * would go. */
int interface_set_mtu(struct piste *p, struct if_index i, enum if_mtu which, u32 bytes,
                      struct error *e) MUST_CHECK;
int interface_check_mtu(const struct interface *f, u32 bytes, struct error *e) MUST_CHECK;
/* See struct interface; not saved. */
void interface_set_said_ip6_mtu(struct piste *p, struct interface *f, u32 bytes);
/* The queues of a port, for modes, placement and show. Borrowed until there are others, or the
 * interface is deleted. tx may be NULL. */
void interface_set_queues(struct piste *p, struct if_index i, struct rx_queue **rx, u32 n_rx,
                          struct tx_queues *tx);
/* caps: what the port takes from now on. */
int interface_set_caps(struct piste *p, struct if_index i, u32 caps, struct error *e) MUST_CHECK;
/* Whether what the port does not take is done in software before it (else it reaches the port). */
int interface_set_software_offload(struct piste *p, struct if_index i, bool on,
                                   struct error *e) MUST_CHECK;
int interface_set_promiscuous(struct piste *p, struct if_index i, bool on,
                              struct error *e) MUST_CHECK;
/* Whether an interface may be called so: commands take the name as it is, and nobody has it, nor
 * its nodes. */
int interface_check_name(const struct piste *p, const char *name, struct error *e) MUST_CHECK;
int interface_rename(struct piste *p, struct if_index i, const char *name,
                     struct error *e) MUST_CHECK;
/* What the command that makes the interface will call it, when that is not what it was made as:
 * what is below was renamed. The interface keeps its name. */
void interface_made_as(struct piste *p, struct if_index i, const char *name);
/* Whether a tag, of an interface or of another thing, can be saved. -EINVAL. */
int interface_check_tag(const char *tag, struct error *e) MUST_CHECK;
int interface_set_tag(struct piste *p, struct if_index i, const char *tag,
                      struct error *e) MUST_CHECK;
/* Sets all counters of these to 0. */
void interface_clear_counters(struct piste *p, struct interface *const *list, u32 n);
/* MTU that layer 3 uses: the protocol's own, or the L3 one, as far as the link takes it. Bytes. */
u32 interface_mtu(const struct interface *f, enum if_mtu which);
/* As it is shown: as it was asked for; a sub-interface's that is not, and has no room for its
 * super-interface's, as it is. */
u32 interface_shown_mtu(const struct interface *f, enum if_mtu which);

/* Whether n is the X-output of an interface, and of which. */
bool interface_of_output(struct engine *e, struct node_index n, struct if_index *out);

/* A locally administered address for a port that has none, 02:fe:.. */
void interface_random_mac(u8 mac[6]);

/* fn is called after the change, before IF_EVENT_DELETE takes effect; for as long as the module is
 * up whose init calls this. */
void interface_on_event(struct piste *p,
                        void (*fn)(struct piste *p, struct interface *f, enum if_event ev,
                                   void *arg),
                        void *arg);

/* fn says whether its module needs what i receives without a tag. For ever. */
void interface_on_use(struct piste *p, bool (*fn)(struct piste *p, struct if_index i));
/* Whether any does. */
bool interface_is_used(struct piste *p, struct if_index i);

/* `show interface address`: fn adds its lines about f. For ever. */
enum if_show_place { IF_SHOW_L2, IF_SHOW_L3, IF_SHOW_N };
void interface_on_show_address(struct piste *p, enum if_show_place place,
                               void (*fn)(struct piste *p, struct interface *f, struct out *o));

/* A MAC address that f, or its super-interface, receives frames for beside its own, is put there or
 * taken away. -EEXIST, -ENOENT, -ENOSPC, -EINVAL, -EOPNOTSUPP. */
int interface_secondary_mac(struct piste *p, struct interface *f, const u8 mac[6], bool add,
                            struct error *e) MUST_CHECK;

/* Promiscuity that several users ask for: counted. */
void interface_promisc_ref(struct piste *p, struct if_index i, bool add);

/* In handlers: value of an <interface> argument. */
struct cli_call;
struct interface *cli_interface(const struct cli_call *c, const char *label);
/* For commands about many, call by call (cli_full): the next of those that the command names, or of
 * all in that order; NULL at the end. The command keeps nothing else. */
enum interface_order { INTERFACE_BY_NAME, INTERFACE_BY_INDEX };
struct interface *interface_cli_next(struct cli_call *c, enum interface_order order);
/* The same, by index, for commands that keep more: the first from place *at on, which is its place
 * then; the next is behind that. NULL: there are no more. */
struct interface *interface_cli_from(const struct cli_call *c, u32 *at);
