/* Devices, addresses and routes of a real kernel, in namespaces of the test's own: what is asked
 * for happens, and is told. Without the right to make namespaces it is left out, and where qemu
 * stands between: it knows few of netlink's messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/privilege.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/piste.h"
#include "host/host_aside.h"
#include "host/host_ip.h"
#include "host/host_link.h"

#define KEPT 256

static struct piste p;
static struct host_net *net;
static bool able;

/* --- what was told --- */

static struct host_event kept[KEPT];
static u32 n_kept, n_lost;

static void on_event(void *arg, const struct host_event *ev)
{
    if (n_kept < KEPT)
        kept[n_kept++] = *ev;
}

static void on_lost(void *arg)
{
    n_lost++;
}

static struct host_listener listener = {
    .kinds = HOST_KINDS(HOST_LINK) | HOST_KINDS(HOST_ADDRESS) | HOST_KINDS(HOST_NEIGHBOR) |
             HOST_KINDS(HOST_ROUTE),
    .event = on_event,
    .lost = on_lost,
};

typedef bool condition(const struct host_event *ev, const void *what);

/* The first event of which it is true, from those told until now or soon. */
static const struct host_event *told(condition *is, const void *what)
{
    u64 give_up = clock_ns() + 5 * NS_PER_SEC;
    for (u32 i = 0;;) {
        for (; i < n_kept; i++)
            if (is(&kept[i], what))
                return &kept[i];
        if (clock_ns() > give_up)
            return NULL;
        loop_once(p.loop, 10);
    }
}

static int setup(void **state)
{
    struct error e;
    privilege_raise(PRIVILEGE_NAMESPACES); /* the test before may have put it aside */
    able = !getenv("PISTE_EMULATED") && !unshare(CLONE_NEWNET);
    memset(&p, 0, sizeof(p));
    p.loop = loop_new(&e);
    p.modules = modules_new(&p);
    if (modules_add(p.modules, &host_module, NULL, &e) || modules_init(p.modules, &e))
        return -1;
    net = host_net_open(&p, NULL, &e);
    n_kept = n_lost = 0;
    return net && !host_net_listen(net, &listener, &e) ? 0 : -1;
}

static int teardown(void **state)
{
    host_net_unlisten(net, &listener);
    host_net_close(net);
    modules_stop(p.modules);
    modules_free(p.modules);
    loop_free(p.loop);
    return 0;
}

/* A device, while the descriptor is open. */
static int tap(const char *name, struct host_link *l)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    struct error e;
    int fd = able ? open("/dev/net/tun", O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        skip();
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
    assert_int_equal(host_link_find(net, name, l, &e), 0);
    return fd;
}

/* --- tests --- */

static void devices_are_found(void **state)
{
    struct host_link l, again;
    struct error e;
    assert_int_equal(host_link_find(net, "lo", &l, &e), 0);
    assert_string_equal(l.name, "lo");
    assert_int_equal(host_link_get(net, l.index, &again, &e), 0);
    assert_string_equal(again.name, "lo");
    assert_true(again.has_counters);
    assert_int_equal(host_link_find(net, "nosuch", &l, &e), -ENODEV);
    assert_string_equal(e.text, "Invalid interface name: nosuch: No such device");
    assert_int_equal(host_link_find(net, "", &l, &e), -ENODEV);
    assert_int_equal(host_link_find(net, "a-name-that-is-too-long", &l, &e), -ENODEV);
    assert_int_equal(host_link_get(net, 12345, &l, &e), -ENODEV);
}

static bool link_is(const struct host_event *ev, const void *what)
{
    const struct host_link *l = what;
    return ev->kind == HOST_LINK && !ev->gone && ev->link.index == l->index &&
           ev->link.up == l->up && (!l->mtu || ev->link.mtu == l->mtu) &&
           !strcmp(ev->link.name, l->name) && !memcmp(ev->link.mac, l->mac, 6);
}

static bool link_gone(const struct host_event *ev, const void *what)
{
    const struct host_link *l = what;
    return ev->kind == HOST_LINK && ev->gone && ev->link.index == l->index;
}

