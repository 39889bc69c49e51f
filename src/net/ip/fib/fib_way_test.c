/* Ways that others follow: tracked addresses, paths without a prefix, tunnels and their circles,
 * attached routes of other tables; and what hangs on an interface. For both protocols. */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "net/ip/fib/encap.h"
#include "net/ip/fib/fib_test.h"

static void attach(struct test_world *w, struct fib_index t, be32 net, u8 len, u32 if_no)
{
    struct fib_path path = fib_path_special(FIB_PATH_ATTACHED);
    path.interface = iface(if_no);
    test_route(w, t, net, len, FIB_SOURCE_CLI, path);
}

static void own_address(struct test_world *w, struct fib_index t, be32 a, u32 if_no)
{
    struct fib_path path = fib_path_special(FIB_PATH_RECEIVE);
    path.interface = iface(if_no);
    path.next_hop = address(a);
    test_route(w, t, a, 32, FIB_SOURCE_INTERFACE, path);
}

static void del_route(struct test_world *w, struct fib_index t, be32 net, u8 len, enum fib_source s)
{
    assert_int_equal(fib_route_delete(w->f, t, prefix(net, len), s, NULL), 0);
}

static struct fib_index new_table(struct test_world *w, u32 id)
{
    struct fib_index t = {0};
    struct error e = {0};
    assert_int_equal(fib_table_lock(w->f, test_family, id, NULL, FIB_SOURCE_CLI, &t, &e), 0);
    return t;
}

static u8 kind_of(const struct test_world *w, struct fib_index t, be32 dst)
{
    return adj_at(test_resolve(w, t, dst).i)->head.kind;
}

/* --- tracking --- */

static void count_call(struct piste *p, void *arg)
{
    ++*(u32 *)arg;
}

static struct fib_track_index track(struct test_world *w, be32 a,
                                    void (*fn)(struct piste *p, void *arg), void *arg)
{
    struct fib_track_index t;
    struct error e = {0};
    struct ip_address addr = address(a);
    assert_int_equal(fib_track(w->f, T0, &addr, fn, arg, &t, &e), 0);
    return t;
}

/* Where packets that go by a load balance come to. */
static u32 end_of(struct lb_index lb)
{
    for (u32 depth = 0; depth < 8; depth++) {
        const struct adj *a = adj_at(lb_pick(lb_load(lb.i), 0));
        if (a->head.kind != ADJ_KIND_LB)
            return if_is_none(a->tx_if) ? 0 : a->tx_if.i;
        lb.i = (u32)a->data;
    }
    return 0;
}

static void a_tracked_address_is_followed(void **state)
{
    struct test_world w;
    u32 calls = 0;
    test_world_open(&w);
    struct fib_track_index t = track(&w, ip(10, 9, 9, 9), count_call, &calls);
    struct lb_index lb = fib_track_lb(w.f, t);
    assert_false(fib_track_is_resolved(w.f, t));
    assert_int_equal(end_of(lb), 0);
    assert_int_equal(calls, 0);

    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, 1), iface(1)));
    assert_int_equal(calls, 1);
    assert_true(fib_track_is_resolved(w.f, t));
    assert_int_equal(end_of(lb), 1);
    /* through a next hop, whose own way moves: the load balance is still the same */
    test_route(&w, T0, ip(10, 9, 0, 0), 16, FIB_SOURCE_CLI, path_via(ip(20, 1, 1, 1), IF_NONE));
    assert_int_equal(calls, 2);
    assert_int_equal(end_of(lb), 0);
    test_connect(&w, T0, ip(20, 1, 0, 0), 16, 2);
    assert_int_equal(calls, 3);
    assert_int_equal(end_of(lb), 2);
    test_route(&w, T0, ip(20, 1, 1, 0), 24, FIB_SOURCE_CLI, path_via(ip(3, 3, 3, 3), iface(3)));
    assert_int_equal(calls, 4); /* resolved before and after: only the way has moved */
    assert_int_equal(end_of(lb), 3);
    /* what is not on its way is nothing to it */
    test_route(&w, T0, ip(11, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, 1), iface(1)));
    test_connect(&w, T0, ip(20, 2, 0, 0), 16, 2);
    assert_int_equal(calls, 4);
    test_set_down(&w, 3, true);
    assert_int_equal(calls, 5);
    assert_false(fib_track_is_resolved(w.f, t));
    assert_int_equal(fib_track_lb(w.f, t).i, lb.i);
    fib_untrack(w.f, t);
    test_set_down(&w, 3, false);
    assert_int_equal(calls, 5);
    test_world_end(&w);
}

