/* What memif's own files share. */
#pragma once

#include "base/foreign_map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/module.h"
#include "engine/feature.h"
#include "engine/rx_queue.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface.h"
#include "plugins/memif/memif.h"

#define MEMIF_QUEUES_MAX 255     /* that an interface may be made with */
#define MEMIF_QUEUES_TAKEN 64    /* a direction, that a master takes: no switch has more threads */
#define MEMIF_REGIONS_MAX 256    /* that a master takes */
#define MEMIF_RING_SLOTS 1024    /* by default, */
#define MEMIF_BUFFER_BYTES 2048  /* likewise */
#define MEMIF_PACKET_BYTES 65535 /* the longest that is received */

struct memif;
struct memif_conn;
struct memif_state;
struct socket_listener;

/* --- what data threads see --- */

/* Where a master's descriptors may point: a region of the slave's. */
struct memif_memory {
    u8 *base;
    u64 bytes;
};

/* What a data thread has found of the peer. */
enum memif_fault { MEMIF_FAULT_NONE, MEMIF_FAULT_INDEX, MEMIF_FAULT_SLOT, MEMIF_FAULT_N };

/* One end of one ring. Own indices are kept here: what stands in shared memory is for the other
 * end. */
struct memif_end {
    struct memif_ring *ring; /* NULL: not connected */
    u16 *theirs;             /* in ring: the index that the other end moves, */
    u16 *ours;               /* and the one that we do */
    u16 at;                  /* the next slot to take or to fill */
    u16 size;                /* slots; a power of two */
    u16 ahead;               /* a slave counts by one turn more than its slots, see memif_ring.h */
    bool is_slave;
    u8 fault; /* enum memif_fault: it is left alone until the control thread has closed it */
    bool told;
    int fd; /* eventfd, shared with the other end */
    /* a master's */
    const struct memif_memory *memory;
    u32 n_memory;
    /* a slave's: slot i has slot_bytes from slots + i * slot_bytes on, whatever the ring says */
    u32 slot_bytes;
    u8 *slots;
    u64 serial;     /* of the connection */
    u64 interrupts; /* received, or sent. Shown */
};

struct memif_rx {
    struct rx_queue q;
    struct memif *port;
    struct memif_end end;
    bool armed; /* the other end was told to interrupt */
};

struct memif_tx {
    struct tx_queue q;
    struct memif *port;
    bool up; /* data threads may look at what follows */
    struct memif_end end;
};

enum memif_input_error {
    MEMIF_INPUT_ERR_BUFFER_ALLOC,
    MEMIF_INPUT_ERR_BAD_DESC,
    MEMIF_INPUT_ERR_NOT_IP,
    MEMIF_INPUT_ERR_N
};
enum {
    MEMIF_INPUT_NEXT_ETHERNET,
    MEMIF_INPUT_NEXT_IP4,
    MEMIF_INPUT_NEXT_IP6,
    MEMIF_INPUT_NEXT_DROP,
    MEMIF_INPUT_NEXT_N
};

enum memif_tx_error {
    MEMIF_TX_ERR_NO_FREE_SLOTS,
    MEMIF_TX_ERR_ROLLBACK,
    MEMIF_TX_ERR_NOT_CONNECTED,
    MEMIF_TX_ERR_NO_QUEUE,
    MEMIF_TX_ERR_NOT_CUT,
    MEMIF_TX_ERR_N
};
enum { MEMIF_TX_NEXT_DROP };

/* Kept with a traced packet's hop through memif-input. */
struct memif_trace {
    struct if_index interface;
    u32 queue;
};

extern const struct node_def memif_input_node, memif_tx_node;

/* --- control thread --- */

struct memif_socket {
    u32 id;
    char *filename; /* as it is listened on and connected to */
    u32 n_ports;    /* interfaces that use it, all of one role */
    enum memif_role role;
    struct socket_listener *listener; /* while masters use it */
    struct memif_state *all;
};

struct memif {
    struct memif_state *all;
    struct piste *piste;
    struct memif_socket *socket;
    struct memif_args args; /* without pointers; numbers are those in force */
    char secret[MEMIF_SECRET_BYTES];
    u8 mac[6];
    struct if_index interface;
    u32 instance;
    bool admin_up;
    const struct feature_arc *device_input;
    struct memif_conn *conn; /* NULL: nobody is there */
    char local_reason[MEMIF_REASON_BYTES], remote_reason[MEMIF_REASON_BYTES];
    /* Queues that were ever used have a struct; n of them are the interface's now: those that it
     * was made with, then those of the last connection. */
    struct memif_rx *rx[MEMIF_QUEUES_MAX + 1];
    struct memif_tx *tx[MEMIF_QUEUES_MAX + 1];
    struct rx_queue *rx_queue[MEMIF_QUEUES_MAX + 1]; /* the same, for struct interface */
    struct tx_queue *tx_queue[MEMIF_QUEUES_MAX + 1];
    struct tx_queues tx_queues;
    u32 n_rx, n_tx;
};

/* Memory of a connection: the peer's, or a slave's own. */
struct memif_region {
    struct foreign_map map;
    struct mem_map own;
    u64 bytes; /* as the slave says it */
};

struct memif_ring_place {
    struct memif_ring *ring;
    u16 region;
    u32 offset;
    u8 log2;
    int fd;
};