static void devices_are_set_and_heard_of(void **state)
{
    static const u8 mac[] = {2, 1, 2, 3, 4, 5};
    struct host_link l, now;
    struct error e;
    int fd = tap("one", &l);
    assert_false(l.up);
    assert_string_equal(l.kind, "tun");
    assert_int_equal(host_link_set_mtu(net, l.index, 1400, &e), 0);
    assert_int_equal(host_link_set_mac(net, l.index, mac, &e), 0);
    assert_int_equal(host_link_set_queue_len(net, l.index, 77, &e), 0);
    assert_int_equal(host_link_set_name(net, l.index, "two", &e), 0);
    assert_int_equal(host_link_set_up(net, l.index, true, &e), 0);
    l.mtu = 1400;
    l.up = true;
    memcpy(l.mac, mac, 6);
    snprintf(l.name, sizeof(l.name), "two");
    assert_non_null(told(link_is, &l));
    assert_int_equal(host_link_find(net, "two", &now, &e), 0);
    assert_true(now.up && now.running && now.mtu == 1400);
    assert_int_equal(host_link_set_up(net, l.index, false, &e), 0);
    l.up = false;
    n_kept = 0;
    assert_non_null(told(link_is, &l));
    assert_int_equal(host_link_set_mtu(net, l.index, 1u << 30, &e), -EINVAL);
    assert_string_equal(e.text, "two: cannot set the device's MTU to 1073741824: Invalid argument");
    close(fd);
    assert_non_null(told(link_gone, &l));
    assert_int_equal(host_link_set_up(net, l.index, true, &e), -ENODEV);
}

static void ethtool_says_what_is_on(void **state)
{
    struct host_link l, lo;
    struct error e;
    int fd = tap("feat", &l);
    assert_int_equal(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4), 0);
    assert_int_equal(host_link_find(net, "lo", &lo, &e), 0);
    u32 f = host_link_features(net, l.index);
    assert_true((f & HOST_TX_CSUM) && (f & HOST_TSO4) && !(f & HOST_TSO6));
    assert_true(host_link_features(net, lo.index) & HOST_TSO6);
    assert_int_equal(host_link_features(net, 12345), 0);
    assert_int_equal(host_link_kbps(net, l.index), 10000000);
    assert_int_equal(host_link_kbps(net, lo.index), 0);
    close(fd);
}

static bool address_is(const struct host_event *ev, const void *what)
{
    return ev->kind == HOST_ADDRESS && !ev->gone && !memcmp(ev->address.addr, what, 4);
}

static bool route_is(const struct host_event *ev, const void *what)
{
    return ev->kind == HOST_ROUTE && !ev->gone && !memcmp(ev->route.dst, what, 4) &&
           ev->route.dst_len == 16;
}

static bool neighbor_is(const struct host_event *ev, const void *what)
{
    return ev->kind == HOST_NEIGHBOR && !memcmp(ev->neighbor.addr, what, 4);
}

static void add_neighbor(int index, const u8 addr[4], const u8 mac[6])
{
    struct host_request r;
    struct ndmsg *m = host_request_begin(&r, RTM_NEWNEIGH, NLM_F_CREATE, sizeof(*m));
    *m = (struct ndmsg){.ndm_family = AF_INET, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT};
    mnl_attr_put(r.h, NDA_DST, 4, addr);
    mnl_attr_put(r.h, NDA_LLADDR, 6, mac);
    assert_int_equal(host_request_send(net, &r), 0);
}

/* A route with two ways, as `ip route` makes it. */
static void add_two_ways(int index, const u8 dst[4], const u8 gateway[4])
{
    struct host_request r;
    struct rtmsg *m = host_request_begin(&r, RTM_NEWROUTE, NLM_F_CREATE, sizeof(*m));
    *m = (struct rtmsg){.rtm_family = AF_INET,
                        .rtm_dst_len = 16,
                        .rtm_table = RT_TABLE_MAIN,
                        .rtm_protocol = RTPROT_STATIC,
                        .rtm_type = RTN_UNICAST};
    mnl_attr_put(r.h, RTA_DST, 4, dst);
    struct nlattr *ways = mnl_attr_nest_start(r.h, RTA_MULTIPATH);
    for (u32 i = 0; i < 2; i++) {
        struct {
            struct rtnexthop head;
            struct nlattr attr;
            u8 gateway[4];
        } hop = {.head = {.rtnh_len = sizeof(hop), .rtnh_hops = (u8)(4 * i), .rtnh_ifindex = index},
                 .attr = {.nla_len = 8, .nla_type = RTA_GATEWAY}};
        memcpy(hop.gateway, gateway, 4);
        hop.gateway[3] = (u8)(gateway[3] + i);
        memcpy((u8 *)r.h + r.h->nlmsg_len, &hop, sizeof(hop));
        r.h->nlmsg_len += sizeof(hop);
    }
    mnl_attr_nest_end(r.h, ways);
    assert_int_equal(host_request_send(net, &r), 0);
}

