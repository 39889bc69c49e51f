/* Interfaces in the stats segment: their counters, their names, and each counter under the name of
 * its interface. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/stats.h"
#include "net/link/interface/interface_internal.h"

static const char *const counter_names[IF_COUNTER_N] = {
    [IF_RX] = "rx",
    [IF_TX] = "tx",
    [IF_RX_UNICAST] = "rx-unicast",
    [IF_RX_MULTICAST] = "rx-multicast",
    [IF_RX_BROADCAST] = "rx-broadcast",
    [IF_TX_UNICAST] = "tx-unicast",
    [IF_TX_MULTICAST] = "tx-multicast",
    [IF_TX_BROADCAST] = "tx-broadcast",
    [IF_DROP] = "drops",
    [IF_PUNT] = "punt",
    [IF_IP4] = "ip4",
    [IF_IP6] = "ip6",
    [IF_RX_NO_BUF] = "rx-no-buf",
    [IF_RX_MISS] = "rx-miss",
    [IF_RX_ERROR] = "rx-error",
    [IF_TX_ERROR] = "tx-error",
    [IF_MPLS] = "mpls",
};

struct counter_vec *if_counters[IF_COUNTER_N];

struct stats_names interface_stats_init(struct engine *e)
{
    char name[STAT_NAME_BYTES];
    for (u32 c = 0; c < IF_COUNTER_N; c++) {
        snprintf(name, sizeof(name), "/if/%s", counter_names[c]);
        if_counters[c] = counter_vec_new(e, name, c < IF_COMBINED_N, IF_MAX);
    }
    return stats_add_names(stats_of(e), "/if/names", IF_MAX);
}

void interface_stats_add(struct engine *e, const struct stats_names *names, struct interface *f)
{
    struct stats *s = stats_of(e);
    char part[STAT_NAME_BYTES];
    f->stats = mem_alloc(IF_COUNTER_N * sizeof(*f->stats));
    stats_path_part(f->name, part);
    stats_lock(s);
    stats_set_name(s, names, f->index.i, f->name);
    for (u32 c = 0; c < IF_COUNTER_N; c++) {
        counter_zero(if_counters[c], f->index.i);
        f->stats[c] = stats_add_link(s, counter_handle(if_counters[c]), f->index.i,
                                     "/interfaces/%.64s/%s", part, counter_names[c]);
    }
    stats_unlock(s);
}

void interface_stats_rename(struct engine *e, const struct stats_names *names, struct interface *f)
{
    struct stats *s = stats_of(e);
    char part[STAT_NAME_BYTES];
    stats_path_part(f->name, part);
    stats_lock(s);
    stats_set_name(s, names, f->index.i, f->name);
    for (u32 c = 0; c < IF_COUNTER_N; c++)
        stats_rename(s, f->stats[c], "/interfaces/%.64s/%s", part, counter_names[c]);
    stats_unlock(s);
}

void interface_stats_remove(struct engine *e, const struct stats_names *names, struct interface *f)
{
    struct stats *s = stats_of(e);
    stats_lock(s);
    stats_set_name(s, names, f->index.i, "deleted");
    for (u32 c = 0; c < IF_COUNTER_N; c++)
        stats_remove(s, f->stats[c]);
    stats_unlock(s);
    free(f->stats);
    f->stats = NULL;
}

void interface_clear_counters(struct piste *p, struct interface *const *list, u32 n)
{
    u32 *indices = mem_alloc((n + 1) * sizeof(*indices));
    for (u32 i = 0; i < n; i++)
        indices[i] = list[i]->index.i;
    counter_clear(engine_of(p), if_counters, IF_COUNTER_N, indices, n);
    free(indices);
}
