/* Adjacencies. The line that data threads read changes in place: rewrite bytes first, then the head
 * word that says what they are for. A neighbour's address is within one aligned word of the
 * rewrite, so that a packet leaves with the old one or the new one, never with a mixture. */
#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/text.h"
#include "net/ip/fib/encap.h"
#include "net/ip/fib/fib_internal.h"

struct adj *adj_base;
struct ip_address *adj_address_base;

#define ETHERTYPE_ARP 0x0806

static const u16 ethertypes[IP_FAMILY_N] = {0x0800, 0x86dd};

struct adj_key {
    struct link_host host;
    u8 kind, link, len; /* len: of a glean's subnet; else 0 */
    u8 spare;
    u32 number; /* of a lookup's table, or the classifier's */
};
static_assert(sizeof(struct adj_key) == 32, "no padding");

static struct adj_info *info_at(const struct fib *f, u32 a)
{
    return adj_info_at(f, a);
}

static struct adj_head head_make(enum adj_kind kind, u16 lookup_next, u8 rewrite_len,
                                 u16 rewrite_next, u16 mtu)
{
    return (struct adj_head){lookup_next, (u8)kind, rewrite_len, rewrite_next, mtu};
}

static void head_set(u32 a, struct adj_head head)
{
    u64 w;
    memcpy(&w, &head, sizeof(w));
    __atomic_store_n(&adj_rw(a)->head_word, w, __ATOMIC_RELEASE);
}

static void rewrite_set(u32 a, const u8 *bytes)
{
    for (u32 i = 0; i < ADJ_REWRITE_BYTES_MAX / 8; i++)
        __atomic_store_n(&adj_rw(a)->rewrite[i], load_u64(bytes + i * 8), __ATOMIC_RELAXED);
}

static u8 rewrite_make(u8 *bytes, const struct fib_interface *i, const u8 *dst, u16 ethertype)
{
    if (!i->ethernet)
        return 0;
    memcpy(bytes, dst, 6);
    memcpy(bytes + 6, i->mac, 6);
    memcpy(bytes + 12, i->tags, i->n_tags_bytes);
    put_be16(bytes + 12 + i->n_tags_bytes, ethertype);
    return (u8)(14 + i->n_tags_bytes);
}

u32 fib_link_header(const struct fib *f, struct if_index i, const u8 *dst, u16 ethertype,
                    u8 out[FIB_LINK_HEADER_BYTES_MAX])
{
    struct fib_interface it;
    return f->ops.interface(f->ops.ctx, i, &it) ? rewrite_make(out, &it, dst, ethertype) : 0;
}

/* --- making and freeing --- */

static u32 adj_new(struct fib *f, enum adj_kind kind, enum ip_family link)
{
    u32 a = pool_get(&f->adjs);
    if (a == POOL_NONE)
        return NONE;
    if (f->ops.adj_new)
        f->ops.adj_new(f->ops.ctx, a);
    *info_at(f, a) = (struct adj_info){.refs = 1, .kind = (u8)kind, .link = (u8)link};
    info_at(f, a)->if_next = info_at(f, a)->if_prev = NONE;
    adj_rw(a)->tx_if = IF_NONE;
    adj_address_base[a] = (struct ip_address){0};
    return a;
}

static void adj_special(struct fib *f, u32 index, enum adj_kind kind, u16 next)
{
    u32 a = adj_new(f, kind, IP_FAMILY_4);
    assert(a == index);
    head_set(a, head_make(kind, next, 0, 0, UINT16_MAX));
}