/* A million routes may share the paths that lead to a tracked address: it is found in front of
 * them, also when it was not the first. */
static void those_who_follow_are_found_among_many(void **state)
{
    struct test_world w;
    u32 calls[2] = {0};
    test_world_open(&w);
    test_connect(&w, T0, ip(20, 1, 0, 0), 16, 1);
    struct fib_path path = path_via(ip(20, 1, 1, 1), IF_NONE);
    for (u32 i = 0; i < 50; i++)
        test_route(&w, T0, ip(30, i, 0, 0), 16, FIB_SOURCE_CLI, path);
    test_route(&w, T0, ip(40, 0, 0, 1), 32, FIB_SOURCE_CLI, path);
    struct fib_track_index a = track(&w, ip(30, 7, 7, 7), count_call, &calls[0]);
    struct fib_track_index b = track(&w, ip(40, 0, 0, 1), count_call, &calls[1]);
    test_route(&w, T0, ip(20, 1, 1, 0), 24, FIB_SOURCE_CLI, path_via(ip(3, 3, 3, 3), iface(3)));
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 1);
    fib_untrack(w.f, a);
    del_route(&w, T0, ip(20, 1, 1, 0), 24, FIB_SOURCE_CLI);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 2);
    fib_untrack(w.f, b);
    test_world_end(&w);
}

struct moving {
    struct test_world *w;
    u32 calls;
    struct fib_track_index other;
};

/* Changes routes, and ends another's tracking. */
static void change_more(struct piste *p, void *arg)
{
    struct moving *m = arg;
    if (m->calls++)
        return;
    test_route(m->w, T0, ip(10, 0, 0, 0), 9, FIB_SOURCE_CLI, path_via(ip(2, 2, 2, 2), iface(2)));
    fib_untrack(m->w->f, m->other);
}

static void who_is_told_may_change_routes(void **state)
{
    struct test_world w;
    struct moving m = {.w = &w};
    u32 calls = 0;
    test_world_open(&w);
    m.other = track(&w, ip(10, 1, 1, 1), count_call, &calls);
    struct fib_track_index t = track(&w, ip(10, 1, 1, 2), change_more, &m);
    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, 1), iface(1)));
    assert_int_equal(m.calls, 2);
    assert_true(calls <= 2);
    assert_int_equal(end_of(fib_track_lb(w.f, t)), 2);
    fib_untrack(w.f, t);
    test_world_end(&w);
}