enum memif_stage {
    MEMIF_STAGE_HELLO,   /* a slave waits for it */
    MEMIF_STAGE_INIT,    /* a master does not know yet which interface it is about */
    MEMIF_STAGE_RINGS,   /* regions and rings are told */
    MEMIF_STAGE_CONNECT, /* a slave has said that this is all */
    MEMIF_STAGE_UP
};

/* A connection to a peer, of either role. */
struct memif_conn {
    struct memif_state *all;
    struct memif_socket *socket;
    struct memif *port; /* NULL: not known yet */
    int fd;
    bool is_slave; /* we are */
    enum memif_stage stage;
    u32 n_messages;  /* that came */
    u32 n_told;      /* regions and rings that a slave has told of */
    u64 deadline_ns; /* of the handshake; then, of a master that waits for empty slots */
    bool linked;     /* the interface has its link by it */
    u64 serial;
    char peer_name[MEMIF_NAME_BYTES], peer_interface[MEMIF_NAME_BYTES];
    VEC(struct memif_region) regions;
    VEC(struct memif_ring_place) rings[MEMIF_DIRECTION_N];
    struct memif_memory *memory; /* of regions, for data threads, while it is up */
};

struct memif_state {
    struct piste *piste;
    VEC(struct memif_socket *) sockets; /* by id */
    VEC(struct memif *) ports;          /* as they were made */
    VEC(struct memif_conn *) conns;
    struct loop_timer *timer, *room_timer;
    int cut_fd; /* readable: a peer has cut its memory short */
    u64 serials;
};

struct memif_state *memif_state_of(const struct piste *p);

/* memif.c */
/* NULL: it is no memif. */
struct memif *memif_of(const struct piste *p, struct if_index i);
/* So many queues are the interface's. */
void memif_set_queues(struct memif *port, u32 n_rx, u32 n_tx);
/* Who the peer sees in HELLO and INIT. */
void memif_program_name(char to[MEMIF_NAME_BYTES]);

/* memif_socket.c */
struct memif_socket *memif_socket_find(const struct memif_state *s, u32 id);
/* Another interface uses it; a master's first begins to listen, or waits until it can. */
int memif_socket_use(struct memif_socket *k, enum memif_role role, bool waits,
                     struct error *e) MUST_CHECK;
/* Whether it is to be listened on, and nobody does. */
bool memif_socket_waits(const struct memif_socket *k);
int memif_socket_listen(struct memif_socket *k, struct error *e) MUST_CHECK;
void memif_socket_unuse(struct memif_socket *k);
int memif_sockets_init(struct memif_state *s, struct error *e) MUST_CHECK;
void memif_sockets_fini(struct memif_state *s);

/* memif_control.c: connections and what is said over them */
/* What there is has changed: a slave that is up and has no master looks for it, a socket that
 * nobody listens on will be. */
void memif_connect(struct memif *port);
/* A peer has connected to a socket; fd is taken over. */
void memif_accept(struct memif_socket *k, int fd);
/* Ends a connection, whatever its state. reason: what the peer is told, and `show memif` shows;
 * code: an errno of ours, or 0. */
void memif_close(struct memif_conn *c, u32 code, const char *reason);
/* All of a socket that have not said what they are about. */
void memif_close_pending(struct memif_socket *k);
int memif_control_init(struct memif_state *s, struct error *e) MUST_CHECK;
void memif_control_fini(struct memif_state *s);

/* memif_memory.c */
/* A slave's regions and rings, of so many slots and queues. */
int memif_memory_make(struct memif_conn *c, u8 log2, u32 n_s2m, u32 n_m2s,
                      struct error *e) MUST_CHECK;
/* A master: the slave has this memory; fd stays the caller's. */
int memif_memory_add(struct memif_conn *c, int fd, u64 bytes, struct error *e) MUST_CHECK;
/* A master: where the rings are that the slave has told of, and whether they are rings. */
int memif_rings_find(struct memif_conn *c, struct error *e) MUST_CHECK;
/* Unmaps and closes all. */
void memif_memory_free(struct memif_conn *c);
/* Data threads send by the rings from now on, and may receive; by none, and none looks there any
 * more. */
int memif_rings_up(struct memif_conn *c, struct error *e) MUST_CHECK;
/* They receive while the interface is up. */
void memif_rings_receive(const struct memif *port, bool up);
/* Whether each ring that is sent by has empty slots. */
bool memif_has_room(const struct memif *port);
void memif_rings_down(struct memif_conn *c);
/* What came while the interface was down is not for it. No data thread looks there. */
void memif_discard(struct memif_end *end);
extern const struct rx_queue_ops memif_rx_ops;
/* Data threads: the peer has broken the rules. */
void memif_fault(struct thread *t, struct memif_end *end, struct if_index i,
                 enum memif_fault fault);

/* memif_show.c */
int memif_show_command(struct cli_call *c);
void memif_show_hardware(void *port, struct out *o, bool verbose);

/* for the record in memif_module.c */
extern const char memif_module_name[];
extern const struct cli_command memif_commands[];
extern const struct api_handler memif_api[];
int memif_init(struct piste *p, void **state, struct error *e);
void memif_stop(struct piste *p, void *state);
void memif_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
void memif_port_config(void *port, struct text *t);