void adj_init(struct fib *f)
{
    pool_init(&f->adjs, "adjacencies", sizeof(struct adj), CACHE_LINE_BYTES, FIB_ADJS_MAX);
    adj_base = (struct adj *)f->adjs.base;
    f->adj_info = mem_reserve(&f->adj_info_map, "adjacencies, control",
                              (u64)FIB_ADJS_MAX * sizeof(struct adj_info));
    adj_address_base = mem_reserve(&f->adj_address_map, "adjacencies, addresses",
                                   (u64)FIB_ADJS_MAX * sizeof(struct ip_address));
    hash_init(&f->adj_by_key, sizeof(struct adj_key));

    adj_special(f, ADJ_DROP.i, ADJ_KIND_DROP, FIB_NEXT_DROP);
    adj_special(f, ADJ_PUNT.i, ADJ_KIND_PUNT, FIB_NEXT_PUNT);
    adj_special(f, ADJ_UNREACHABLE.i, ADJ_KIND_UNREACHABLE, FIB_NEXT_NULL);
    adj_special(f, ADJ_PROHIBIT.i, ADJ_KIND_PROHIBIT, FIB_NEXT_NULL);
    adj_special(f, ADJ_RECEIVE.i, ADJ_KIND_RECEIVE, FIB_NEXT_RECEIVE);
    adj_special(f, ADJ_NO_ROUTE.i, ADJ_KIND_NO_ROUTE, FIB_NEXT_NULL);
}

void adj_fini(struct fib *f)
{
    hash_fini(&f->adj_by_key);
    mem_map_free(&f->adj_info_map);
    mem_map_free(&f->adj_address_map);
    pool_fini(&f->adjs);
    adj_base = NULL;
    adj_address_base = NULL;
}

struct link_host adj_host(const struct fib *f, struct adj_index a)
{
    return (struct link_host){*adj_address(a.i), adj_at(a.i)->tx_if, info_at(f, a.i)->family};
}

static bool adj_find(const struct fib *f, const struct adj_key *key, u32 *a)
{
    u64 value;
    if (!hash_get(&f->adj_by_key, key, &value))
        return false;
    *a = (u32)value;
    return true;
}

static struct adj_key adj_key_of(const struct fib *f, u32 a)
{
    const struct adj_info *info = info_at(f, a);
    struct adj_key key = {.host = adj_host(f, (struct adj_index){a}),
                          .kind = info->kind,
                          .link = info->link,
                          .len = info->prefix_len};
    if (info->kind == ADJ_KIND_LOOKUP || info->kind == ADJ_KIND_LOOKUP_SRC ||
        info->kind == ADJ_KIND_CLASSIFY)
        key.number = (u32)adj_rw(a)->data;
    return key;
}

/* Among the adjacencies of its interface. */
static void adj_if_add(struct fib *f, u32 a)
{
    if (if_is_none(adj_rw(a)->tx_if))
        return;
    u32 *head = &fib_if_at(f, adj_rw(a)->tx_if)->adjs;
    info_at(f, a)->if_next = *head - 1;
    if (*head)
        info_at(f, *head - 1)->if_prev = a;
    *head = a + 1;
}

static void adj_if_del(struct fib *f, u32 a)
{
    const struct adj_info *info = info_at(f, a);
    if (if_is_none(adj_rw(a)->tx_if))
        return;
    if (info->if_prev != NONE)
        info_at(f, info->if_prev)->if_next = info->if_next;
    else
        fib_if_at(f, adj_rw(a)->tx_if)->adjs = info->if_next + 1;
    if (info->if_next != NONE)
        info_at(f, info->if_next)->if_prev = info->if_prev;
}

/* A reference to the adjacency of that key. *is_new: it is to be filled. NONE: no room. */
static u32 adj_get(struct fib *f, const struct adj_key *key, bool *is_new)
{
    u32 a;
    *is_new = false;
    if (adj_find(f, key, &a)) {
        adj_ref(f, a);
        return a;
    }
    a = adj_new(f, key->kind, (enum ip_family)key->link);
    if (a == NONE)
        return NONE;
    *is_new = true;
    adj_rw(a)->tx_if = key->host.interface;
    adj_rw(a)->data = key->host.family;
    adj_address_base[a] = key->host.addr;
    info_at(f, a)->family = (u8)key->host.family;
    info_at(f, a)->prefix_len = key->len;
    adj_if_add(f, a);
    hash_set(&f->adj_by_key, key, a);
    return a;
}

void adj_ref(struct fib *f, u32 a)
{
    info_at(f, a)->refs++;
}

static void forget_key(struct fib *f, u32 a)
{
    struct adj_key key = adj_key_of(f, a);
    u32 there;
    if (adj_find(f, &key, &there) && there == a)
        hash_del(&f->adj_by_key, &key);
}

