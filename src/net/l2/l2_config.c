/* Layer 2 as the commands that make it. */
#include <stdlib.h>

#include "net/packet/ethernet_format.h"
#include "net/l2/l2_internal.h"

#define ENTRIES_A_PIECE 128 /* of a running config */

static void config_of_domain(const struct l2_bd *bd, struct text *t)
{
    static const struct {
        const char *word;
        u8 flag;
        bool on; /* in a new domain */
    } flags[] = {
        {"learn", L2_IF_LEARN, true},        {"forward", L2_IF_FORWARD, true},
        {"uu-flood", L2_IF_UU_FLOOD, true},  {"flood", L2_IF_FLOOD, true},
        {"arp-term", L2_IF_ARP_TERM, false},
    };
    text_add(t, "create bridge-domain %u", bd->id);
    for (u32 i = 0; i < array_len(flags); i++)
        if (!!(bd->flags & flags[i].flag) != flags[i].on)
            text_add(t, " %s %d", flags[i].word, !flags[i].on);
    if (bd->arp_ufwd)
        text_puts(t, " arp-ufwd 1");
    if (bd->mac_age)
        text_add(t, " mac-age %u", bd->mac_age);
    if (bd->tag[0]) {
        text_puts(t, " bd-tag ");
        cli_add_braced(t, bd->tag);
    }
    text_putc(t, '\n');
}

static void l2_config_of_table(const struct l2_state *s, const struct l2_bd *bd, struct text *t)
{
    char ip[IP_ADDRESS_TEXT_BYTES];
    struct arp_key key;
    u8 mac[6];
    u32 at = bd->arp.first;
    while (l2_bd_arp_next(s, &at, &key, mac)) {
        l2_arp_key_text(&key, ip);
        text_add(t, "set bridge-domain arp entry %u %s ", bd->id, ip);
        ethernet_format_mac(t, mac);
        text_putc(t, '\n');
    }
}

static void config_of_port(struct piste *p, struct interface *f, u32 round, struct text *t)
{
    static const struct {
        const char *word;
        u8 flag;
    } flags[] = {{"learn", L2_IF_LEARN},
                 {"forward", L2_IF_FORWARD},
                 {"flood", L2_IF_FLOOD},
                 {"uu-flood", L2_IF_UU_FLOOD},
                 {"arp-term", L2_IF_ARP_TERM}};
    const struct l2_state *s = l2_state_of(p);
    struct if_index i = f->index;
    const struct l2_if *l = l2_if(i);
    const char *name = f->name;
    if (l->mode == L2_MODE_L3)
        return;
    if (l->mode == L2_MODE_XCONNECT) {
        if (!if_is_none(l->peer))
            text_add(t, "set interface l2 xconnect %s %s\n", name,
                     interface_at(s->piste, l->peer)->name);
        return;
    }
    const struct l2_bd *bd = l2_bd_at(s, l->bd);
    bool bvi = if_equal(bd->bvi, i);
    text_add(t, "set interface l2 bridge %s %u%s", name, bd->id,
             bvi                       ? " bvi"
             : if_equal(bd->uu_fwd, i) ? " uu-fwd"
                                       : "");
    if (l->shg)
        text_add(t, " %u", l->shg);
    text_putc(t, '\n');
    for (u32 k = 0; k < array_len(flags); k++)
        if (!(l->port_flags & flags[k].flag) && !(bvi && flags[k].flag == L2_IF_LEARN))
            text_add(t, "set interface l2 %s %s disable\n", flags[k].word, name);
}

static void l2_config_of_entry(struct l2_state *s, const struct l2_fib_entry *e, struct text *t)
{
    const struct interface *f =
        if_is_none(e->interface) ? NULL : interface_at(s->piste, e->interface);
    const struct l2_bd *bd = l2_bd_at(s, e->bd);
    if (!e->provisioned || e->bvi || !bd || (!f && !e->filter))
        return;
    text_puts(t, "l2fib add ");
    ethernet_format_mac(t, e->mac);
    text_add(t, " %u %s%s\n", bd->id, e->filter ? "filter" : f->name,
             e->is_static && !e->filter ? " static" : "");
}

/* Where rows are, of one kind or the other. */
struct l2_config_place {
    struct l2_fib_walk macs;
    void *ports; /* of interface_config_rows */
};

bool l2_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                            struct text *t)
{
    struct l2_state *s = state;
    struct l2_config_place *at = *place;
    struct l2_fib_entry e;
    if (phase != RC_INTERFACE && phase != RC_ROUTES)
        return false;
    if (!at) {
        at = *place = mem_alloc(sizeof(*at));
        at->macs = (struct l2_fib_walk){.l2 = s, .bd = UINT32_MAX};
    }
    if (phase == RC_INTERFACE)
        return interface_config_rows(p, 1, config_of_port, &at->ports, t);
    int rc = 1;
    for (u32 n = 0; n < ENTRIES_A_PIECE && (rc = l2_fib_walk_next(&at->macs, &e)) == 1; n++)
        l2_config_of_entry(s, &e, t);
    return rc != 0;
}

void l2_place_free(void *place)
{
    struct l2_config_place *at = place;
    free(at->macs.keys);
    free(at->ports);
    free(at);
}

void l2_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct l2_state *s = state;
    if (phase == RC_GLOBAL && s->default_learn_limit != L2_LEARN_LIMIT_DEFAULT)
        text_add(t, "set bridge-domain default-learn-limit %u\n", s->default_learn_limit);
    if (phase == RC_GLOBAL && s->scan_delay_ms != L2_SCAN_DELAY_MS_DEFAULT)
        text_add(t, "set l2fib scan-delay %u\n", s->scan_delay_ms);
    for (struct l2_bd *bd = l2_bd_next(s, 1); phase == RC_TABLES && bd;
         bd = l2_bd_next(s, bd->index + 1)) {
        config_of_domain(bd, t);
        l2_config_of_table(s, bd, t);
        if (bd->learn_limit != s->default_learn_limit)
            text_add(t, "set bridge-domain learn-limit %u %u\n", bd->id, bd->learn_limit);
    }
    for (u32 i = 0; phase == RC_INTERFACE && i < s->patches.n; i++)
        text_add(t, "test l2patch rx %s tx %s\n", interface_at(p, s->patches.v[i].rx)->name,
                 interface_at(p, s->patches.v[i].tx)->name);
}
