/* See nat_pool.h. */
#include "plugins/nat/nat_pool.h"

#include "base/text.h"
#include "net/packet/ip4_format.h"

static bool nat_pool_follows(const struct nat_pool_entry *a, const struct nat_pool_entry *next)
{
    u32 addr = be32_to_host(a->addr);
    return if_is_none(next->from) && next->tenant_vrf == a->tenant_vrf && addr < UINT32_MAX &&
           be32_to_host(next->addr) == addr + 1;
}

void nat_pool_config(const struct nat_pool_entry *v, u32 n, const char *words, const char *what,
                     const char *after, struct text *t)
{
    for (u32 first = 0, last; first < n; first = last + 1) {
        last = first;
        if (!if_is_none(v[first].from))
            continue;
        while (last + 1 < n && nat_pool_follows(&v[last], &v[last + 1]))
            last++;
        text_add(t, "%s add %s ", words, what);
        ip4_format_address(t, v[first].addr);
        if (last != first) {
            text_puts(t, " - ");
            ip4_format_address(t, v[last].addr);
        }
        if (v[first].tenant_vrf != NAT_VRF_ANY)
            text_add(t, " tenant-vrf %u", v[first].tenant_vrf);
        text_add(t, "%s\n", after);
    }
}
