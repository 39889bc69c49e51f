/* Commands about ND proxies, and their part of the running configuration. */
#include "base/text.h"
#include "control/cli.h"
#include "net/ip/neighbor/nd_proxy_internal.h"
#include "net/link/interface/interface.h"

static int nd_proxy_cli_set(struct cli_call *c)
{
    const struct cli_value *ip = cli_get(c, "host-ip");
    struct link_host host = {ip6_address_of(ip->ip.addr), cli_interface(c, "interface")->index,
                             IP_FAMILY_6};
    return cli_has(c, "del") ? nd_proxy_del(c->piste, &host, c->err)
                             : nd_proxy_add(c->piste, &host, c->err);
}

static int nd_proxy_cli_set_interface(struct cli_call *c)
{
    return nd_proxy_set_all(c->piste, cli_interface(c, "interface")->index, !cli_has(c, "disable"),
                            c->err);
}

static int nd_proxy_cli_show(struct cli_call *c)
{
    struct link_host host;
    struct interface *f;
    char text[IP_ADDRESS_TEXT_BYTES];
    out_text(c->out, "Proxy NDs enabled for:\n");
    out_array(c->out, "hosts");
    for (u32 i = 0; (i = nd_proxy_next(c->piste, i, &host)) != UINT32_MAX; i++) {
        out_object(c->out, NULL);
        out_str(c->out, "interface", interface_at(c->piste, host.interface)->name, "  %s ");
        out_str(c->out, "address", ip_address_text(IP_FAMILY_6, &host.addr, text), "%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    out_text(c->out, "Interfaces enabled:\n");
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if (nd_proxy_has_all(c->piste, f->index))
            out_str(c->out, NULL, f->name, "  %s\n");
    out_end(c->out);
    return 0;
}

const struct cli_command nd_proxy_commands[] = {
    {"set ip6 nd proxy <interface> [del] <host-ip:ip6-address>",
     "A host on the interface's link that all other links of its table are answered for",
     nd_proxy_cli_set, 0},
    {"set interface ip6-nd proxy <interface> [enable | disable]",
     "Answer for whatever is asked for on this interface, and is not known to be there",
     nd_proxy_cli_set_interface, 0},
    {"show ip6 nd proxy", "Addresses of others that neighbor solicitations are answered for",
     nd_proxy_cli_show, 0},
    {0},
};

void nd_proxy_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct interface *f;
    struct link_host host;
    char text[IP_ADDRESS_TEXT_BYTES];
    if (phase == RC_INTERFACE)
        for (f = interface_next_written(p, NULL); f; f = interface_next_written(p, f))
            if (nd_proxy_has_all(p, f->index))
                text_add(t, "set interface ip6-nd proxy %s enable\n", f->name);
    if (phase == RC_ROUTES)
        for (u32 i = 0; (i = nd_proxy_next(p, i, &host)) != UINT32_MAX; i++)
            text_add(t, "set ip6 nd proxy %s %s\n", interface_at(p, host.interface)->name,
                     ip_address_text(IP_FAMILY_6, &host.addr, text));
}
