/* What both ends of a vhost-user socket agree on. Numbers of messages are in host order: both ends
 * are on one machine. Source: the vhost-user document of QEMU, virtio 1.2. */
#pragma once

#include "base/types.h"

/* --- messages: a header, then so many bytes --- */

struct vhost_header {
    u32 request; /* enum vhost_request */
    u32 flags;   /* VHOST_VERSION | ... */
    u32 bytes;
};

enum { VHOST_VERSION = 1, VHOST_VERSION_MASK = 3, VHOST_REPLY = 4, VHOST_NEED_REPLY = 8 };

enum vhost_request {
    VHOST_GET_FEATURES = 1,
    VHOST_SET_FEATURES,
    VHOST_SET_OWNER,
    VHOST_RESET_OWNER,
    VHOST_SET_MEM_TABLE,
    VHOST_SET_LOG_BASE,
    VHOST_SET_LOG_FD,
    VHOST_SET_VRING_NUM,
    VHOST_SET_VRING_ADDR,
    VHOST_SET_VRING_BASE,
    VHOST_GET_VRING_BASE,
    VHOST_SET_VRING_KICK,
    VHOST_SET_VRING_CALL,
    VHOST_SET_VRING_ERR,
    VHOST_GET_PROTOCOL_FEATURES,
    VHOST_SET_PROTOCOL_FEATURES,
    VHOST_GET_QUEUE_NUM,
    VHOST_SET_VRING_ENABLE,
    VHOST_SEND_RARP,
    VHOST_NET_SET_MTU,
    VHOST_SET_BACKEND_REQ_FD,
    VHOST_GET_INFLIGHT_FD = 31,
    VHOST_SET_INFLIGHT_FD,
    VHOST_RESET_DEVICE = 34,
    VHOST_GET_MAX_MEM_SLOTS = 36,
    VHOST_ADD_MEM_REG,
    VHOST_REM_MEM_REG,
    VHOST_SET_STATUS,
    VHOST_GET_STATUS,
    VHOST_REQUESTS
};

struct vhost_vring_state {
    u32 index, num;
};

struct vhost_vring_addr {
    u32 index, flags;
    u64 desc, used, avail, log;
};
enum { VHOST_VRING_LOG = 1 };

struct vhost_region_message {
    u64 guest, bytes, user, offset;
};

#define VHOST_TABLE_REGIONS 8 /* that one message has at most */
struct vhost_table_message {
    u32 n, padding;
    struct vhost_region_message region[VHOST_TABLE_REGIONS];
};

struct vhost_single_region_message {
    u64 padding;
    struct vhost_region_message region;
};

struct vhost_log_message {
    u64 bytes, offset;
};

struct vhost_inflight_message {
    u64 bytes, offset;
    u16 queues, queue_size;
    u8 padding[4]; /* which some peers do not send */
};

/* What a device keeps for the one that takes its place, in memory that the front end holds; a part
 * for each virtqueue, of whole cache lines. Behind the head of a packed one are entries of
 * descriptors, likewise of a split one: they are for devices that give back later, or in another
 * order, and all zero here. */
struct vhost_inflight_split {
    u64 features;
    u16 version, size, last_batch_head, used_idx;
};

struct vhost_inflight_packed {
    u64 features;
    u16 version, size, free_head, old_free_head, used_idx, old_used_idx;
    u8 used_wrap, old_used_wrap, padding[10];
};

enum {
    VHOST_INFLIGHT_VERSION = 1,
    VHOST_INFLIGHT_SPLIT_ENTRY = 16,
    VHOST_INFLIGHT_PACKED_ENTRY = 32
};

static_assert(sizeof(struct vhost_inflight_split) == 16, "as other devices have it");
static_assert(sizeof(struct vhost_inflight_packed) == 32, "as other devices have it");

/* Dirty pages of the guest's memory are counted by these, whatever its pages are. */
#define VHOST_LOG_PAGE_BITS 12

