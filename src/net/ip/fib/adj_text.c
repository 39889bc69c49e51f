/* Adjacencies in VPP's words. */
#include "base/text.h"
#include "net/ip/fib/encap.h"
#include "net/ip/fib/fib_internal.h"

static void add_address(const struct fib *f, u32 a, struct text *t)
{
    char address[IP_ADDRESS_TEXT_BYTES];
    text_puts(t,
              ip_address_text((enum ip_family)adj_info_at(f, a)->family, adj_address(a), address));
}

static void add_interface(const struct fib *f, u32 a, const char *before, struct text *t)
{
    struct fib_interface i;
    if (f->ops.interface(f->ops.ctx, adj_at(a)->tx_if, &i))
        text_add(t, "%s%s", before, i.name);
}

static void add_bytes(const void *bytes, u32 n, struct text *t)
{
    for (u32 k = 0; k < n; k++)
        text_add(t, "%02x", ((const u8 *)bytes)[k]);
}

/* "host-a: mtu:9000 next:3 flags:[] 02fe.." */
static void add_rewrite(const struct fib *f, u32 a, struct text *t)
{
    const struct adj *adj = adj_at(a);
    const struct encap *e = adj_info_at(f, a)->encap;
    struct fib_interface i;
    bool known = f->ops.interface(f->ops.ctx, adj->tx_if, &i);
    text_add(t, "%s: mtu:%u next:%u flags:[] ", known ? i.name : "DELETED", adj->head.mtu,
             adj->head.rewrite_next);
    if (e)
        add_bytes(e->header, e->len, t);
    else
        add_bytes(adj->rewrite, adj->head.rewrite_len, t);
}

static void add_neighbor(const struct fib *f, u32 a, struct text *t)
{
    text_puts(t, "via ");
    add_address(f, a, t);
    text_putc(t, ' ');
    add_rewrite(f, a, t);
}

/* What stands in VPP's words for a protocol. */
static const char *const short_names[IP_FAMILY_N] = {"ip4", "ip6"};
static const char *const long_names[IP_FAMILY_N] = {"ipv4", "ipv6"};

/* Those that are the same for packets of both. */
static void describe_special(enum adj_kind kind, enum ip_family family, struct text *t)
{
    const char *name = short_names[family];
    if (kind == ADJ_KIND_PUNT)
        text_add(t, "dpo-punt %s", name);
    else if (kind == ADJ_KIND_UNREACHABLE)
        text_add(t, "ip-null: %s action:send-unreach", name);
    else if (kind == ADJ_KIND_PROHIBIT)
        text_add(t, "ip-null: %s action:send-prohibit", name);
    else
        text_add(t, "dpo-drop %s", name);
}

void adj_describe(const struct fib *f, struct adj_index index, enum ip_family family,
                  struct text *t)
{
    u32 a = index.i;
    const struct adj *adj = adj_at(a);
    const struct adj_info *info = adj_info_at(f, a);

    switch (info->kind == ADJ_KIND_CLASSIFY ? ADJ_KIND_CLASSIFY : (enum adj_kind)adj->head.kind) {
    case ADJ_KIND_RECEIVE:
        text_puts(t, "dpo-receive");
        if (if_is_none(adj->tx_if))
            break;
        text_puts(t, ": ");
        add_address(f, a, t);
        add_interface(f, a, " on ", t);
        break;
    case ADJ_KIND_INCOMPLETE:
        text_add(t, "arp-%s: via ", long_names[info->link]);
        add_address(f, a, t);
        add_interface(f, a, " ", t);
        break;
    case ADJ_KIND_REWRITE:
        text_add(t, "%s ", long_names[info->link]);
        add_neighbor(f, a, t);
        break;
    case ADJ_KIND_MIDCHAIN:
        text_add(t, "%s ", long_names[info->link]);
        add_neighbor(f, a, t);
        text_add(t, " stacked-on entry:%u", info->encap->lb);
        break;
    case ADJ_KIND_GLEAN:
        text_add(t, "%s-glean: [src:", long_names[info->link]);
        add_address(f, a, t);
        text_add(t, "/%u] ", info->prefix_len);
        add_rewrite(f, a, t);
        break;
    case ADJ_KIND_MCAST:
        text_add(t, "%s-mcast: ", long_names[info->link]);
        add_rewrite(f, a, t);
        break;
    case ADJ_KIND_LB:
        text_add(t, "dpo-load-balance: [proto:%s index:%u]", short_names[info->link],
                 (u32)adj->data);
        break;
    case ADJ_KIND_PATH_MTU:
        text_add(t, "pmtu-dpo: [proto:%s index:%u mtu:%u]", short_names[info->link], (u32)adj->data,
                 adj->head.mtu);
        break;
    case ADJ_KIND_LOOKUP:
    case ADJ_KIND_LOOKUP_SRC:
        text_add(t, "%s-address,unicast lookup in %s",
                 adj->head.kind == ADJ_KIND_LOOKUP ? "dst" : "src",
                 fib_table_name(f, (struct fib_index){(u32)adj->data}));
        break;
    case ADJ_KIND_INTERFACE_RX:
        text_add(t, "interface-rx-dpo-%s:", short_names[info->link]);
        add_interface(f, a, " ", t);
        break;
    case ADJ_KIND_CLASSIFY:
        text_add(t, "%s-classify:[%u]:table:%u", short_names[info->link], a, (u32)adj->data);
        break;
    case ADJ_KIND_CUSTOM:
        info->describe(f->piste, adj->data, t);
        break;
    case ADJ_KIND_DROP:
    case ADJ_KIND_NO_ROUTE:
    case ADJ_KIND_PUNT:
    case ADJ_KIND_UNREACHABLE:
    case ADJ_KIND_PROHIBIT:
    case ADJ_KIND_N:
        describe_special((enum adj_kind)adj->head.kind, family, t);
        break;
    }
}
