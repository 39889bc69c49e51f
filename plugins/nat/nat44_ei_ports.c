/* Which ports outside NAT44 EI gives. See nat44.h. Source: RFC 7597 5.1. */
#include <errno.h>

#include "plugins/nat/nat44_internal.h"

static int check_map_e(const struct nat44_port_config *c, struct error *e)
{
    if (c->psid_offset + c->psid_len > 16)
        return error_set(e, EINVAL, "psid-offset and psid-len have at most 16 bits together");
    if (c->psid >> c->psid_len)
        return error_set(e, EINVAL, "a psid of %u bits is at most %u", c->psid_len,
                         (1u << c->psid_len) - 1);
    return 0;
}

/* A port is a number of psid_offset bits, the PSID, and whatever fits behind it. That number is
 * not 0 where there is one: these are the well-known ports. */
static union nat44_port_set map_e_set(const struct nat44_port_config *c)
{
    u32 behind = 16u - c->psid_offset - c->psid_len, step = 16u - c->psid_offset;
    u32 blocks = c->psid_offset ? (1u << c->psid_offset) - 1 : 1;
    u32 first = (c->psid_offset ? 1u << step : 0) | (u32)c->psid << behind;
    return (union nat44_port_set){.first = (u16)first,
                                  .block_bits = (u8)behind,
                                  .step_bits = (u8)step,
                                  .n = blocks << behind};
}

int nat44_set_ports(struct piste *p, const struct nat44_port_config *c, struct error *e)
{
    struct nat44_state *s = nat44_state_of(p);
    union nat44_port_set set = {0};
    int rc = nat44_must_be_enabled(p, e);
    if (!rc && c->alg == NAT44_PORTS_RANGE && (!c->first || c->last <= c->first))
        rc = error_set(e, EINVAL, "The end-port must be greater than start-port");
    if (!rc && c->alg == NAT44_PORTS_MAP_E)
        rc = check_map_e(c, e);
    if (rc)
        return rc;
    if (c->alg == NAT44_PORTS_RANGE)
        set = nat44_port_range(c->first, c->last);
    if (c->alg == NAT44_PORTS_MAP_E)
        set = map_e_set(c);
    s->ports = *c;
    __atomic_store_n(&s->data.ports.word, set.word, __ATOMIC_RELAXED);
    return 0;
}

struct nat44_port_config nat44_ports(const struct piste *p)
{
    const struct nat44_state *s = nat44_state_of(p);
    return s->enabled ? s->ports : (struct nat44_port_config){0};
}