/* Of kick, call and error descriptors. */
enum { VHOST_FD_RING = 0xff, VHOST_FD_NONE = 0x100 };

struct vhost_message {
    struct vhost_header header;
    union {
        u64 u64;
        struct vhost_vring_state state;
        struct vhost_vring_addr addr;
        struct vhost_table_message table;
        struct vhost_single_region_message region;
        struct vhost_log_message log;
        struct vhost_inflight_message inflight;
    };
};

static_assert(sizeof(struct vhost_header) == 12, "as peers have it");
static_assert(sizeof(struct vhost_vring_addr) == 40, "as peers have it");
static_assert(sizeof(struct vhost_table_message) == 8 + 32 * VHOST_TABLE_REGIONS,
              "as peers have it");
static_assert(sizeof(struct vhost_inflight_message) == 24, "as peers have it");

/* --- features, by bit --- */

enum virtio_feature {
    VIRTIO_NET_F_CSUM = 0,
    VIRTIO_NET_F_GUEST_CSUM = 1,
    VIRTIO_NET_F_MTU = 3,
    VIRTIO_NET_F_GUEST_TSO4 = 7,
    VIRTIO_NET_F_GUEST_TSO6 = 8,
    VIRTIO_NET_F_GUEST_ECN = 9,
    VIRTIO_NET_F_GUEST_UFO = 10,
    VIRTIO_NET_F_HOST_TSO4 = 11,
    VIRTIO_NET_F_HOST_TSO6 = 12,
    VIRTIO_NET_F_HOST_ECN = 13,
    VIRTIO_NET_F_HOST_UFO = 14,
    VIRTIO_NET_F_MRG_RXBUF = 15,
    VIRTIO_NET_F_CTRL_VQ = 17,
    VIRTIO_NET_F_GUEST_ANNOUNCE = 21,
    VIRTIO_NET_F_MQ = 22,
    VHOST_F_LOG_ALL = 26,
    VIRTIO_F_ANY_LAYOUT = 27,
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VHOST_USER_F_PROTOCOL_FEATURES = 30,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_NET_F_GUEST_USO4 = 54,
    VIRTIO_NET_F_GUEST_USO6 = 55,
    VIRTIO_NET_F_HOST_USO = 56,
};

enum vhost_protocol_feature {
    VHOST_PROTOCOL_F_MQ = 0,
    VHOST_PROTOCOL_F_LOG_SHMFD = 1,
    VHOST_PROTOCOL_F_RARP = 2,
    VHOST_PROTOCOL_F_REPLY_ACK = 3,
    VHOST_PROTOCOL_F_MTU = 4,
    VHOST_PROTOCOL_F_BACKEND_REQ = 5,
    VHOST_PROTOCOL_F_INFLIGHT_SHMFD = 12,
    VHOST_PROTOCOL_F_RESET_DEVICE = 13,
    VHOST_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
    VHOST_PROTOCOL_F_STATUS = 16,
};

#define VHOST_BIT(feature) (1ull << (feature))

/* --- rings in the guest's memory: little-endian with VERSION_1, else in the guest's own order ---
 */

enum vring_flags { VRING_DESC_NEXT = 1, VRING_DESC_WRITE = 2, VRING_DESC_INDIRECT = 4 };

struct vring_desc {
    u64 addr;
    u32 len;
    u16 flags, next;
};

struct vring_used_elem {
    u32 id, len;
};

/* Behind ring[] of either stands the index at which the other end is to be woken, with EVENT_IDX.
 */
struct vring_avail {
    u16 flags, idx, ring[];
};
enum { VRING_AVAIL_NO_INTERRUPT = 1 };

struct vring_used {
    u16 flags, idx;
    struct vring_used_elem ring[];
};
enum { VRING_USED_NO_NOTIFY = 1 };

static_assert(sizeof(struct vring_desc) == 16, "as guests have it");

#define VRING_SIZE_MAX 32768
