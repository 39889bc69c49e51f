/* How many probes there are. One costs as much as some sixteen packets, a gain where the entry
 * that it makes is used, and a loss where each packet is a flow of its own. So entries are on
 * trial: after many in a row that no packet came by there are fewer probes, and all of them again
 * as soon as one was used, forwarding changed, or it was quiet. Flows that say little, but are
 * many, pay as well: while the kernel has as many for each probe there are none fewer. */
#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"

#define TRIAL_NS (100 * NS_PER_MSEC)
#define USELESS_MOST 128u /* in a row: half as many probes */
#define PAYS_PACKETS 16u  /* of the kernel's, for each probe: what one costs */

static void pace_set(struct fast_path *s, u32 rare)
{
    s->pace.n_useless = 0;
    if (s->pace.rare == rare)
        return;
    s->pace.rare = rare;
    probe_set_rare(engine_of(s->piste), rare);
}

void fast_path_pace_reset(struct fast_path *s)
{
    s->pace.n = 0;
    pace_set(s, 0);
}

static void pace_useless(struct fast_path *s)
{
    if (!s->pace.pays && ++s->pace.n_useless == USELESS_MOST)
        pace_set(s, (u32)min_u64(s->pace.rare + 1, PROBE_RARE_MOST));
}

/* Of one that has ended meanwhile nothing follows. */
static void trial_end(struct fast_path *s, u32 entry)
{
    const u64 *counted = &s->backend->counts[entry].packets;
    if (s->entries[entry].packets || __atomic_load_n(counted, __ATOMIC_RELAXED))
        pace_set(s, 0);
    else if (fast_path_is_valid(s, entry))
        pace_useless(s);
}

void fast_path_pace(struct fast_path *s, u32 entry)
{
    struct fast_path_pace *x = &s->pace;
    u64 now = clock_ns();
    while (x->n && (x->n == FAST_PATH_PACE_SLOTS || now - x->trial[x->first].made_ns >= TRIAL_NS)) {
        u32 oldest = x->trial[x->first].entry;
        x->first = (x->first + 1) % FAST_PATH_PACE_SLOTS;
        x->n--;
        trial_end(s, oldest);
    }
    if (entry == UINT32_MAX)
        pace_useless(s);
    else
        x->trial[(x->first + x->n++) % FAST_PATH_PACE_SLOTS] = (struct fast_path_trial){now, entry};
}

void fast_path_pace_tick(struct fast_path *s)
{
    struct fast_path_pace *x = &s->pace;
    u64 packets = s->n.packets - x->n_packets;
    x->pays = packets && packets >= PAYS_PACKETS * (s->n.probes - x->n_probes);
    if (x->pays || x->n_probes == s->n.probes)
        fast_path_pace_reset(s);
    x->n_probes = s->n.probes;
    x->n_packets = s->n.packets;
}
