/* MAC addresses that an interface receives frames for beside its own; see interface.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli.h"
#include "net/link/interface/interface_internal.h"
#include "net/packet/ethernet_format.h"

#define SECONDARY_MACS_MAX 64

static bool macs_find(const struct if_macs *macs, const u8 mac[6], u32 *k)
{
    for (*k = 0; macs && *k < macs->n; ++*k)
        if (!memcmp(macs->v[*k], mac, 6))
            return true;
    return false;
}

bool if_has_secondary_mac(struct if_index i, const u8 mac[6])
{
    u32 k;
    return macs_find(__atomic_load_n(&if_data(i)->macs, __ATOMIC_ACQUIRE), mac, &k);
}

static const struct if_macs *secondary_macs(const struct interface *f)
{
    return if_data(f->index)->macs;
}

static void secondary_macs_publish(struct piste *p, struct interface *f, struct if_macs *new)
{
    struct if_macs *old = if_data(f->index)->macs;
    __atomic_store_n(&if_data(f->index)->macs, new, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(p), free, old);
}

int interface_secondary_mac(struct piste *p, struct interface *f, const u8 mac[6], bool add,
                            struct error *e)
{
    f = f->super ? f->super : f;
    const struct if_macs *old = secondary_macs(f);
    u32 n = old ? old->n : 0, k;
    bool had = macs_find(old, mac, &k);
    int rc = f->has_mac ? interface_check_mac(mac, e)
                        : error_set(e, EOPNOTSUPP, "%s has no MAC address", f->name);
    if (rc)
        return rc;
    if (add && had)
        return error_set(e, EEXIST, "%s has that address already", f->name);
    if (!add && !had)
        return error_set(e, ENOENT, "%s does not have that address", f->name);
    if (add && n == SECONDARY_MACS_MAX)
        return error_set(e, ENOSPC, "no more than %u addresses", SECONDARY_MACS_MAX);
    struct if_macs *new = NULL;
    if (add || n > 1) {
        new = mem_alloc(sizeof(*new) + (n + 1) * sizeof(new->v[0]));
        for (u32 i = 0; i < n; i++)
            if (add || i != k)
                memcpy(new->v[new->n++], old->v[i], 6);
        if (add)
            memcpy(new->v[new->n++], mac, 6);
    }
    secondary_macs_publish(p, f, new);
    if (!new || !n) /* the device is to let them through */
        interface_promisc_ref(p, f->index, add);
    return 0;
}

void interface_secondary_macs_free(struct piste *p, struct interface *f)
{
    secondary_macs_publish(p, f, NULL);
}

void interface_secondary_macs_config(const struct interface *f, struct text *t)
{
    const struct if_macs *macs = secondary_macs(f);
    char text[MAC_TEXT_BYTES];
    for (u32 k = 0; macs && k < macs->n; k++)
        text_add(t, "set interface secondary-mac-address %s %s\n", f->name,
                 ethernet_mac_text(macs->v[k], text));
}

int interface_cli_set_secondary_mac(struct cli_call *c)
{
    return interface_secondary_mac(c->piste, cli_interface(c, "interface"), cli_get(c, "mac")->mac,
                                   !cli_has(c, "del"), c->err);
}

int interface_cli_show_secondary_macs(struct cli_call *c)
{
    char text[MAC_TEXT_BYTES];
    const struct interface *f;
    if (!c->again)
        out_array(c->out, "interfaces");
    while ((f = interface_cli_next(c, INTERFACE_BY_INDEX))) {
        const struct if_macs *macs = secondary_macs(f);
        out_object(c->out, NULL);
        out_str(c->out, "name", f->name, macs ? "%s:\n" : NULL);
        out_array(c->out, "addresses");
        for (u32 k = 0; macs && k < macs->n; k++)
            out_str(c->out, NULL, ethernet_mac_text(macs->v[k], text), "  %s\n");
        out_end(c->out);
        out_end(c->out);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}
