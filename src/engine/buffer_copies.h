/* Copies of many packets at once. */
#pragma once

#include "engine/buffer.h"

/* Whether a packet is one buffer, no larger than those of the default pool. */
bool buffer_is_small(const struct buffer *b);
/* As buffer_copy, of n such packets (up to a vector): returns how many have a copy, from the first
 * on. */
u32 buffer_copy_each(struct thread *t, struct buffer *const *b, u32 *bi, u32 n) MUST_CHECK;