void adj_put(struct fib *f, u32 a)
{
    if (a < ADJ_N_SPECIAL)
        return;
    struct adj_info *info = info_at(f, a);
    assert(info->refs);
    if (--info->refs)
        return;
    if (info->kind == ADJ_KIND_REWRITE && f->on_neighbor.fn && !f->stopping)
        f->on_neighbor.fn(f->piste, (struct adj_index){a}, false, f->on_neighbor.arg);
    if (info->kind == ADJ_KIND_CLASSIFY && f->classifier.release)
        f->classifier.release(f->piste, (u32)adj_at(a)->data);
    forget_key(f, a);
    adj_if_del(f, a);
    fib_limbo(f, LIMBO_ADJ, a, 0);
}

void adj_free_now(struct fib *f, u32 a)
{
    pool_put(&f->adjs, a);
}

void adj_unref(struct fib *f, struct adj_index a)
{
    adj_put(f, a.i);
}

bool adj_is_used(const struct fib *f, struct adj_index a)
{
    return a.i < FIB_ADJS_MAX && pool_is_used(&f->adjs, a.i);
}

/* What a neighbour takes of its link's. */
static u16 neighbor_mtu(const struct fib *f, u32 a, u16 mtu)
{
    struct link_host host = adj_host(f, (struct adj_index){a});
    u64 own;
    bool has_own = info_at(f, a)->kind == ADJ_KIND_REWRITE && f->mtu_by_neighbor.n_used &&
                   hash_get(&f->mtu_by_neighbor, &host, &own);
    return has_own ? (u16)min_u64(own, mtu) : mtu;
}

/* --- tunnels --- */

u32 adj_via(const struct fib *f, u32 a)
{
    const struct encap *e = info_at(f, a)->encap;
    return e ? e->via : NONE;
}

/* Writes what data threads see of an adjacency of a link without addresses. */
static void link_publish(struct fib *f, u32 a, const struct fib_interface *i)
{
    const struct adj_info *info = info_at(f, a);
    u8 link = info->link;
    u16 mtu = neighbor_mtu(f, a, i->mtu[link]);
    if (info->encap) {
        __atomic_store_n(&adj_rw(a)->data, (u64)(uintptr_t)info->encap, __ATOMIC_RELAXED);
        head_set(a,
                 head_make(ADJ_KIND_MIDCHAIN, FIB_NEXT_MIDCHAIN, 0, i->midchain_next[link], mtu));
    } else if (fib_if_at(f, adj_rw(a)->tx_if)->link) {
        head_set(a, head_make(ADJ_KIND_DROP, FIB_NEXT_DROP, 0, 0, UINT16_MAX));
    } else {
        /* everybody is reached at once */
        head_set(a, head_make(ADJ_KIND_REWRITE, FIB_NEXT_REWRITE, 0, i->rewrite_next[link], mtu));
    }
}

/* Its interface, when that has link-layer addresses; else what data threads see of a is written. */
static bool adj_has_ethernet(struct fib *f, u32 a, struct fib_interface *out)
{
    if (!f->ops.interface(f->ops.ctx, adj_rw(a)->tx_if, out))
        head_set(a, head_make(ADJ_KIND_DROP, FIB_NEXT_DROP, 0, 0, UINT16_MAX));
    else if (out->ethernet)
        return true;
    else
        link_publish(f, a, out);
    return false;
}

/* Asks whose link it is what to do with a. */
static void link_complete(struct fib *f, u32 a)
{
    const struct fib_if *fi = fib_if_at(f, adj_rw(a)->tx_if);
    if (!fi->link)
        return;
    f->completing++;
    fi->link(f->piste, (struct adj_index){a}, fi->link_arg);
    f->completing--;
}

void adj_midchain(struct fib *f, struct adj_index a, const struct encap *e)
{
    struct fib_interface i;
    struct adj_info *info = info_at(f, a.i);
    info->encap = e;
    if (f->ops.interface(f->ops.ctx, adj_rw(a.i)->tx_if, &i) && !i.ethernet)
        link_publish(f, a.i, &i);
    /* the way to its end may lead through it now, or no more */
    f->changed = true;
    fib_tell_changed(f);
    if (e)
        fib_queue(f, WORK_ENTRY, via_at(f, e->via)->entry);
    if (!f->completing) /* else whoever makes the adjacency does */
        fib_settle(f);
}

