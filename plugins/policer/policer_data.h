/* What nodes know of policers, see policer.h. */
#pragma once

#include "base/types.h"
#include "engine/counter.h"

#define POLICERS_MAX 65536
#define POLICER_NAME_BYTES 64
#define POLICER_NONE UINT32_MAX

/* The numbers of enums are those of the API. */
enum policer_type {
    POLICER_1R2C,
    POLICER_1R3C_2697,
    POLICER_2R3C_2698,
    POLICER_2R3C_4115,
    POLICER_2R3C_MEF5CF1,
    POLICER_TYPE_N
};
enum policer_rate { POLICER_KBPS, POLICER_PPS, POLICER_RATE_N };
enum policer_round { POLICER_CLOSEST, POLICER_UP, POLICER_DOWN, POLICER_ROUND_N };
enum policer_action { POLICER_DROP, POLICER_TRANSMIT, POLICER_MARK, POLICER_ACTION_N };
enum policer_color { POLICER_CONFORM, POLICER_EXCEED, POLICER_VIOLATE, POLICER_COLOR_N };

struct policer_act {
    u8 action; /* enum policer_action */
    u8 dscp;
};

struct policer {
    u64 buckets;                     /* current; extended in the upper half */
    u64 last_period;                 /* until which tokens were added */
    u64 current_rate, extended_rate; /* tokens a period; not 0 */
    u32 current_limit, extended_limit;
    u8 scale, period_shift;
    u8 type; /* enum policer_type */
    bool packets;
    bool color_aware;
    struct policer_act acts[POLICER_COLOR_N];
};

extern struct policer **policers; /* POLICERS_MAX; NULL: there is none */
extern struct counter_vec *policer_counters[POLICER_COLOR_N]; /* combined, by policer */

ALWAYS_INLINE struct policer *policer_at(u32 i)
{
    return i < POLICERS_MAX ? __atomic_load_n(&policers[i], __ATOMIC_ACQUIRE) : NULL;
}

/* What a packet of that colour and length is, now; the buckets are the less for it.
 * Context: any thread. */
enum policer_color policer_police(struct policer *x, u64 now_ns, u32 bytes,
                                  enum policer_color color);