static void addresses_and_routes(void **state)
{
    static const u8 own[] = {10, 1, 2, 3}, gateway[] = {10, 1, 2, 9}, dst[] = {20, 5, 0, 0};
    static const u8 many[] = {30, 5, 0, 0}, mac[] = {2, 0, 0, 0, 0, 7}, zero[16];
    static const u8 own6[16] = {0xfd, [15] = 1};
    struct host_link l;
    struct error e;
    int fd = tap("ip", &l);
    assert_int_equal(host_link_set_up(net, l.index, true, &e), 0);
    assert_int_equal(host_address_add(net, l.index, AF_INET, own, 24, &e), 0);
    assert_int_equal(host_address_add(net, l.index, AF_INET, own, 24, &e), 0); /* is there */
    assert_int_equal(host_address_add(net, l.index, AF_INET6, own6, 64, &e), 0);
    const struct host_event *ev = told(address_is, own);
    assert_non_null(ev);
    assert_true(ev->address.prefix_len == 24 && ev->address.index == l.index);
    assert_int_equal(host_route_set(net, AF_INET, dst, 16, gateway, 0, &e), 0);
    ev = told(route_is, dst);
    assert_non_null(ev);
    assert_int_equal(ev->route.n_hops, 1);
    assert_memory_equal(ev->route.hop[0].gateway, gateway, 4);
    assert_int_equal(ev->route.hop[0].index, l.index);
    assert_int_equal(host_route_set(net, AF_INET, zero, 0, gateway, 0, &e), 0);
    add_two_ways(l.index, many, gateway);
    ev = told(route_is, many);
    assert_non_null(ev);
    assert_int_equal(ev->route.n_hops, 2);
    assert_int_equal(ev->route.hop[1].weight, 5);
    assert_int_equal(ev->route.hop[1].gateway[3], 10);
    add_neighbor(l.index, gateway, mac);
    ev = told(neighbor_is, gateway);
    assert_non_null(ev);
    assert_true(ev->neighbor.has_mac && ev->neighbor.state == NUD_PERMANENT);
    assert_memory_equal(ev->neighbor.mac, mac, 6);
    assert_int_equal(host_route_del(net, AF_INET, dst, 16, &e), 0);
    assert_int_equal(host_route_del(net, AF_INET, dst, 16, &e), -ESRCH);
    assert_string_equal(e.text, "cannot delete the route to 20.5.0.0/16: No such process");
    assert_int_equal(host_address_del(net, l.index, AF_INET, own, 24, &e), 0);
    close(fd);
}

static bool is_last(const struct host_event *ev, const void *what)
{
    return ev->asked && ev->is_last;
}

static u32 n_of_kind(enum host_kind kind)
{
    u32 n = 0;
    for (u32 i = 0; i < n_kept; i++)
        n += kept[i].asked && !kept[i].is_last && kept[i].kind == kind;
    return n;
}

/* Two questions at once are answered one after the other. */
static void all_that_there_is(void **state)
{
    struct host_link l;
    struct error e;
    int fd = tap("asked", &l);
    assert_int_equal(host_link_set_up(net, l.index, true, &e), 0);
    static const u8 own[] = {10, 1, 2, 3};
    assert_int_equal(host_address_add(net, l.index, AF_INET, own, 24, &e), 0);
    loop_once(p.loop, 50);
    n_kept = 0;
    host_net_ask(net, &listener, HOST_LINK);
    host_net_ask(net, &listener, HOST_ADDRESS);
    assert_non_null(told(is_last, NULL));
    assert_in_range(n_of_kind(HOST_LINK), 2, 10);
    kept[n_kept - 1].is_last = false; /* the other one's */
    assert_non_null(told(is_last, NULL));
    assert_in_range(n_of_kind(HOST_ADDRESS), 1, 10);
    /* nobody is told any more */
    host_net_ask(net, &listener, HOST_LINK);
    host_net_unlisten(net, &listener);
    n_kept = 0;
    for (u32 i = 0; i < 20; i++)
        loop_once(p.loop, 1);
    assert_int_equal(n_kept, 0);
    assert_int_equal(host_net_listen(net, &listener, &e), 0);
    close(fd);
}

