/* Copies between chains of buffers, and room in them. */
#pragma once

#include "base/types.h"
#include "engine/buffer.h"

struct thread;

/* Appends bytes [offset, offset + n) of packet `from`, counted from its current header, to packet
 * `to`. Returns: 0; -ENOBUFS, -EINVAL when `from` is shorter: `to` may then hold part of it. */
int chain_append(struct thread *t, struct buffer *to, const struct buffer *from, u32 offset,
                 u32 n) MUST_CHECK;

/* Room for `bytes` in front of the current header, within the first buffer; where it begins stays,
 * but all offsets may move. Up to CHAIN_ROOM_BYTES_MAX. Returns: 0; -ENOBUFS, -EINVAL when the
 * buffer is too small, or others hold it: the packet is as it was. */
#define CHAIN_ROOM_BYTES_MAX 1280
int chain_make_room(struct thread *t, struct buffer *b, u32 bytes) MUST_CHECK;
