/* What two ends of a memif agree on: messages of the control socket, rings and descriptors in
 * shared memory. All numbers are in host order: both ends are on one machine. Version 2.0.
 *
 *   slave                              master
 *     connect ───────────────────────►
 *             ◄────────────────── HELLO
 *   INIT, then each region, each ring  ─►
 *             ◄──────────────────── ACK    of each, before the next is sent
 *   CONNECT   ───────────────────────►
 *             ◄────────────── CONNECTED
 *
 * S2M rings carry packets from the slave to the master, M2S rings the other way. In both the slave
 * says by `head` which slots it has filled (or has filled with empty buffers), and the master by
 * `tail` how far it has emptied (or filled) them. Both run freely over 16 bits. */
#pragma once

#include "base/types.h"

#define MEMIF_VERSION 0x0200
#define MEMIF_COOKIE 0x03e31f20u
#define MEMIF_MESSAGE_BYTES 128
#define MEMIF_NAME_BYTES 32
#define MEMIF_SECRET_BYTES 24
#define MEMIF_REASON_BYTES 96
#define MEMIF_LOG2_MAX 14 /* slots of a ring */

enum memif_type {
    MEMIF_ACK = 1,
    MEMIF_HELLO,
    MEMIF_INIT,
    MEMIF_ADD_REGION, /* with the descriptor of its memory */
    MEMIF_ADD_RING,   /* with an eventfd */
    MEMIF_CONNECT,
    MEMIF_CONNECTED,
    MEMIF_DISCONNECT
};

enum memif_mode { MEMIF_MODE_ETHERNET, MEMIF_MODE_IP, MEMIF_MODE_PUNT_INJECT, MEMIF_MODE_N };

enum memif_direction { MEMIF_M2S, MEMIF_S2M, MEMIF_DIRECTION_N };

/* A message, out of its record. Texts end with NUL. */
struct memif_message {
    u16 type; /* enum memif_type */
    union {
        struct {
            char name[MEMIF_NAME_BYTES]; /* of the program */
            u16 min_version, max_version;
            u16 max_region, max_m2s, max_s2m; /* the highest index */
            u8 max_log2;
        } hello;
        struct {
            u16 version;
            u32 id;
            u8 mode;
            char secret[MEMIF_SECRET_BYTES];
            char name[MEMIF_NAME_BYTES];
        } init;
        struct {
            u16 index;
            u64 bytes;
        } region;
        struct {
            u16 direction; /* enum memif_direction */
            u16 index, region;
            u32 offset;
            u8 log2;
            u16 private_bytes;
        } ring;
        struct {
            char name[MEMIF_NAME_BYTES]; /* of the interface */
        } connect;
        struct {
            u32 code;
            char reason[MEMIF_REASON_BYTES];
        } disconnect;
    };
};

void memif_message_write(const struct memif_message *m, u8 record[MEMIF_MESSAGE_BYTES]);
/* false: there is no such type. Anything may stand in the record. */
bool memif_message_read(const u8 record[MEMIF_MESSAGE_BYTES], struct memif_message *m);

/* --- shared memory --- */

#define MEMIF_LINE_BYTES 64

enum { MEMIF_RING_QUIET = 1 }; /* who takes the packets wants no interrupt */
enum { MEMIF_DESC_NEXT = 1 };  /* the packet goes on in the next slot */

struct memif_desc {
    u16 flags, region;
    u32 length, offset, metadata;
};

struct memif_ring {
    u32 cookie;
    u16 flags; /* MEMIF_RING_* */
    u16 head;  /* the slave's */
    u8 rest[MEMIF_LINE_BYTES - 8];
    u16 tail; /* the master's */
    u8 rest2[MEMIF_LINE_BYTES - 2];
    struct memif_desc desc[];
};

static_assert(sizeof(struct memif_desc) == 16, "as peers have it");
static_assert(offsetof(struct memif_ring, head) == 6, "as peers have it");
static_assert(offsetof(struct memif_ring, tail) == 64, "as peers have it");
static_assert(sizeof(struct memif_ring) == 128, "as peers have it");

static inline u64 memif_ring_bytes(u8 log2)
{
    return sizeof(struct memif_ring) + (sizeof(struct memif_desc) << log2);
}
