/* Routes of which a path MTU is known. What such an entry forwards by is that of a second entry,
 * which has no prefix; the entry's own word is an adjacency in front of it, whose node looks how
 * long packets are. So all that comes to the entry, by its prefix or as somebody's next hop, passes
 * that node, and packets by other routes never ask. */
#include <errno.h>

#include "net/ip/fib/fib_internal.h"

static bool path_mtu_adj(const struct fib *f, u32 entry, u32 *adj)
{
    u64 value;
    if (!hash_get(&f->path_mtu_by_entry, &entry, &value))
        return false;
    *adj = (u32)value;
    return true;
}

struct lb fib_path_mtu_word(const struct fib *f, u32 entry)
{
    u32 adj = ADJ_DROP.i;
    bool known = path_mtu_adj(f, entry, &adj);
    assert(known);
    return (struct lb){adj, 0};
}

void fib_path_mtu_follow(struct fib *f, u32 entry)
{
    u32 list = fib_entry_at(f, entry)->list, adj;
    if (!path_mtu_adj(f, entry, &adj))
        return;
    path_list_ref(f, list);
    fib_entry_alone_set(f, (u32)adj_at(adj)->data, list);
}

static int path_mtu_new(struct fib *f, u32 entry, struct node_index node, u16 mtu)
{
    struct fib_entry *e = fib_entry_at(f, entry);
    path_list_ref(f, e->list);
    u32 behind = fib_entry_alone_new(f, fib_entry_family(f, entry), e->list);
    if (behind == NONE)
        return -ENOSPC;
    u32 adj = adj_get_path_mtu(f, behind, node, mtu);
    if (adj == NONE) {
        fib_entry_alone_free(f, behind);
        return -ENOSPC;
    }
    hash_set(&f->path_mtu_by_entry, &entry, adj);
    e->flags |= ENTRY_PATH_MTU;
    fib_entry_set_word(f, entry);
    return 0;
}

int fib_path_mtu_set(struct fib *f, struct fib_track_index track, struct node_index node, u16 mtu,
                     struct error *e)
{
    u32 entry = fib_track_lb(f, track).i, adj;
    if (path_mtu_adj(f, entry, &adj)) {
        adj_path_mtu_change(adj, mtu);
        return 0;
    }
    int rc = path_mtu_new(f, entry, node, mtu);
    fib_settle(f);
    return rc ? error_set(e, -rc, "no room for more path MTUs") : 0;
}

void fib_path_mtu_clear(struct fib *f, struct fib_track_index track)
{
    u32 entry = fib_track_lb(f, track).i, adj;
    if (!path_mtu_adj(f, entry, &adj))
        return;
    fib_entry_at(f, entry)->flags &= (u8)~ENTRY_PATH_MTU;
    hash_del(&f->path_mtu_by_entry, &entry);
    fib_entry_set_word(f, entry);
    fib_entry_alone_free(f, (u32)adj_at(adj)->data);
    adj_put(f, adj);
    fib_settle(f);
}

struct if_index fib_track_link(const struct fib *f, struct fib_track_index track)
{
    u32 entry = fib_track_lb(f, track).i, list = fib_entry_at(f, entry)->list;
    struct ip_address own = fib_entry_address(f, entry);
    if (list == NONE || path_list_at(f, list)->n_paths != 1)
        return IF_NONE;
    const struct fib_path *path = &path_at(f, path_list_at(f, list)->first)->cfg;
    bool is_neighbor = path->kind == FIB_PATH_NEXT_HOP && !(path->flags & FIB_PATH_DEAD) &&
                       path->family == fib_entry_family(f, entry) &&
                       ip_address_equal(&path->next_hop, &own);
    return is_neighbor ? path->interface : IF_NONE;
}