static void paths_without_a_prefix(void **state)
{
    struct test_world w;
    struct lb_index lb;
    struct error e = {0};
    test_world_open(&w);
    struct fib_path paths[] = {path_via(ip(20, 1, 1, 1), IF_NONE),
                               path_via(ip(1, 1, 1, 1), iface(1))};
    assert_int_equal(fib_paths_new(w.f, test_family, paths, 0, &lb, &e), -EINVAL);
    assert_int_equal(fib_paths_new(w.f, test_family, paths, 2, &lb, &e), 0);
    assert_int_equal(lb_load(lb.i).mask, 0); /* one of them leads nowhere yet */
    struct fib_path said[2];
    assert_int_equal(fib_paths_get(w.f, lb, said, 1), 2);
    assert_int_equal(fib_paths_get(w.f, lb, said, 2), 2);
    assert_true(if_is_none(said[0].interface) && if_equal(said[1].interface, iface(1)));
    assert_int_equal(end_of(lb), 1);
    test_connect(&w, T0, ip(20, 1, 0, 0), 16, 2);
    assert_int_equal(lb_load(lb.i).mask, 15);
    test_set_down(&w, 1, true);
    assert_int_equal(end_of(lb), 2);
    assert_int_equal(fib_paths_update(w.f, lb, &paths[1], 1, &e), 0);
    assert_int_equal(fib_paths_get(w.f, lb, said, 2), 1);
    assert_int_equal(end_of(lb), 0);
    test_set_down(&w, 1, false);
    assert_int_equal(end_of(lb), 1);
    /* one by one; the same way out is there once */
    struct fib_path others[FIB_PATHS_MAX];
    for (u32 i = 0; i < FIB_PATHS_MAX; i++)
        others[i] = path_via(ip(1, 1, 2, i), iface(1));
    assert_int_equal(fib_paths_add(w.f, lb, paths, 2, &e), 0);
    assert_int_equal(fib_paths_get(w.f, lb, said, 2), 2);
    assert_int_equal(fib_paths_add(w.f, lb, others, FIB_PATHS_MAX, &e), -EINVAL);
    assert_int_equal(fib_paths_remove(w.f, lb, others, 1, &e), -ENOENT);
    assert_int_equal(fib_paths_remove(w.f, lb, &paths[0], 1, &e), 0);
    assert_int_equal(fib_paths_remove(w.f, lb, &paths[1], 1, &e), -ENODATA);
    assert_int_equal(fib_paths_get(w.f, lb, said, 2), 1);
    assert_int_equal(end_of(lb), 1);
    /* no table has it */
    struct fib_route r;
    u32 from = 0, n = 0;
    while (fib_table_scan(w.f, T0, &from, 100, &r))
        n++;
    assert_int_equal(n, TEST_FIXED + 1); /* the link */
    fib_paths_free(w.f, lb);
    test_world_end(&w);
}

/* --- tunnels --- */

struct tunnel {
    struct test_world *w;
    u32 if_no;
    struct fib_track_index track;
    const struct encap *encap;
    u32 completed;
};

static void complete(struct piste *p, struct adj_index a, void *arg)
{
    struct tunnel *t = arg;
    t->completed++;
    adj_midchain(t->w->f, a, t->encap);
}

static const struct encap *encap_to(struct test_world *w, struct fib_track_index track)
{
    u8 header[48] = {0};
    u32 len = test_family == IP_FAMILY_4 ? 20 : 40;
    header[0] = test_family == IP_FAMILY_4 ? 0x45 : 0x60;
    header[test_family == IP_FAMILY_4 ? 9 : 6] = 47;
    struct encap_args args = {.track = track, .header = header, .len = len + 4};
    const struct encap *e = NULL;
    struct error error = {0};
    assert_int_equal(encap_new(w->f, &args, &e, &error), 0);
    return e;
}

static void tunnel_open(struct test_world *w, struct tunnel *t, u32 if_no, be32 end)
{
    *t = (struct tunnel){.w = w, .if_no = if_no};
    w->no_ethernet[if_no] = true;
    t->track = track(w, end, NULL, NULL);
    t->encap = encap_to(w, t->track);
    fib_set_link(w->f, iface(if_no), complete, t);
}

static void tunnel_close(struct tunnel *t)
{
    fib_set_link(t->w->f, iface(t->if_no), NULL, NULL);
    encap_free(t->w->f, t->encap);
    fib_untrack(t->w->f, t->track);
    t->w->no_ethernet[t->if_no] = false;
}

/* Where a packet comes to in the end, through tunnels; 0: it is dropped. *tunnels: how many. */
static u32 through(const struct test_world *w, be32 dst, u32 *tunnels)
{
    u32 a = test_resolve(w, T0, dst).i;
    for (*tunnels = 0; adj_at(a)->head.kind == ADJ_KIND_MIDCHAIN; ++*tunnels) {
        struct lb_index lb = {((const struct encap *)(uintptr_t)adj_at(a)->data)->lb};
        assert_true(*tunnels < 10);
        for (a = lb_pick(lb_load(lb.i), 0); adj_at(a)->head.kind == ADJ_KIND_LB;)
            a = lb_pick(lb_load((u32)adj_at(a)->data), 0);
    }
    return a < ADJ_N_SPECIAL ? 0 : adj_at(a)->tx_if.i;
}

