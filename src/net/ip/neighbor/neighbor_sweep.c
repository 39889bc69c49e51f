/* What befalls many neighbours at once: an interface that goes or goes down, an address that is
 * taken away, a flush, another table. The change is complete when it begins; what it means for each
 * entry follows in the order of their updates, the first at once, the others as work of the loop.
 */
#include "base/log.h"
#include "control/loop.h"
#include "control/piste.h"
#include "net/ip/neighbor/neighbor_internal.h"

#define ENTRIES_A_PIECE 256
#define SWEEPS_MAX 32 /* whoever looks an entry up asks them all */

static struct log_class sweep_log = {.name = "ip", .sub = "neighbor"};

static enum neighbor_list sweep_list(const struct neighbor_sweep *s)
{
    return if_is_none(s->interface) ? LIST_ALL : LIST_INTERFACE;
}

/* Whether an entry, however new, is one of those that it is about. */
static bool sweep_means(const struct neighbor_sweep *s, const struct neighbor_entry *e)
{
    if (e->host.family != s->within.family ||
        (!if_is_none(s->interface) && !if_equal(s->interface, e->host.interface)))
        return false;
    if (s->kind == SWEEP_MOVE)
        return neighbor_is_of_link(e) == s->of_link;
    return (s->with_static || (e->flags & NEIGHBOR_DYNAMIC)) &&
           ip_prefix_has(&s->within, &e->host.addr);
}

bool neighbor_is_gone(const struct neighbors *ns, const struct neighbor_entry *e)
{
    for (u32 k = 0; k < ns->sweeps.n; k++) {
        const struct neighbor_sweep *s = &ns->sweeps.v[k];
        if (s->kind == SWEEP_REMOVE && e->stamp < s->before && sweep_means(s, e))
            return true;
    }
    return false;
}

void neighbor_sweep_skip(struct neighbors *ns, u32 n, enum neighbor_list which)
{
    for (u32 k = 0; k < ns->sweeps.n; k++) {
        struct neighbor_sweep *s = &ns->sweeps.v[k];
        if (s->next == n && sweep_list(s) == which)
            s->next = neighbor_at(ns, n)->in[which].newer;
    }
}

static void neighbor_sweep_one(struct neighbors *ns, const struct neighbor_sweep *s, u32 n)
{
    struct neighbor_entry *e = neighbor_at(ns, n);
    struct error err = {0};
    if (!sweep_means(s, e))
        return;
    if (s->kind == SWEEP_REMOVE)
        neighbor_entry_free(ns, n);
    else if (neighbor_route_set(ns, e, s->to, &err))
        log_error(&sweep_log, "%s", err.text);
}

/* Up to `most` entries of sweep k, which is forgotten at its end. Returns how many were not needed.
 */
static u32 neighbor_sweep_some(struct neighbors *ns, u32 k, u32 most)
{
    for (; most; most--) {
        struct neighbor_sweep s = ns->sweeps.v[k]; /* others may begin meanwhile */
        if (s.next == NEIGHBOR_NONE || neighbor_at(ns, s.next)->stamp >= s.before) {
            vec_del(&ns->sweeps, k);
            return most;
        }
        ns->sweeps.v[k].next = neighbor_at(ns, s.next)->in[sweep_list(&s)].newer;
        neighbor_sweep_one(ns, &s, s.next);
    }
    return 0;
}

bool neighbor_sweep_piece(void *neighbors)
{
    struct neighbors *ns = neighbors;
    for (u32 left = ENTRIES_A_PIECE; left && ns->sweeps.n;)
        left = neighbor_sweep_some(ns, 0, left);
    return ns->sweeps.n;
}

void neighbor_sweep(struct neighbors *ns, struct neighbor_sweep s)
{
    enum ip_family f = (enum ip_family)s.within.family;
    s.next =
        if_is_none(s.interface) ? ns->all[f].oldest : neighbor_ends_of(ns, f, s.interface).oldest;
    if (!s.before)
        s.before = ns->stamp + 1;
    vec_add(&ns->sweeps, s);
    if (!neighbor_sweep_some(ns, ns->sweeps.n - 1,
                             ns->sweeps.n > SWEEPS_MAX ? UINT32_MAX : ENTRIES_A_PIECE))
        loop_work_add(ns->piste->loop, neighbor_sweep_piece, ns);
}

void neighbor_sweep_remove(struct neighbors *ns, enum ip_family f, struct if_index i,
                           bool with_static)
{
    neighbor_sweep(ns, (struct neighbor_sweep){.kind = SWEEP_REMOVE,
                                               .interface = i,
                                               .within.family = (u8)f,
                                               .with_static = with_static});
}

/* Those that are under way to another table end there, too. */
static void sweep_forget_moves(struct neighbors *ns, struct if_index i, u32 families, u32 of_link)
{
    for (u32 k = ns->sweeps.n; k-- > 0;) {
        const struct neighbor_sweep *s = &ns->sweeps.v[k];
        if (s->kind == SWEEP_MOVE && if_equal(s->interface, i) &&
            (families & 1u << s->within.family) && (of_link & 1u << s->of_link))
            vec_del(&ns->sweeps, k);
    }
}

void neighbor_sweep_move(struct neighbors *ns, enum ip_family f, struct if_index i, bool of_link,
                         struct fib_index to)
{
    sweep_forget_moves(ns, i, 1u << f, 1u << of_link);
    neighbor_sweep(ns, (struct neighbor_sweep){.kind = SWEEP_MOVE,
                                               .interface = i,
                                               .within.family = (u8)f,
                                               .of_link = of_link,
                                               .to = to});
}

void neighbor_sweep_forget_moves(struct neighbors *ns, struct if_index i)
{
    sweep_forget_moves(ns, i, UINT32_MAX, UINT32_MAX);
}

void neighbor_sweep_finish(struct neighbors *ns, struct if_index i)
{
    for (u32 k = ns->sweeps.n; k-- > 0;)
        if (if_equal(ns->sweeps.v[k].interface, i))
            neighbor_sweep_some(ns, k, UINT32_MAX);
}
