/* Interfaces of shared memory with another process: VPP, a program with libmemif, DPDK's net_memif,
 * another Piste. Two ends meet at a Unix socket, over which they agree on rings in memory that the
 * slave has made; packets go by these.
 *
 *   create memif socket id 1 filename /run/vpp/m1.sock
 *   create interface memif id 0 socket-id 1 master      makes memif1/0
 *
 * The master listens, the slave connects, again and again until somebody answers. An end that goes
 * away takes the link down, and nothing else; when it is back the link is up again. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"
#include "plugins/memif/memif_protocol.h"

struct piste;

enum memif_role { MEMIF_MASTER, MEMIF_SLAVE };

struct memif_args {
    u32 id, socket_id;
    enum memif_role role;
    enum memif_mode mode;
    u32 ring_slots;   /* 0: 1024 */
    u32 buffer_bytes; /* 0: 2048 */
    u32 n_rx_queues;  /* 0: 1. What a master has is what the slave makes */
    u32 n_tx_queues;
    bool no_zero_copy;
    bool waits;   /* where a master cannot listen now, it will: its saved interface comes back */
    bool use_dma; /* kept for the running config: there is no engine for it */
    const u8 *hw_addr;  /* 6 bytes, or NULL: a random one, 02:fe:... */
    const char *secret; /* NULL or "": none */
};

/* Sockets: 0 is there, memif.sock in the runtime folder. filename: an absolute path, one in the
 * runtime folder, or abstract:NAME[,netns_name=N|,netns_pid=P]. *id: UINT32_MAX lets it choose one.
 * -EINVAL; -EEXIST: that id has another name; -EACCES ...: its folder cannot be made. */
int memif_socket_add(struct piste *p, u32 *id, const char *filename, struct error *e) MUST_CHECK;
/* -ENOENT; -EBUSY: interfaces use it. */
int memif_socket_del(struct piste *p, u32 id, struct error *e) MUST_CHECK;

/* -EINVAL; -ENOENT: no such socket; -EEXIST: that id is taken, or the socket has the other role;
 * else why a master cannot listen. */
int memif_create(struct piste *p, const struct memif_args *a, struct if_index *out,
                 struct error *e) MUST_CHECK;
/* -ENODEV: it is no memif. */
int memif_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
