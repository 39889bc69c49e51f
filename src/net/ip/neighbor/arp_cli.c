/* Commands about proxy ARP, and their part of the running configuration. */
#include <inttypes.h>
#include <stdio.h>

#include "base/byteorder.h"
#include "base/text.h"
#include "control/cli.h"
#include "net/ip/neighbor/arp_internal.h"
#include "net/link/interface/interface.h"

static u32 arp_cli_address(const struct cli_call *c, const char *label)
{
    return get_be32(cli_get(c, label)->ip.addr);
}

static int arp_cli_set_proxy(struct cli_call *c)
{
    return arp_proxy_range(c->piste, (u32)cli_u64(c, "table-id", 0), arp_cli_address(c, "first"),
                           arp_cli_address(c, "last"), !cli_has(c, "del"), c->err);
}

static int arp_cli_set_interface(struct cli_call *c)
{
    return arp_proxy_enable(c->piste, cli_interface(c, "interface")->index, !cli_has(c, "disable"),
                            c->err);
}

/* Of a number in host order. */
static const char *arp_cli_address_text(u32 a, char out[IP_ADDRESS_TEXT_BYTES])
{
    struct ip_address address = ip_address_from_ip4(be32_from_host(a));
    return ip_address_text(IP_FAMILY_4, &address, out);
}

static int arp_cli_show(struct cli_call *c)
{
    const struct arp *a = arp_of(c->piste);
    struct interface *f;
    char text[IP_ADDRESS_TEXT_BYTES];
    out_text(c->out, "Proxy arps enabled for:\n");
    out_array(c->out, "ranges");
    for (u32 i = 0; a->ranges && i < a->ranges->n; i++) {
        const struct proxy_range *r = &a->ranges->v[i];
        out_object(c->out, NULL);
        out_u64(c->out, "fib_index", r->fib, "Fib_index %" PRIu64 "   ");
        out_str(c->out, "first", arp_cli_address_text(r->first, text), "%s - ");
        out_str(c->out, "last", arp_cli_address_text(r->last, text), "%s \n");
        out_end(c->out);
    }
    out_end(c->out);
    out_text(c->out, "Interfaces enabled:\n");
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if (arp_proxy_is_enabled(c->piste, f->index))
            out_str(c->out, NULL, f->name, "  %s\n");
    out_end(c->out);
    return 0;
}

const struct cli_command arp_commands[] = {
    {"set arp proxy [del] [table-id <table-id:u32>] (start <first:ip4-address>) "
     "(end <last:ip4-address>)",
     "Addresses that are answered for", arp_cli_set_proxy, 0},
    {"set ip arp proxy [del] [table-id <table-id:u32>] <first:ip4-address> - <last:ip4-address>",
     "Addresses that are answered for", arp_cli_set_proxy, 0},
    {"set interface proxy-arp <interface> [enable | disable]",
     "Answer for the addresses of others on this interface", arp_cli_set_interface, 0},
    {"show arp proxy", "Addresses that are answered for", arp_cli_show, 0},
    {0},
};

void arp_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct arp *a = state;
    struct interface *f;
    char first[IP_ADDRESS_TEXT_BYTES], last[IP_ADDRESS_TEXT_BYTES];
    if (phase == RC_INTERFACE)
        for (f = interface_next_written(p, NULL); f; f = interface_next_written(p, f))
            if (arp_proxy_is_enabled(p, f->index))
                text_add(t, "set interface proxy-arp %s enable\n", f->name);
    if (phase == RC_ROUTES)
        for (u32 i = 0; a->ranges && i < a->ranges->n; i++)
            text_add(t, "set arp proxy table-id %u start %s end %s\n",
                     fib_table_id(fib_of(p), (struct fib_index){a->ranges->v[i].fib}),
                     arp_cli_address_text(a->ranges->v[i].first, first),
                     arp_cli_address_text(a->ranges->v[i].last, last));
}