static void a_tunnel_follows_the_way_to_its_end(void **state)
{
    struct test_world w;
    struct tunnel t;
    u32 n;
    test_world_open(&w);
    tunnel_open(&w, &t, 7, ip(10, 9, 9, 9));
    test_route(&w, T0, ip(50, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(7)));
    attach(&w, T0, ip(51, 0, 0, 0), 8, 7);
    assert_int_equal(t.completed, 2);
    struct adj_index a = test_resolve(&w, T0, ip(50, 1, 1, 1));
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_MIDCHAIN);
    assert_int_equal(adj_at(a.i)->head.lookup_next, FIB_NEXT_MIDCHAIN);
    assert_int_equal(adj_at(a.i)->head.rewrite_next, test_family == IP_FAMILY_4 ? 209 : 309);
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 0);
    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, 1), iface(1)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 1);
    assert_int_equal(n, 1);
    assert_int_equal(through(&w, ip(51, 1, 1, 1), &n), 1);
    test_route(&w, T0, ip(10, 9, 0, 0), 16, FIB_SOURCE_CLI, path_via(ip(2, 2, 2, 2), iface(2)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 2);
    w.mtu[7] = 1400;
    fib_interface_changed(w.f, iface(7));
    assert_int_equal(adj_at(a.i)->head.mtu, 1400 - test_family);
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_MIDCHAIN);
    /* another end */
    const struct encap *old = t.encap;
    struct fib_track_index old_track = t.track;
    t.track = track(&w, ip(60, 0, 0, 1), NULL, NULL);
    t.encap = encap_to(&w, t.track);
    fib_interface_changed(w.f, iface(7));
    encap_free(w.f, old);
    fib_untrack(w.f, old_track);
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 0);
    test_route(&w, T0, ip(60, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(3, 3, 3, 3), iface(3)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 3);
    /* the link is nobody's any more: what goes there goes as it is */
    tunnel_close(&t);
    w.no_ethernet[7] = true;
    fib_interface_changed(w.f, iface(7));
    assert_int_equal(adj_at(a.i)->head.kind, ADJ_KIND_REWRITE);
    test_world_end(&w);
}

static void a_tunnel_through_itself_drops(void **state)
{
    struct test_world w;
    struct tunnel t;
    u32 n;
    test_world_open(&w);
    tunnel_open(&w, &t, 7, ip(10, 9, 9, 9));
    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, 1), iface(1)));
    test_route(&w, T0, ip(50, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(7)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 1);
    /* its end is behind it: by a next hop, by the link itself, and through a next hop behind it */
    test_route(&w, T0, ip(10, 9, 0, 0), 16, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(7)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 0);
    assert_int_equal(n, 1);
    attach(&w, T0, ip(10, 9, 0, 0), 16, 7);
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 0);
    test_route(&w, T0, ip(10, 9, 0, 0), 16, FIB_SOURCE_CLI, path_via(ip(50, 7, 7, 7), IF_NONE));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 0);
    del_route(&w, T0, ip(10, 9, 0, 0), 16, FIB_SOURCE_CLI);
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 1);
    tunnel_close(&t);
    test_world_end(&w);
}

/* The route is there first, and the link becomes a tunnel to where it leads. */
static void a_circle_that_a_tunnel_closes(void **state)
{
    struct test_world w;
    struct tunnel t;
    u32 n;
    test_world_open(&w);
    w.no_ethernet[7] = true;
    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(7)));
    u32 calls = 0;
    struct fib_track_index end = track(&w, ip(10, 9, 9, 9), count_call, &calls);
    assert_int_equal(end_of(fib_track_lb(w.f, end)), 7);
    tunnel_open(&w, &t, 7, ip(10, 9, 9, 9));
    assert_int_equal(through(&w, ip(10, 1, 1, 1), &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(end_of(fib_track_lb(w.f, end)), 0);
    assert_int_equal(calls, 1);
    tunnel_close(&t);
    w.no_ethernet[7] = true;
    assert_int_equal(end_of(fib_track_lb(w.f, end)), 7);
    fib_untrack(w.f, end);
    test_world_end(&w);
}

static void tunnels_through_each_other(void **state)
{
    struct test_world w;
    struct tunnel t, u;
    u32 n;
    test_world_open(&w);
    test_route(&w, T0, ip(10, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, 1), iface(1)));
    tunnel_open(&w, &t, 6, ip(10, 6, 6, 6));
    tunnel_open(&w, &u, 7, ip(20, 7, 7, 7));
    test_route(&w, T0, ip(20, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(6)));
    test_route(&w, T0, ip(50, 0, 0, 0), 8, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(7)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 1);
    assert_int_equal(n, 2); /* one in the other */
    test_route(&w, T0, ip(10, 6, 0, 0), 16, FIB_SOURCE_CLI, path_via(ip(0, 0, 0, 1), iface(7)));
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 0);
    del_route(&w, T0, ip(10, 6, 0, 0), 16, FIB_SOURCE_CLI);
    assert_int_equal(through(&w, ip(50, 1, 1, 1), &n), 1);
    tunnel_close(&u);
    tunnel_close(&t);
    test_world_end(&w);
}

