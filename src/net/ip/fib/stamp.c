/* A path list's word to the entries that forward by it. There may be a million: the first thousands
 * are told at once, the others in pieces, between which others have their turn; with them goes what
 * else a change has put off.
 *
 * Meanwhile those that come later forward as they did. What they forward by is there until the last
 * one is told: adjacencies are the paths', which stay the same; buckets are held. */
#include "base/clock.h"
#include "net/ip/fib/fib_internal.h"

#define STAMPS_AT_ONCE FIB_STAMPS_A_PIECE

/* --- for people to see --- */

static void walk_begin(struct fib *f, struct path_list *l)
{
    l->walk_reason = (u8)f->walk_reason;
    l->walk_in_pieces = false;
    l->walk_visits = 0;
    l->walk_begun_ns = clock_ns();
    f->walks.n_begun[0]++;
}

static void walk_goes_on(struct fib *f, struct path_list *l)
{
    if (l->walk_in_pieces)
        return;
    l->walk_in_pieces = true;
    f->walks.n_begun[0]--;
    f->walks.n_begun[1]++;
}

static void walk_end(struct fib *f, u32 list)
{
    const struct path_list *l = path_list_at(f, list);
    struct fib_walks *w = &f->walks;
    u32 size = l->walk_visits ? 31 - (u32)__builtin_clz(l->walk_visits) : 0;
    w->n_ended[l->walk_in_pieces]++;
    w->by_visits[size]++;
    w->kept[w->n_kept++ % FIB_WALKS_KEPT] =
        (struct fib_walk_record){list,
                                 l->walk_visits,
                                 l->walk_begun_ns,
                                 clock_ns(),
                                 (enum fib_walk_reason)l->walk_reason,
                                 l->walk_in_pieces};
}

/* --- telling --- */

/* As many as may be now. */
static void stamp_some(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    for (; f->stamps_left && l->stamp_next != NONE; f->stamps_left--, l->walk_visits++) {
        u32 entry = l->stamp_next;
        l->stamp_next = fib_entry_at(f, entry)->next;
        fib_entry_restamp(f, entry);
    }
    if (l->stamp_next == NONE)
        fib_stamp_end(f, list);
}

void fib_stamp(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    if (!(l->flags & LIST_STAMPING)) {
        index_list_add(&f->stamping, &path_list_at(f, 0)->stamping, f->lists.stride_bytes, list);
        walk_begin(f, l);
    }
    l->flags |= LIST_STAMPING;
    l->stamp_next = l->entries;
    stamp_some(f, list);
}

void fib_stamp_skip(struct fib *f, u32 list, u32 entry)
{
    struct path_list *l = path_list_at(f, list);
    if ((l->flags & LIST_STAMPING) && l->stamp_next == entry)
        l->stamp_next = fib_entry_at(f, entry)->next;
}

void fib_stamp_end(struct fib *f, u32 list)
{
    struct path_list *l = path_list_at(f, list);
    if (!(l->flags & LIST_STAMPING))
        return;
    l->flags &= (u8)~LIST_STAMPING;
    walk_end(f, list);
    index_list_remove(&f->stamping, &path_list_at(f, 0)->stamping, f->lists.stride_bytes, list);
}

bool fib_stamp_piece(void *arg)
{
    struct fib *f = arg;
    f->settling = true; /* what follows from it is settled below */
    f->stamps_left = f->walk_quota;
    while (f->stamping.n && f->stamps_left) {
        walk_goes_on(f, path_list_at(f, f->stamping.first));
        stamp_some(f, f->stamping.first);
    }
    f->settling = false;
    fib_settle_more(f);
    return f->stamping.n || f->put_off.n;
}

void fib_stamp_begin_settle(struct fib *f)
{
    f->stamps_left = f->ops.work ? STAMPS_AT_ONCE : UINT32_MAX;
}

void fib_stamp_end_settle(struct fib *f)
{
    if (f->stamping.n || f->put_off.n)
        f->ops.work(f->ops.ctx, fib_stamp_piece, f);
    if (f->stamping.n)
        return;
    for (u32 i = 0; i < f->held_buckets.n; i++)
        fib_limbo(f, LIMBO_BUCKETS, f->held_buckets.v[i].first, f->held_buckets.v[i].log2);
    vec_free(&f->held_buckets);
}
