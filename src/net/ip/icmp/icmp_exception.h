/* Exceptions: packets that an ICMP error would be the answer to, by kinds. ipX-icmp-error hands
 * those that are asked for on to ipX-punt, or to a node of who takes them; no errors are sent about
 * them. */
#pragma once

#include "base/types.h"
#include "engine/counter.h"
#include "net/ip/fib/fib_data.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"

enum icmp_exception {
    ICMP_EXCEPTION_TTL_EXPIRED = 1 << 0, /* hop limit, of IPv6 */
    ICMP_EXCEPTION_TOO_BIG = 1 << 1,
    ICMP_EXCEPTION_UNREACHABLE = 1 << 2, /* for any other reason */
    ICMP_EXCEPTION_PARAMETER_PROBLEM = 1 << 3,
};

/* Of ipX-icmp-error; written by the control thread. */
struct icmp_exceptions {
    u32 punted, taken;                /* enum icmp_exception, as bits; what is both is taken */
    u16 next_taken;                   /* its edge to who takes them */
    const struct counter_vec *counts; /* of what is wanted: by its kind's number, from first on;
                                       * NULL: nobody counts */
    u32 first;
};

static inline void icmp_exceptions_count(struct icmp_exceptions *x,
                                         const struct counter_vec *counts, u32 first)
{
    x->first = first;
    __atomic_store_n(&x->counts, counts, __ATOMIC_RELEASE);
}

static inline void icmp_exceptions_punt(struct icmp_exceptions *x, u32 exceptions)
{
    __atomic_store_n(&x->punted, exceptions, __ATOMIC_RELAXED);
}

static inline void icmp_exceptions_take(struct icmp_exceptions *x, u32 exceptions, u16 next)
{
    __atomic_store_n(&x->next_taken, next, __ATOMIC_RELAXED); /* always the same */
    __atomic_store_n(&x->taken, exceptions, __ATOMIC_RELEASE);
}

/* What kind it is that a packet's scratch asks for an error about; 0: none of these. */
static inline u32 icmp4_exception_of(const struct ip_scratch *s)
{
    switch (s->icmp_type) {
    case ICMP4_TIME_EXCEEDED:
        return s->icmp_code == ICMP4_TTL_EXCEEDED ? ICMP_EXCEPTION_TTL_EXPIRED : 0;
    case ICMP4_DESTINATION_UNREACHABLE:
        return s->icmp_code == ICMP4_FRAGMENTATION_NEEDED ? ICMP_EXCEPTION_TOO_BIG
                                                          : ICMP_EXCEPTION_UNREACHABLE;
    case ICMP4_PARAMETER_PROBLEM:
        return ICMP_EXCEPTION_PARAMETER_PROBLEM;
    default:
        return 0;
    }
}

static inline u32 icmp6_exception_of(const struct ip_scratch *s)
{
    switch (s->icmp_type) {
    case ICMP6_TIME_EXCEEDED:
        return s->icmp_code == ICMP6_HOP_LIMIT_EXCEEDED ? ICMP_EXCEPTION_TTL_EXPIRED : 0;
    case ICMP6_PACKET_TOO_BIG:
        return ICMP_EXCEPTION_TOO_BIG;
    case ICMP6_DESTINATION_UNREACHABLE:
        return ICMP_EXCEPTION_UNREACHABLE;
    case ICMP6_PARAMETER_PROBLEM:
        return ICMP_EXCEPTION_PARAMETER_PROBLEM;
    default:
        return 0;
    }
}

static inline void icmp_exception_count(const struct icmp_exceptions *x, struct thread *t,
                                        const struct buffer *b, u32 exception)
{
    const struct counter_vec *counts = __atomic_load_n(&x->counts, __ATOMIC_ACQUIRE);
    u32 kind = (u32)__builtin_ctz(exception);
    if (counts)
        counter_pair_add(&counter_combined(counts, thread_index(t))[x->first + kind], 1,
                         buffer_packet_len(b));
}

/* Whether b, of that kind, is wanted, which counts it; then *next is next_punt or to who takes it.
 */
ALWAYS_INLINE bool icmp_exception_next(const struct icmp_exceptions *x, struct thread *t,
                                       const struct buffer *b, u32 exception, u16 next_punt,
                                       u16 *next)
{
    bool taken = __atomic_load_n(&x->taken, __ATOMIC_ACQUIRE) & exception;
    if (likely(!taken && !(__atomic_load_n(&x->punted, __ATOMIC_RELAXED) & exception)))
        return false;
    icmp_exception_count(x, t, b, exception);
    *next = taken ? __atomic_load_n(&x->next_taken, __ATOMIC_RELAXED) : next_punt;
    return true;
}