/* --- neighbours --- */

/* Writes what data threads see of a neighbour, by what is known of it and its interface. */
static void neighbor_write(struct fib *f, u32 a)
{
    struct adj_info *info = info_at(f, a);
    struct fib_interface i;
    static const u8 unknown[6];
    u8 bytes[ADJ_REWRITE_BYTES_MAX] = {0};
    if (!adj_has_ethernet(f, a, &i))
        return;
    u16 next = i.rewrite_next[info->link], mtu = neighbor_mtu(f, a, i.mtu[info->link]);
    if (!memcmp(info->mac, unknown, 6)) {
        /* the old rewrite stays for packets on their way */
        u8 len = adj_rw(a)->head.rewrite_len;
        head_set(a, head_make(ADJ_KIND_INCOMPLETE, FIB_NEXT_ARP, len, next, mtu));
        return;
    }
    u8 len = rewrite_make(bytes, &i, info->mac, ethertypes[info->link]);
    rewrite_set(a, bytes);
    head_set(a, head_make(ADJ_KIND_REWRITE, FIB_NEXT_REWRITE, len, next, mtu));
}

/* The same, and tells of it unless it is as it was: neighbours answer again and again. */
static void neighbor_publish(struct fib *f, u32 a)
{
    struct adj was = *adj_rw(a);
    neighbor_write(f, a);
    const struct adj *now = adj_rw(a);
    bool same =
        now->head_word == was.head_word && !memcmp(now->rewrite, was.rewrite, sizeof(was.rewrite));
    if (!same && f->ops.adj_changed)
        f->ops.adj_changed(f->ops.ctx, a);
}

u32 adj_get_neighbor(struct fib *f, const struct link_host *host, enum ip_family link)
{
    struct adj_key key = {.host = *host, .kind = ADJ_KIND_REWRITE, .link = (u8)link};
    bool is_new;
    u32 a = adj_get(f, &key, &is_new);
    if (!is_new)
        return a;
    neighbor_publish(f, a);
    link_complete(f, a);
    if (f->on_neighbor.fn)
        f->on_neighbor.fn(f->piste, (struct adj_index){a}, true, f->on_neighbor.arg);
    return a;
}

struct adj_index adj_neighbor_ref(struct fib *f, const struct link_host *host, enum ip_family link)
{
    return (struct adj_index){adj_get_neighbor(f, host, link)};
}

struct adj_index adj_neighbor_find(const struct fib *f, const struct link_host *host,
                                   enum ip_family link)
{
    struct adj_key key = {.host = *host, .kind = ADJ_KIND_REWRITE, .link = (u8)link};
    u32 a;
    return adj_find(f, &key, &a) ? (struct adj_index){a} : ADJ_NONE;
}

void adj_neighbor_set(struct fib *f, const struct link_host *host, const u8 *mac)
{
    static const u8 unknown[6];
    for (u32 link = 0; link < IP_FAMILY_N; link++) {
        struct adj_index a = adj_neighbor_find(f, host, (enum ip_family)link);
        if (a.i == ADJ_NONE.i)
            continue;
        memcpy(info_at(f, a.i)->mac, mac ? mac : unknown, 6);
        neighbor_publish(f, a.i);
    }
}

void adj_neighbor_set_mtu(struct fib *f, const struct link_host *host, u16 mtu)
{
    if (mtu)
        hash_set(&f->mtu_by_neighbor, host, mtu);
    else
        hash_del(&f->mtu_by_neighbor, host);
    for (u32 link = 0; link < IP_FAMILY_N; link++) {
        struct adj_index a = adj_neighbor_find(f, host, (enum ip_family)link);
        if (a.i != ADJ_NONE.i)
            neighbor_publish(f, a.i);
    }
}

void adj_on_neighbor(struct fib *f,
                     void (*fn)(struct piste *p, struct adj_index a, bool present, void *arg),
                     void *arg)
{
    f->on_neighbor.fn = fn;
    f->on_neighbor.arg = arg;
}

/* --- the other kinds --- */