static void bad_headers_are_refused(void **state)
{
    struct test_world w;
    struct error e = {0};
    const struct encap *out;
    u8 header[60] = {0x45};
    test_world_open(&w);
    struct fib_track_index t = track(&w, ip(10, 9, 9, 9), NULL, NULL);
    struct encap_args args = {.track = t, .header = header, .len = 19};
    assert_int_equal(encap_new(w.f, &args, &out, &e), -EINVAL);
    args.len = ENCAP_BYTES_MAX + 1;
    assert_int_equal(encap_new(w.f, &args, &out, &e), -EINVAL);
    args.len = 24;
    header[9] = 17; /* UDP that is cut */
    assert_int_equal(encap_new(w.f, &args, &out, &e), -EINVAL);
    header[0] = 0x60;
    header[6] = 43; /* an extension that reaches beyond the end */
    header[41] = 3;
    args.len = 60;
    assert_int_equal(encap_new(w.f, &args, &out, &e), -EINVAL);
    header[0] = 0x46;
    assert_int_equal(encap_new(w.f, &args, &out, &e), -EINVAL);
    fib_untrack(w.f, t);
    test_world_end(&w);
}

/* --- attached routes of other tables --- */

static struct fib_index table_of(const struct piste *p, enum ip_family family, struct if_index i)
{
    static const struct fib_index none = {UINT32_MAX};
    const struct test_world *w = (const struct test_world *)p;
    return i.i < TEST_IFS ? w->tables[i.i][family] : none;
}

static void import_world(struct test_world *w)
{
    test_world_open(w);
    w->f->piste = (struct piste *)w; /* all that is done with it is to hand it on */
    for (u32 i = 0; i < TEST_IFS; i++)
        w->tables[i][test_family] = T0;
    fib_set_table_of(w->f, table_of);
    test_connect(w, T0, ip(10, 1, 1, 0), 24, 1);
    own_address(w, T0, ip(10, 1, 1, 1), 1);
}

static void an_attached_route_brings_what_its_link_has(void **state)
{
    struct test_world w;
    import_world(&w);
    struct fib_index t = new_table(&w, 10);
    test_route(&w, T0, ip(10, 1, 1, 7), 32, FIB_SOURCE_ADJ, path_via(ip(10, 1, 1, 7), iface(1)));
    attach(&w, t, ip(10, 1, 1, 0), 24, 1);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_RECEIVE);
    assert_int_equal(test_resolve(&w, t, ip(10, 1, 1, 7)).i,
                     test_neighbor(&w, ip(10, 1, 1, 7), 1).i);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 8)), ADJ_KIND_GLEAN);
    /* what comes, and goes, later */
    test_route(&w, T0, ip(10, 1, 1, 8), 32, FIB_SOURCE_ADJ, path_via(ip(10, 1, 1, 8), iface(1)));
    own_address(&w, T0, ip(10, 1, 1, 2), 1);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 8)), ADJ_KIND_INCOMPLETE);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 2)), ADJ_KIND_RECEIVE);
    del_route(&w, T0, ip(10, 1, 1, 7), 32, FIB_SOURCE_ADJ);
    del_route(&w, T0, ip(10, 1, 1, 2), 32, FIB_SOURCE_INTERFACE);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 7)), ADJ_KIND_GLEAN);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 2)), ADJ_KIND_GLEAN);
    /* a neighbour that is none any more, since its subnet went to another link */
    test_connect(&w, T0, ip(10, 1, 1, 8), 31, 2);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 8)), ADJ_KIND_GLEAN);
    /* what the user says of the address in that table stands */
    test_route(&w, t, ip(10, 1, 1, 1), 32, FIB_SOURCE_CLI, path_via(ip(3, 3, 3, 3), iface(3)));
    assert_int_equal(adj_at(test_resolve(&w, t, ip(10, 1, 1, 1)).i)->tx_if.i, 3);
    del_route(&w, t, ip(10, 1, 1, 0), 24, FIB_SOURCE_CLI);
    del_route(&w, t, ip(10, 1, 1, 1), 32, FIB_SOURCE_CLI);
    assert_int_equal(fib_table_n_routes(w.f, t), TEST_FIXED);
    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    test_world_end(&w);
}

