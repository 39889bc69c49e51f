/* The plugin's state: made and ended. */
#include <stdlib.h>

#include "net/link/interface/interface.h"
#include "plugins/acl/acl_internal.h"

const char acl_plugin_name[] = "acl-plugin";

struct acl_common *acl_common;

struct acl_state *acl_state_of(const struct piste *p)
{
    return module_state(p, acl_plugin_name);
}

/* VPP's: hop-by-hop, routing, fragment, destination, mobility, HIP, shim6. */
struct acl_skipped acl_skipped_usual(void)
{
    static const u8 headers[] = {IP_PROTOCOL_HOP_BY_HOP,
                                 IP_PROTOCOL_IP6_ROUTE,
                                 IP_PROTOCOL_IP6_FRAGMENT,
                                 IP_PROTOCOL_IP6_DESTINATION,
                                 135,
                                 139,
                                 140};
    struct acl_skipped s = {{0}};
    for (u32 i = 0; i < array_len(headers); i++)
        s.bits[headers[i] / 64] |= 1ull << headers[i] % 64;
    return s;
}

int acl_plugin_init(struct piste *p, void **state, struct error *e)
{
    struct acl_state *s = mem_alloc(sizeof(*s));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    s->piste = p;
    s->hash_lookup = true;
    s->common = (struct acl_common){.skipped = acl_skipped_usual(), .l4_of_fragments = true};
    int rc = mem_map_new(&s->lists_map, "ACLs", ACL_LISTS_MAX * sizeof(*acl_lists), page, false, e);
    if (rc)
        goto no_lists;
    rc = acl_bind_init(s, e);
    if (rc)
        goto no_interfaces;
    rc = aside_init(&s->aside, p->loop, e);
    if (rc)
        goto no_aside;
    acl_lists = s->lists_map.base;
    acl_common = &s->common;
    acl_sessions_init(p);
    acl_use_init(s);
    *state = s;
    return 0;
no_aside:
    acl_bind_fini(s);
no_interfaces:
    mem_map_free(&s->lists_map);
no_lists:
    free(s);
    return rc;
}

void acl_plugin_stop(struct piste *p, void *state)
{
    struct acl_state *s = state;
    aside_fini(&s->aside);
    acl_bind_release(p);
    acl_lists_fini(s);
    acl_macip_fini(s);
    acl_bind_fini(s);
    acl_sessions_fini();
    acl_use_fini(s);
    mem_map_free(&s->lists_map);
    acl_lists = NULL;
    acl_common = NULL;
    free(s);
}