static void glean_publish(struct fib *f, u32 a)
{
    static const u8 broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    u8 link = info_at(f, a)->link;
    struct fib_interface i;
    u8 bytes[ADJ_REWRITE_BYTES_MAX] = {0};
    if (!adj_has_ethernet(f, a, &i))
        return;
    u8 len =
        rewrite_make(bytes, &i, broadcast, link == IP_FAMILY_4 ? ETHERTYPE_ARP : ethertypes[link]);
    rewrite_set(a, bytes);
    head_set(a, head_make(ADJ_KIND_GLEAN, FIB_NEXT_GLEAN, len, i.rewrite_next[link], i.mtu[link]));
}

u32 adj_get_glean(struct fib *f, const struct link_host *subnet, u8 len, enum ip_family link)
{
    struct adj_key key = {.host = *subnet, .kind = ADJ_KIND_GLEAN, .link = (u8)link, .len = len};
    bool is_new;
    u32 a = adj_get(f, &key, &is_new);
    if (is_new) {
        glean_publish(f, a);
        link_complete(f, a);
    }
    return a;
}

/* The group's own bytes go over the last ones of the MAC address: by ip4-rewrite-mcast. */
static void mcast_publish(struct fib *f, u32 a)
{
    static const u8 macs[IP_FAMILY_N][6] = {{0x01, 0x00, 0x5e}, {0x33, 0x33}};
    u8 link = info_at(f, a)->link, bytes[ADJ_REWRITE_BYTES_MAX] = {0};
    struct fib_interface i;
    if (!adj_has_ethernet(f, a, &i))
        return;
    u8 len = rewrite_make(bytes, &i, macs[link], ethertypes[link]);
    rewrite_set(a, bytes);
    head_set(a, head_make(ADJ_KIND_MCAST, FIB_NEXT_MCAST, len, i.mcast_next[link], i.mtu[link]));
}

struct adj_index adj_mcast_ref(struct fib *f, struct if_index i, enum ip_family link)
{
    struct adj_key key = {
        .host = {.interface = i, .family = link}, .kind = ADJ_KIND_MCAST, .link = (u8)link};
    bool is_new;
    u32 a = adj_get(f, &key, &is_new);
    if (is_new) {
        mcast_publish(f, a);
        link_complete(f, a);
    }
    return (struct adj_index){a};
}

u32 adj_get_receive(struct fib *f, const struct link_host *own, enum ip_family link)
{
    struct adj_key key = {.host = *own, .kind = ADJ_KIND_RECEIVE, .link = (u8)link};
    bool is_new;
    u32 a = adj_get(f, &key, &is_new);
    if (is_new)
        head_set(a, head_make(ADJ_KIND_RECEIVE, FIB_NEXT_RECEIVE, 0, 0, UINT16_MAX));
    return a;
}

u32 adj_get_lookup(struct fib *f, enum adj_kind kind, u32 table)
{
    struct adj_key key = {.host.interface = IF_NONE, .kind = (u8)kind, .number = table};
    u16 next = kind == ADJ_KIND_LOOKUP ? FIB_NEXT_LOOKUP : FIB_NEXT_LOOKUP_SRC;
    key.link = (u8)fib_family((struct fib_index){table});
    bool is_new;
    u32 a = adj_get(f, &key, &is_new);
    if (!is_new)
        return a;
    adj_rw(a)->data = table;
    head_set(a, head_make(kind, next, 0, 0, UINT16_MAX));
    return a;
}

u32 adj_get_interface_rx(struct fib *f, struct if_index i, enum ip_family link)
{
    struct adj_key key = {.host.interface = i, .kind = ADJ_KIND_INTERFACE_RX, .link = (u8)link};
    bool is_new;
    u32 a = adj_get(f, &key, &is_new);
    if (is_new)
        head_set(a, head_make(ADJ_KIND_INTERFACE_RX, FIB_NEXT_INTERFACE_RX, 0, 0, UINT16_MAX));
    return a;
}

