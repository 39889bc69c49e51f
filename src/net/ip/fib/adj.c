/* Adjacencies. The line that data threads read changes in place: rewrite bytes first, then the head
 * word that says what they are for. A neighbour's address is within one aligned word of the
 * rewrite, so that a packet leaves with the old one or the new one, never with a mixture. */
#include <errno.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/text.h"
#include "net/ip/fib/fib_internal.h"

struct adj *adj_base;

#define ETHERTYPE_IP4 0x0800
#define ETHERTYPE_ARP 0x0806

struct adj_key {
    u32 kind;
    struct if_index interface;
    be32 addr; /* raw: the table of a lookup */
    u32 len;   /* of a glean's subnet; else 0 */
};

static struct adj_info *info_at(const struct fib *f, u32 a)
{
    return &f->adj_info[a];
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

static u32 adj_new(struct fib *f, enum adj_kind kind)
{
    u32 a = pool_get(&f->adjs);
    if (a == POOL_NONE)
        return NONE;
    if (f->ops.adj_new)
        f->ops.adj_new(f->ops.ctx, a);
    *info_at(f, a) = (struct adj_info){.refs = 1, .kind = (u8)kind};
    adj_rw(a)->tx_if = IF_NONE;
    return a;
}

static void adj_special(struct fib *f, u32 index, enum adj_kind kind, u16 next)
{
    u32 a = adj_new(f, kind);
    assert(a == index);
    head_set(a, head_make(kind, next, 0, 0, UINT16_MAX));
}

void adj_init(struct fib *f)
{
    pool_init(&f->adjs, "adjacencies", sizeof(struct adj), CACHE_LINE_BYTES, FIB_ADJS_MAX);
    adj_base = (struct adj *)f->adjs.base;
    struct error e = {0};
    if (mem_map_new(&f->adj_info_map, "adjacencies, control",
                    (u64)FIB_ADJS_MAX * sizeof(struct adj_info), (struct mem_page_size){0}, false,
                    &e))
        panic("%s", e.text);
    f->adj_info = f->adj_info_map.base;
    hash_init(&f->adj_by_key, sizeof(struct adj_key));

    adj_special(f, ADJ_DROP.i, ADJ_KIND_DROP, FIB_NEXT_DROP);
    adj_special(f, ADJ_PUNT.i, ADJ_KIND_PUNT, FIB_NEXT_PUNT);
    adj_special(f, ADJ_UNREACHABLE.i, ADJ_KIND_UNREACHABLE, FIB_NEXT_NULL);
    adj_special(f, ADJ_PROHIBIT.i, ADJ_KIND_PROHIBIT, FIB_NEXT_NULL);
    adj_special(f, ADJ_RECEIVE.i, ADJ_KIND_RECEIVE, FIB_NEXT_RECEIVE);
}

void adj_fini(struct fib *f)
{
    hash_fini(&f->adj_by_key);
    mem_map_free(&f->adj_info_map);
    pool_fini(&f->adjs);
    adj_base = NULL;
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
    const struct adj *adj = adj_rw(a);
    const struct adj_info *info = info_at(f, a);
    struct adj_key key = {info->kind, adj->tx_if, adj->next_hop, info->prefix_len};
    if (info->kind == ADJ_KIND_LOOKUP)
        key.addr.raw = (u32)adj->data;
    return key;
}

static u32 adj_add(struct fib *f, const struct adj_key *key)
{
    u32 a = adj_new(f, key->kind);
    if (a == NONE)
        return NONE;
    adj_rw(a)->tx_if = key->interface;
    adj_rw(a)->next_hop = key->addr;
    info_at(f, a)->prefix_len = (u8)key->len;
    hash_set(&f->adj_by_key, key, a);
    return a;
}

void adj_ref(struct fib *f, u32 a)
{
    info_at(f, a)->refs++;
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
    struct adj_key key = adj_key_of(f, a);
    u32 there;
    if (adj_find(f, &key, &there) && there == a)
        hash_del(&f->adj_by_key, &key);
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

/* --- neighbours --- */

/* Writes what data threads see of a neighbour, by what is known of it and its interface. */
static void neighbor_publish(struct fib *f, u32 a)
{
    struct adj_info *info = info_at(f, a);
    struct fib_interface i;
    static const u8 unknown[6];
    u8 bytes[ADJ_REWRITE_BYTES_MAX] = {0};

    if (!f->ops.interface(f->ops.ctx, adj_rw(a)->tx_if, &i)) {
        head_set(a, head_make(ADJ_KIND_DROP, FIB_NEXT_DROP, 0, 0, UINT16_MAX));
        return;
    }
    if (i.ethernet && !memcmp(info->mac, unknown, 6)) {
        /* the old rewrite stays for packets on their way */
        u8 len = adj_rw(a)->head.rewrite_len;
        head_set(a, head_make(ADJ_KIND_INCOMPLETE, FIB_NEXT_ARP, len, i.rewrite_next, i.mtu));
        return;
    }
    u8 len = rewrite_make(bytes, &i, info->mac, ETHERTYPE_IP4);
    rewrite_set(a, bytes);
    head_set(a, head_make(ADJ_KIND_REWRITE, FIB_NEXT_REWRITE, len, i.rewrite_next, i.mtu));
}

u32 adj_get_neighbor(struct fib *f, be32 next_hop, struct if_index i)
{
    struct adj_key key = {ADJ_KIND_REWRITE, i, next_hop, 0};
    u32 a;
    if (adj_find(f, &key, &a)) {
        adj_ref(f, a);
        return a;
    }
    a = adj_add(f, &key);
    if (a == NONE)
        return NONE;
    neighbor_publish(f, a);
    if (f->on_neighbor.fn)
        f->on_neighbor.fn(f->piste, (struct adj_index){a}, true, f->on_neighbor.arg);
    return a;
}

struct adj_index adj_neighbor_ref(struct fib *f, be32 next_hop, struct if_index i)
{
    return (struct adj_index){adj_get_neighbor(f, next_hop, i)};
}

struct adj_index adj_neighbor_find(const struct fib *f, be32 next_hop, struct if_index i)
{
    struct adj_key key = {ADJ_KIND_REWRITE, i, next_hop, 0};
    u32 a;
    return adj_find(f, &key, &a) ? (struct adj_index){a} : ADJ_NONE;
}

void adj_neighbor_set(struct fib *f, struct adj_index a, const u8 *mac)
{
    struct adj_info *info = info_at(f, a.i);
    if (info->kind != ADJ_KIND_REWRITE)
        return;
    if (mac)
        memcpy(info->mac, mac, 6);
    else
        memset(info->mac, 0, 6);
    neighbor_publish(f, a.i);
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
    struct fib_interface i;
    u8 bytes[ADJ_REWRITE_BYTES_MAX] = {0};
    if (!f->ops.interface(f->ops.ctx, adj_rw(a)->tx_if, &i)) {
        head_set(a, head_make(ADJ_KIND_DROP, FIB_NEXT_DROP, 0, 0, UINT16_MAX));
        return;
    }
    /* on a link without addresses everybody is reached at once */
    u8 len = rewrite_make(bytes, &i, broadcast, ETHERTYPE_ARP);
    rewrite_set(a, bytes);
    head_set(a, i.ethernet
                    ? head_make(ADJ_KIND_GLEAN, FIB_NEXT_GLEAN, len, i.rewrite_next, i.mtu)
                    : head_make(ADJ_KIND_REWRITE, FIB_NEXT_REWRITE, 0, i.rewrite_next, i.mtu));
}

u32 adj_get_glean(struct fib *f, struct if_index i, be32 addr, u8 len)
{
    struct adj_key key = {ADJ_KIND_GLEAN, i, addr, len};
    u32 a;
    if (adj_find(f, &key, &a)) {
        adj_ref(f, a);
        return a;
    }
    a = adj_add(f, &key);
    if (a != NONE)
        glean_publish(f, a);
    return a;
}

u32 adj_get_receive(struct fib *f, struct if_index i, be32 addr)
{
    struct adj_key key = {ADJ_KIND_RECEIVE, i, addr, 0};
    u32 a;
    if (adj_find(f, &key, &a)) {
        adj_ref(f, a);
        return a;
    }
    a = adj_add(f, &key);
    if (a != NONE)
        head_set(a, head_make(ADJ_KIND_RECEIVE, FIB_NEXT_RECEIVE, 0, 0, UINT16_MAX));
    return a;
}

u32 adj_get_lookup(struct fib *f, u32 table)
{
    struct adj_key key = {ADJ_KIND_LOOKUP, IF_NONE, {table}, 0};
    u32 a;
    if (adj_find(f, &key, &a)) {
        adj_ref(f, a);
        return a;
    }
    a = adj_add(f, &key);
    if (a == NONE)
        return NONE;
    adj_rw(a)->next_hop = (be32){0};
    adj_rw(a)->data = table;
    head_set(a, head_make(ADJ_KIND_LOOKUP, FIB_NEXT_LOOKUP, 0, 0, UINT16_MAX));
    return a;
}

u32 adj_get_lb(struct fib *f, u32 lb)
{
    u32 a = adj_new(f, ADJ_KIND_LB);
    if (a == NONE)
        return NONE;
    adj_rw(a)->data = lb;
    head_set(a, head_make(ADJ_KIND_LB, FIB_NEXT_LOAD_BALANCE, 0, 0, UINT16_MAX));
    return a;
}

struct adj_index adj_custom_new(struct fib *f, struct node_index node, struct if_index tx_if,
                                u64 data,
                                void (*describe)(const struct piste *p, u64 data, struct text *t))
{
    u32 a = adj_new(f, ADJ_KIND_CUSTOM);
    if (a == NONE)
        return ADJ_NONE;
    adj_rw(a)->tx_if = tx_if;
    adj_rw(a)->data = data;
    info_at(f, a)->describe = describe;
    u16 next = f->ops.lookup_edge(f->ops.ctx, node);
    head_set(a, head_make(ADJ_KIND_CUSTOM, next, 0, 0, UINT16_MAX));
    return (struct adj_index){a};
}

/* --- interfaces --- */

void adj_interface_changed(struct fib *f, struct if_index i)
{
    pool_each(&f->adjs, a)
    {
        if (!info_at(f, a)->refs || !if_equal(adj_rw(a)->tx_if, i))
            continue;
        if (info_at(f, a)->kind == ADJ_KIND_REWRITE)
            neighbor_publish(f, a);
        else if (info_at(f, a)->kind == ADJ_KIND_GLEAN)
            glean_publish(f, a);
    }
}

void adj_interface_deleted(struct fib *f, struct if_index i)
{
    pool_each(&f->adjs, a)
    {
        if (!info_at(f, a)->refs || !if_equal(adj_rw(a)->tx_if, i))
            continue;
        /* whoever gets this index next is not the same interface */
        struct adj_key key = adj_key_of(f, a);
        u32 there;
        if (adj_find(f, &key, &there) && there == a)
            hash_del(&f->adj_by_key, &key);
        head_set(a, head_make(ADJ_KIND_DROP, FIB_NEXT_DROP, 0, 0, UINT16_MAX));
        adj_rw(a)->tx_if = IF_NONE;
    }
}

/* --- text --- */

bool adj_is_used(const struct fib *f, struct adj_index a)
{
    return a.i < FIB_ADJS_MAX && pool_is_used(&f->adjs, a.i);
}

static void add_address(struct text *t, be32 a)
{
    const u8 *b = (const u8 *)&a;
    text_add(t, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

static void add_rewrite(const struct fib *f, u32 a, struct text *t)
{
    const struct adj *adj = adj_at(a);
    struct fib_interface i;
    bool known = f->ops.interface(f->ops.ctx, adj->tx_if, &i);
    text_add(t, "%s: mtu:%u next:%u flags:[] ", known ? i.name : "DELETED", adj->head.mtu,
             adj->head.rewrite_next);
    const u8 *bytes = (const u8 *)adj->rewrite;
    for (u32 k = 0; k < adj->head.rewrite_len; k++)
        text_add(t, "%02x", bytes[k]);
}

void adj_describe(const struct fib *f, struct adj_index index, struct text *t)
{
    u32 a = index.i;
    const struct adj *adj = adj_at(a);
    const struct adj_info *info = info_at(f, a);
    struct fib_interface i;

    switch ((enum adj_kind)adj->head.kind) {
    case ADJ_KIND_PUNT:
        text_puts(t, "dpo-punt ip4");
        break;
    case ADJ_KIND_UNREACHABLE:
        text_puts(t, "ip-null: ip4 action:send-unreach");
        break;
    case ADJ_KIND_PROHIBIT:
        text_puts(t, "ip-null: ip4 action:send-prohibit");
        break;
    case ADJ_KIND_RECEIVE:
        text_puts(t, "dpo-receive");
        if (f->ops.interface(f->ops.ctx, adj->tx_if, &i)) {
            text_puts(t, ": ");
            add_address(t, adj->next_hop);
            text_add(t, " on %s", i.name);
        }
        break;
    case ADJ_KIND_INCOMPLETE:
        text_puts(t, "arp-ipv4: via ");
        add_address(t, adj->next_hop);
        if (f->ops.interface(f->ops.ctx, adj->tx_if, &i))
            text_add(t, " %s", i.name);
        break;
    case ADJ_KIND_REWRITE:
        text_puts(t, "ipv4 via ");
        add_address(t, adj->next_hop);
        text_putc(t, ' ');
        add_rewrite(f, a, t);
        break;
    case ADJ_KIND_GLEAN:
        text_puts(t, "ipv4-glean: [src:");
        add_address(t, adj->next_hop);
        text_add(t, "/%u] ", info->prefix_len);
        add_rewrite(f, a, t);
        break;
    case ADJ_KIND_LB:
        text_add(t, "dpo-load-balance: [proto:ip4 index:%u]", (u32)adj->data);
        break;
    case ADJ_KIND_LOOKUP:
        text_add(t, "dst-address,unicast lookup in %s",
                 fib_table_name(f, (struct fib_index){(u32)adj->data}));
        break;
    case ADJ_KIND_CUSTOM:
        info->describe(f->piste, adj->data, t);
        break;
    case ADJ_KIND_DROP:
    case ADJ_KIND_N:
        text_puts(t, "dpo-drop ip4");
        break;
    }
}
