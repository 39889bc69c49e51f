/* Interfaces to virtual machines and to programs that speak vhost-user as the driver's side does:
 * QEMU, DPDK's virtio-user, user-mode Linux. The other end (the front end) owns the memory; it
 * hands us descriptors of that, and says at a Unix socket where its virtqueues are. Packets are
 * copied between these and buffers of the switch.
 *
 *   create vhost-user socket /run/vpp/vm1.sock server     makes VirtualEthernet0/0/0
 *
 * Who listens at the socket has nothing to do with who owns the memory: with `server` we do, and
 * take whoever comes; without it we connect, again and again. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct piste;

#define VHOST_FILENAME_BYTES 108

struct vhost_args {
    const char *filename; /* a path, a name in the runtime folder, or abstract:NAME */
    bool is_server;
    bool gso;       /* large packets and open checksums, both ways */
    bool packed;    /* packed rings are offered */
    bool event_idx; /* interrupts at an index */
    bool waits;     /* where a server cannot listen now, it will: its saved interface comes back */
    bool renumber;  /* instance is its number; otherwise the lowest that is free */
    u32 instance;
    u64 feature_mask;  /* of virtio, that may be offered; ~0: all */
    const u8 *hw_addr; /* 6 bytes, or NULL: a random one, 02:fe:... */
};

/* -EINVAL; -EEXIST: another has that socket or number; else why it cannot listen. */
int vhost_create(struct piste *p, const struct vhost_args *a, struct if_index *out,
                 struct error *e) MUST_CHECK;
/* Other arguments for one that is there, whose peer has to connect anew; its MAC address, number
 * and mask stay. -ENODEV: it is no such interface; otherwise as vhost_create, and nothing changed.
 */
int vhost_modify(struct piste *p, struct if_index i, const struct vhost_args *a,
                 struct error *e) MUST_CHECK;
/* -ENODEV: it is no such interface. */
int vhost_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
