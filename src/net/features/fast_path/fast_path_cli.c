/* Commands of the fast path, and what startup.conf says of it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/out.h"
#include "control/module.h"
#include "engine/engine.h"
#include "net/features/fast_path/fast_path_internal.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_format.h"
#include "net/packet/ethernet_packet.h"
#include "net/packet/ip_address.h"

#define FLOWS_LEAST 64u
#define FLOWS_MOST (1u << 20)
#define HOLD_MOST_S 3600u

/* --- startup.conf --- */

const struct fast_path_settings fast_path_default_settings = {.wish = FAST_PATH_OFF,
                                                              .flows = 65536};

static int set_wish(struct cli_call *c)
{
    struct fast_path_settings *s = module_settings(c->piste, fast_path_module_name);
    s->wish = cli_has(c, "on") ? FAST_PATH_ON : cli_has(c, "auto") ? FAST_PATH_AUTO : FAST_PATH_OFF;
    return 0;
}

static int set_flows(struct cli_call *c)
{
    struct fast_path_settings *s = module_settings(c->piste, fast_path_module_name);
    u64 n = cli_u64(c, "n", s->flows);
    if (n < FLOWS_LEAST || n > FLOWS_MOST)
        return error_set(c->err, EINVAL, "flows: %u to %u", FLOWS_LEAST, FLOWS_MOST);
    s->flows = (u32)n;
    return 0;
}

static int set_hold(struct cli_call *c)
{
    struct fast_path_settings *s = module_settings(c->piste, fast_path_module_name);
    u64 n = cli_u64(c, "seconds", 0);
    if (n > HOLD_MOST_S)
        return error_set(c->err, EINVAL, "hold: at most %u seconds", HOLD_MOST_S);
    s->hold_s = (u32)n;
    return 0;
}

static int set_clsact(struct cli_call *c)
{
    struct fast_path_settings *s = module_settings(c->piste, fast_path_module_name);
    s->clsact = true;
    return 0;
}

static const struct config_key fast_path_keys[] = {
    {"off", "all packets pass the graph; so it is where nothing is said", set_wish},
    {"on", "what the graph does again and again between host interfaces is left to the kernel",
     set_wish},
    {"auto", "the same, and no warning where the kernel refuses", set_wish},
    {"flows <n:u32>", "how many entries there may be, 65536", set_flows},
    {"hold <seconds:u32>",
     "so long the kernel goes on with what it knows when the daemon ends, until it is back; 0: no "
     "longer",
     set_hold},
    {"clsact", "programs by traffic control, as on kernels before 6.6; a hold is always so",
     set_clsact},
    {NULL, NULL, NULL},
};

const struct config_section fast_path_sections[] = {{"fast-path", fast_path_keys}, {NULL, NULL}};

/* --- commands --- */

static int run_set(struct cli_call *c)
{
    return fast_path_set_on(c->piste, cli_has(c, "on"), c->err);
}

static int run_clear(struct cli_call *c)
{
    struct fast_path *s = fast_path_of(c->piste);
    if (s->on)
        fast_path_clear(s);
    return 0;
}

static void add_ip(struct text *t, const char *word, const struct fast_path_key *k, const u8 *a)
{
    text_add(t, " %s ", word);
    struct ip_address address = {0};
    char buf[IP_ADDRESS_TEXT_BYTES];
    enum ip_family f =
        be16_is(load_be16(k->ethernet + 12), ETHERTYPE_IP4) ? IP_FAMILY_4 : IP_FAMILY_6;
    memcpy(&address, a, f == IP_FAMILY_4 ? 4 : 16);
    text_puts(t, ip_address_text(f, &address, buf));
}

void fast_path_key_text(struct text *t, const struct fast_path_key *k)
{
    text_puts(t, "dmac ");
    ethernet_format_mac(t, k->ethernet);
    text_puts(t, " smac ");
    ethernet_format_mac(t, k->ethernet + 6);
    text_add(t, " type 0x%04x", be16_to_host(load_be16(k->ethernet + 12)));
    if (k->tpid.raw)
        text_add(t, " tag 0x%04x:%u", be16_to_host(k->tpid), k->tci & 0xfff);
    if (k->mask >= FAST_PATH_DST)
        add_ip(t, "dst", k, k->dst);
    if (k->mask < FAST_PATH_FLOW)
        return;
    add_ip(t, "src", k, k->src);
    text_add(t, " proto %u", k->proto_label & 0xff);
    if (k->mask == FAST_PATH_FLOW)
        text_add(t, " ports %u %u", be16_to_host(k->sport), be16_to_host(k->dport));
}