/* What is for this switch itself is so for all who ask: only its way leads through the node. */
u32 adj_get_classify(struct fib *f, u32 table, const struct link_host *own, enum ip_family link)
{
    struct adj_key key = {
        .host = *own, .kind = ADJ_KIND_CLASSIFY, .link = (u8)link, .number = table};
    enum adj_kind kind = if_is_none(own->interface) ? ADJ_KIND_CLASSIFY : ADJ_KIND_RECEIVE;
    bool is_new;
    if (!f->classifier.hold) /* the module is gone, and routes go */
        return ADJ_DROP.i;
    u32 a = adj_get(f, &key, &is_new);
    if (!is_new)
        return a;
    f->classifier.hold(f->piste, table);
    adj_rw(a)->data = table;
    u16 next = f->ops.lookup_edge(f->ops.ctx, link, f->classifier.node[link]);
    head_set(a, head_make(kind, next, 0, 0, UINT16_MAX));
    return a;
}

u32 adj_get_lb(struct fib *f, u32 lb)
{
    u32 a = adj_new(f, ADJ_KIND_LB, fib_entry_family(f, lb));
    if (a == NONE)
        return NONE;
    adj_rw(a)->data = lb;
    head_set(a, head_make(ADJ_KIND_LB, FIB_NEXT_LOAD_BALANCE, 0, 0, UINT16_MAX));
    return a;
}

u32 adj_get_path_mtu(struct fib *f, u32 lb, struct node_index node, u16 mtu)
{
    enum ip_family link = fib_entry_family(f, lb);
    u32 a = adj_new(f, ADJ_KIND_PATH_MTU, link);
    if (a == NONE)
        return NONE;
    adj_rw(a)->data = lb;
    u16 next = f->ops.lookup_edge(f->ops.ctx, link, node);
    head_set(a, head_make(ADJ_KIND_PATH_MTU, next, 0, 0, mtu));
    return a;
}

void adj_path_mtu_change(u32 a, u16 mtu)
{
    struct adj_head head = adj_at(a)->head;
    head.mtu = mtu;
    head_set(a, head);
}

struct adj_index adj_custom_new(struct fib *f, enum ip_family link, struct node_index node,
                                struct if_index tx_if, u64 data,
                                void (*describe)(const struct piste *p, u64 data, struct text *t))
{
    u32 a = adj_new(f, ADJ_KIND_CUSTOM, link);
    if (a == NONE)
        return ADJ_NONE;
    adj_rw(a)->tx_if = tx_if;
    adj_rw(a)->data = data;
    adj_if_add(f, a);
    info_at(f, a)->describe = describe;
    u16 next = f->ops.lookup_edge(f->ops.ctx, link, node);
    head_set(a, head_make(ADJ_KIND_CUSTOM, next, 0, 0, UINT16_MAX));
    return (struct adj_index){a};
}

/* --- interfaces --- */

void adj_interface_changed(struct fib *f, struct if_index i)
{
    for (u32 a = fib_if_at(f, i)->adjs - 1; a != NONE; a = info_at(f, a)->if_next) {
        if (info_at(f, a)->kind == ADJ_KIND_REWRITE)
            neighbor_publish(f, a);
        else if (info_at(f, a)->kind == ADJ_KIND_GLEAN)
            glean_publish(f, a);
        else if (info_at(f, a)->kind == ADJ_KIND_MCAST)
            mcast_publish(f, a);
        else
            continue;
        link_complete(f, a);
    }
}

void adj_interface_deleted(struct fib *f, struct if_index i)
{
    for (u32 a = fib_if_at(f, i)->adjs - 1, next; a != NONE; a = next) {
        next = info_at(f, a)->if_next;
        /* whoever gets this index next is not the same interface */
        forget_key(f, a);
        head_set(a, head_make(ADJ_KIND_DROP, FIB_NEXT_DROP, 0, 0, UINT16_MAX));
        adj_rw(a)->tx_if = IF_NONE;
        info_at(f, a)->encap = NULL;
        info_at(f, a)->if_next = info_at(f, a)->if_prev = NONE;
    }
    fib_if_at(f, i)->adjs = 0;
}

void fib_set_link(struct fib *f, struct if_index i,
                  void (*fn)(struct piste *p, struct adj_index a, void *arg), void *arg)
{
    fib_if_at(f, i)->link = fn;
    fib_if_at(f, i)->link_arg = arg;
    for (u32 a = fib_if_at(f, i)->adjs - 1; !fn && a != NONE; a = info_at(f, a)->if_next)
        info_at(f, a)->encap = NULL;
    f->changed = true; /* what was a circle may be none */
    fib_tell_changed(f);
    fib_interface_changed(f, i);
}