static void what_is_not_of_the_link_is_not_brought(void **state)
{
    struct test_world w;
    import_world(&w);
    struct fib_index t = new_table(&w, 10);
    own_address(&w, T0, ip(10, 1, 2, 1), 2);
    test_route(&w, T0, ip(10, 1, 3, 3), 32, FIB_SOURCE_CLI, path_via(ip(3, 3, 3, 3), iface(3)));
    attach(&w, t, ip(10, 1, 0, 0), 16, 1);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_RECEIVE);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 2, 1)), ADJ_KIND_GLEAN); /* the other link's */
    assert_int_equal(kind_of(&w, t, ip(10, 1, 3, 3)), ADJ_KIND_GLEAN);
    /* two of them over one address: it goes with the last */
    attach(&w, t, ip(10, 1, 1, 0), 24, 1);
    del_route(&w, t, ip(10, 1, 0, 0), 16, FIB_SOURCE_CLI);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_RECEIVE);
    del_route(&w, t, ip(10, 1, 1, 0), 24, FIB_SOURCE_CLI);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), adj_at(test_miss().i)->head.kind);
    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    test_world_end(&w);
}

static void imports_follow_the_table_of_the_interface(void **state)
{
    struct test_world w;
    import_world(&w);
    struct fib_index t = new_table(&w, 10);
    attach(&w, t, ip(10, 1, 1, 0), 24, 1);
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_RECEIVE);
    w.tables[1][test_family] = t; /* it is in that table itself now */
    fib_table_of_changed(w.f, iface(1));
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_GLEAN);
    w.tables[1][test_family] = T0;
    fib_table_of_changed(w.f, iface(1));
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_RECEIVE);
    w.present[1] = false;
    fib_interface_deleted(w.f, iface(1));
    assert_int_equal(kind_of(&w, t, ip(10, 1, 1, 1)), ADJ_KIND_DROP);
    w.present[1] = true;
    fib_table_flush(w.f, t, FIB_SOURCE_CLI);
    assert_int_equal(fib_table_n_routes(w.f, t), TEST_FIXED);
    /* the table goes while it imports */
    own_address(&w, T0, ip(10, 1, 1, 1), 1);
    attach(&w, t, ip(10, 1, 1, 0), 24, 1);
    fib_table_unlock(w.f, t, FIB_SOURCE_CLI);
    assert_true(fib_is_none(fib_table_find(w.f, test_family, 10)));
    test_world_end(&w);
}

/* --- what hangs on an interface --- */