void fast_path_action_text(struct text *t, const struct fast_path_action *a)
{
    static const struct {
        u32 flag;
        const char *word;
    } words[] = {{FAST_PATH_POP, " pop"},
                 {FAST_PATH_TTL4 | FAST_PATH_TTL6, " hop"},
                 {FAST_PATH_ECHO4 | FAST_PATH_ECHO6, " echo"}};
    for (u32 i = 0; i < array_len(words); i++)
        if (a->flags & words[i].flag)
            text_puts(t, words[i].word);
    if (a->flags & FAST_PATH_PUSH)
        text_add(t, " push 0x%04x:%u", be16_to_host(a->tpid), a->tci & 0xfff);
    if (!(a->flags & FAST_PATH_MACS))
        return;
    text_puts(t, " dmac ");
    ethernet_format_mac(t, a->macs);
    text_puts(t, " smac ");
    ethernet_format_mac(t, a->macs + 6);
}

static void fast_path_show_entry(struct fast_path *s, struct out *o, u32 i)
{
    const struct fast_path_way *way = fast_path_way_of(s, i);
    const struct way_counts *n = &way->key.counts;
    struct text key = {0}, does = {0};
    struct fast_path_key k;
    u32 rx = n->n_rx ? n->n_rx - 1u : 0;
    fast_path_entry_key(s, i, &k);
    fast_path_key_text(&key, &k);
    fast_path_action_text(&does, &way->key.action);
    out_object(o, NULL);
    const struct interface *from = n->n_rx ? interface_at(s->piste, n->rx[rx]) : NULL;
    const struct interface *to = n->n_tx ? interface_at(s->piste, n->tx[0]) : NULL;
    out_str(o, "from", from ? from->name : "deleted", "%s");
    out_str(o, "key", text_str(&key), " %s");
    out_str(o, "to", to ? to->name : "deleted", "\n  to %s");
    out_str(o, "does", text_str(&does), "%s");
    out_u64(o, "packets", s->entries[i].packets, " packets %" PRIu64);
    out_u64(o, "age_s", fast_path_entry_age_s(s, i), " age %" PRIu64 "s\n");
    out_end(o);
    text_free(&key);
    text_free(&does);
}

/* Entries that are in use now. */
static int run_show_flows(struct cli_call *c)
{
    struct fast_path *s = fast_path_of(c->piste);
    u32 *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again)
        out_array(c->out, "flows");
    for (; *at < s->n_used; ++*at) {
        if (!fast_path_is_valid(s, *at))
            continue;
        if (cli_full(c))
            return CLI_MORE;
        fast_path_show_entry(s, c->out, *at);
    }
    out_end(c->out);
    return 0;
}

static int run_show(struct cli_call *c)
{
    struct fast_path *s = fast_path_of(c->piste);
    struct out *o = c->out;
    u32 generation = forwarding_generation(engine_of(c->piste));
    out_bool(o, "on", s->on, "fast path: on\n", NULL);
    if (!s->on)
        out_str(o, "why_not", s->why_not, "fast path: off: %s\n");
    out_u64(o, "flows", fast_path_n_flows(s), "  flows %" PRIu64);
    out_u64(o, "most", s->backend ? s->backend->max : 0, " of %" PRIu64);
    out_u64(o, "generation", generation, ", generation %" PRIu64 "\n");
    out_u64(o, "packets", s->n.packets, "  packets %" PRIu64);
    out_u64(o, "bytes", s->n.bytes, ", bytes %" PRIu64 "\n");
    out_u64(o, "probes", s->n.probes, "  probes %" PRIu64);
    out_u64(o, "made", s->n.made, ": made flows %" PRIu64);
    out_u64(o, "ended", s->n.ended, ", ended %" PRIu64);
    out_u64(o, "old", s->n.old, ", too late %" PRIu64);
    out_u64(o, "elsewhere", s->n.elsewhere, ", not between such ports %" PRIu64);
    out_u64(o, "full", s->n.full, ", no room %" PRIu64);
    out_u64(o, "unsaid", s->n.unsaid, ", not to be said %" PRIu64);
    if (s->why_unsaid)
        out_str(o, "why_unsaid", s->why_unsaid, " (%s)");
    out_text(o, "\n");
    return 0;
}

const struct cli_command fast_path_commands[] = {
    {"show fast-path", "What the kernel forwards by itself, and why not", run_show, CLI_OWN},
    {"show fast-path flows", "The packets that the kernel forwards by itself", run_show_flows,
     CLI_OWN},
    {"set fast-path ( on | off )", "Leaves packets between host interfaces to the kernel, or not",
     run_set, CLI_OWN},
    {"clear fast-path", "The kernel forgets what it forwards, and learns it anew", run_clear,
     CLI_OWN},
    {NULL, NULL, NULL, 0},
};