static void another_namespace(void **state)
{
    struct host_link l, there;
    struct error e;
    char path[64];
    int fd = tap("moves", &l), first = host_net_fd(net, &e);
    assert_true(first >= 0);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    int second = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(setns(first, CLONE_NEWNET), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", second);
    struct host_net *other = host_net_open(&p, path, &e), *same = host_net_open(&p, path, &e);
    assert_non_null(other);
    assert_ptr_equal(other, same);
    assert_ptr_not_equal(other, net);
    assert_int_equal(host_link_find(other, "moves", &there, &e), -ENODEV);
    assert_int_equal(host_link_move(net, l.index, other, NULL, &e), 0);
    assert_int_equal(host_link_find(other, "moves", &there, &e), 0);
    assert_non_null(told(link_gone, &l));
    assert_int_equal(if_nametoindex("moves"), 0);
    assert_int_equal(host_net_enter(other, &e), 0);
    assert_int_equal(if_nametoindex("moves"), there.index);
    host_net_leave(other);
    assert_int_equal(if_nametoindex("moves"), 0);
    host_net_close(same);
    assert_int_equal(host_link_find(other, "moves", &there, &e), 0);
    host_net_close(other);
    assert_null(host_net_open(&p, "no-such-namespace", &e));
    assert_null(host_net_open(&p, "pid:0", &e));
    close(fd);
    close(first);
    close(second);
}

static void too_many_at_once(void **state)
{
    struct host_link l;
    struct error e;
    int fd = tap("flood", &l);
    for (u32 i = 0; i < 6000; i++)
        assert_int_equal(host_link_set_mtu(net, l.index, 1000 + i % 2, &e), 0);
    u64 give_up = clock_ns() + 5 * NS_PER_SEC;
    while (!n_lost && clock_ns() < give_up)
        loop_once(p.loop, 10);
    assert_true(n_lost > 0);
    /* and it goes on */
    n_kept = 0;
    assert_int_equal(host_link_set_mtu(net, l.index, 1234, &e), 0);
    l.mtu = 1234;
    assert_non_null(told(link_is, &l));
    close(fd);
}

#define CLOSED 100
static int closed[CLOSED];

/* More than there may be threads at once, in part; what is given away is closed when host is gone.
 */
static void closing_aside(void **state)
{
    for (u32 i = 0; i < CLOSED; i++) {
        closed[i] = able ? socket(AF_PACKET, SOCK_RAW, 0) : socket(AF_INET, SOCK_DGRAM, 0);
        assert_true(closed[i] >= 0);
        host_close(&p, closed[i]);
    }
    host_close(&p, -1);
}

static int all_are_closed(void **state)
{
    int rc = teardown(state);
    for (u32 i = 0; i < CLOSED; i++)
        rc |= fcntl(closed[i], F_GETFD) != -1;
    return rc;
}

struct task {
    u32 worked, done;
};

static void work(void *arg)
{
    struct task *x = arg;
    usleep(1000);
    x->worked++;
}

static void is_done(void *arg)
{
    struct task *x = arg;
    if (x->worked == ++x->done && x->done == 1)
        host_aside(&p, work, is_done, x);
}

/* What is done comes to the loop, and may ask for more; at the end nothing is left out. */
static void work_aside(void **state)
{
    static struct task task[300], late[10];
    memset(task, 0, sizeof(task));
    for (u32 i = 0; i < array_len(task); i++)
        host_aside(&p, work, is_done, &task[i]);
    u64 give_up = clock_ns() + 20 * NS_PER_SEC;
    for (u32 i = 0; i < array_len(task) && clock_ns() < give_up;) {
        if (task[i].done == 2)
            i++;
        else
            loop_once(p.loop, 10);
    }
    for (u32 i = 0; i < array_len(task); i++)
        assert_true(task[i].worked == 2 && task[i].done == 2);
    memset(late, 0, sizeof(late));
    for (u32 i = 0; i < array_len(late); i++)
        host_aside(&p, work, is_done, &late[i]);
    host_net_unlisten(net, &listener);
    host_net_close(net);
    modules_stop(p.modules);
    for (u32 i = 0; i < array_len(late); i++)
        assert_true(late[i].worked == late[i].done && late[i].done);
    modules_free(p.modules);
    loop_free(p.loop);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(devices_are_found),
        TEST(devices_are_set_and_heard_of),
        TEST(ethtool_says_what_is_on),
        TEST(addresses_and_routes),
        TEST(all_that_there_is),
        TEST(another_namespace),
        TEST(too_many_at_once),
        cmocka_unit_test_setup_teardown(closing_aside, setup, all_are_closed),
        cmocka_unit_test_setup(work_aside, setup),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