/* An event of one looks at its own alone. */
static void events_cost_what_the_interface_has(void **state)
{
    struct test_world w;
    struct error e = {0};
    test_world_open(&w);
    for (u32 i = 0; i < 500; i++) {
        u32 if_no = 1 + i % 7;
        test_route(&w, T0, ip(30, i >> 8, i & 255, 0), 24, FIB_SOURCE_CLI,
                   path_via(ip(1, 1, i >> 8, i & 255), iface(if_no)));
    }
    u32 n_adjs = 0, n_paths = 0;
    for (u32 a = fib_if_at(w.f, iface(3))->adjs - 1; a != NONE; a = adj_info_at(w.f, a)->if_next) {
        assert_int_equal(adj_at(a)->tx_if.i, 3);
        n_adjs++;
    }
    for (u32 k = fib_if_at(w.f, iface(3))->paths - 1; k != NONE; k = path_at(w.f, k)->if_next) {
        assert_int_equal(path_at(w.f, k)->cfg.interface.i, 3);
        n_paths++;
    }
    assert_int_equal(n_adjs, 500 / 7 + 1);
    assert_int_equal(n_paths, 500 / 7 + 1);
    w.present[3] = false;
    fib_interface_deleted(w.f, iface(3));
    w.present[3] = true;
    assert_false(fib_if_at(w.f, iface(3))->adjs || fib_if_at(w.f, iface(3))->paths);
    for (u32 i = 0; i < 500; i++) {
        u32 a = test_resolve(&w, T0, ip(30, i >> 8, i & 255, 9)).i;
        assert_int_equal(adj_at(a)->tx_if.i, i % 7 == 2 ? IF_NONE.i : 1 + i % 7);
    }
    /* a new one of that index has nothing to do with those */
    struct fib_path path = path_via(ip(1, 1, 0, 2), iface(3));
    assert_int_equal(
        fib_route_update(w.f, T0, prefix(ip(31, 0, 0, 0), 8), FIB_SOURCE_CLI, &path, 1, &e), 0);
    assert_int_equal(adj_at(test_resolve(&w, T0, ip(31, 1, 1, 1)).i)->tx_if.i, 3);
    assert_int_equal(test_resolve(&w, T0, ip(30, 0, 2, 9)).i, ADJ_DROP.i);
    test_world_end(&w);
}

/* A path that is added to a route brings those that it has along: one of them may be dead. */
static void a_dead_path_that_is_given_again_hangs_on_nothing(void **state)
{
    struct test_world w;
    struct error e = {0};
    struct fib_path paths[2] = {path_via(ip(1, 1, 1, 1), iface(1)),
                                path_via(ip(2, 2, 2, 2), iface(2))},
                    third = path_via(ip(2, 2, 2, 3), iface(2));
    struct fib_route r;
    test_world_open(&w);
    struct ip_prefix to = prefix(ip(30, 0, 0, 0), 8);
    assert_int_equal(fib_route_update(w.f, T0, to, FIB_SOURCE_CLI, paths, 2, &e), 0);
    w.present[1] = false;
    fib_interface_deleted(w.f, iface(1));
    assert_int_equal(fib_route_path_add(w.f, T0, to, FIB_SOURCE_CLI, &third, 1, &e), 0);
    assert_true(fib_lookup_exact(w.f, T0, to, &r));
    assert_int_equal(fib_route_paths(w.f, r.lb, FIB_SOURCE_CLI, paths, 2), 3);
    assert_true(paths[0].flags & FIB_PATH_DEAD);
    assert_int_equal(fib_if_at(w.f, iface(1))->paths, 0);
    assert_int_not_equal(test_resolve(&w, T0, ip(30, 1, 1, 1)).i, ADJ_DROP.i);
    /* a new interface of that index has its own paths only */
    w.present[1] = true;
    assert_int_equal(fib_route_delete(w.f, T0, to, FIB_SOURCE_CLI, &e), 0);
    for (u32 i = 0; i < 4; i++)
        test_route(&w, T0, ip(31, i, 0, 0), 16, FIB_SOURCE_CLI, path_via(ip(1, 1, 1, i), iface(1)));
    u32 n = 0;
    for (u32 k = fib_if_at(w.f, iface(1))->paths - 1; k != NONE && n <= 4;
         k = path_at(w.f, k)->if_next)
        n++;
    assert_int_equal(n, 4);
    test_world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tracked_address_is_followed),
        cmocka_unit_test(those_who_follow_are_found_among_many),
        cmocka_unit_test(who_is_told_may_change_routes),
        cmocka_unit_test(paths_without_a_prefix),
        cmocka_unit_test(a_tunnel_follows_the_way_to_its_end),
        cmocka_unit_test(a_tunnel_through_itself_drops),
        cmocka_unit_test(a_circle_that_a_tunnel_closes),
        cmocka_unit_test(tunnels_through_each_other),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(an_attached_route_brings_what_its_link_has),
        cmocka_unit_test(what_is_not_of_the_link_is_not_brought),
        cmocka_unit_test(imports_follow_the_table_of_the_interface),
        cmocka_unit_test(events_cost_what_the_interface_has),
        cmocka_unit_test(a_dead_path_that_is_given_again_hangs_on_nothing),
    };
    return TEST_RUN_BOTH(tests);
}
