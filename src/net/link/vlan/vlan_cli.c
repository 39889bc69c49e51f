/* Commands about sub-interfaces. Words of errors are VPP's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "net/link/interface/interface.h"
#include "net/link/vlan/vlan_internal.h"

#define RANGE_MAX 65536u

/* --- types --- */

struct id_range {
    u32 first, last;
};

static bool vlan_cli_number(const char **at, u32 *out)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    unsigned long n = strtoul(*at, &end, 10);
    if (errno || n > UINT32_MAX)
        return false;
    *out = (u32)n;
    *at = end;
    return true;
}

/* "7" or "7-9" */
static int parse_ids(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    const char *at = *text;
    struct id_range r;
    if (!vlan_cli_number(&at, &r.first))
        return -ENOENT;
    r.last = r.first;
    if (*at == '-') {
        at++;
        if (!vlan_cli_number(&at, &r.last) || r.last < r.first || r.last - r.first >= RANGE_MAX)
            return -ENOENT;
    }
    static_assert(sizeof(r) <= sizeof(v->raw), "fits into a value");
    memcpy(v->raw, &r, sizeof(r));
    *text = at;
    return 0;
}

/* "7" or "any" */
static int parse_vlan(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    u32 n;
    if (!strncmp(*text, "any", 3)) {
        *text += 3;
        v->u = VLAN_ANY;
        return 0;
    }
    if (!vlan_cli_number(text, &n))
        return -ENOENT;
    if (n == 0 || n > VLAN_ID_MAX)
        return error_set(e, EINVAL, "invalid VLAN id %u: 1 to %u are possible", n, VLAN_ID_MAX);
    v->u = n;
    return 0;
}

const struct cli_type vlan_types[] = {
    {"sub-interface-ids", "expected ID or ID MIN-MAX, got", parse_ids, NULL},
    {"vlan-id", "expected dot1q config, got", parse_vlan, NULL},
    {0},
};

/* --- commands --- */

/* What the words after the number say; without any the number is the VLAN. */
static int spec_of(struct cli_call *c, struct id_range r, struct vlan_match_spec *m)
{
    bool tagged = cli_has(c, "dot1q") || cli_has(c, "dot1ad"), inner = cli_has(c, "inner-dot1q");
    bool kind = cli_has(c, "default") || cli_has(c, "untagged");
    *m = (struct vlan_match_spec){.dot1ad = cli_has(c, "dot1ad"),
                                  .exact = cli_has(c, "exact-match")};
    if ((kind && (tagged || inner || m->exact)) || (!tagged && (inner || m->exact)))
        return error_set(
            c->err, EINVAL,
            "inner-dot1q and exact-match go with dot1q or dot1ad, and these with a number");
    if ((kind || tagged) && r.first != r.last)
        return error_set(c->err, EINVAL,
                         "a range of sub-interfaces takes the VLANs of its numbers");
    if (kind) {
        m->kind = cli_has(c, "default") ? VLAN_KIND_DEFAULT : VLAN_KIND_UNTAGGED;
        return 0;
    }
    m->kind = inner ? VLAN_KIND_TWO_TAGS : VLAN_KIND_ONE_TAG;
    if (tagged) {
        m->outer = (u16)cli_u64(c, "outer", 0);
        m->inner = (u16)cli_u64(c, "inner", 0);
        return 0;
    }
    m->exact = true;
    if (r.first == 0 || r.last > VLAN_ID_MAX)
        return error_set(c->err, EINVAL, "invalid VLAN id %u: 1 to %u are possible",
                         r.first == 0 ? 0 : r.last, VLAN_ID_MAX);
    return 0;
}

/* One that there is already is left alone, as VPP does. */
static int vlan_cli_create(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    struct id_range r;
    struct vlan_match_spec m;
    VEC(struct if_index) made = {0};
    memcpy(&r, cli_get(c, "ids")->raw, sizeof(r));
    int rc = spec_of(c, r, &m);
    bool by_number = !cli_has(c, "dot1q") && !cli_has(c, "dot1ad");
    for (u32 n = 0; !rc && n <= r.last - r.first; n++) { /* the last may be UINT32_MAX */
        u32 id = r.first + n;
        struct if_index i;
        if (!if_is_none(vlan_find(c->piste, f->index, id)))
            continue;
        if (by_number)
            m.outer = (u16)id;
        rc = vlan_create(c->piste, f->index, id, &m, &i, c->err);
        if (!rc)
            vec_add(&made, i);
    }
    out_array(c->out, "interfaces");
    for (u32 k = 0; k < made.n; k++) {
        if (rc)
            interface_delete(c->piste, made.v[k]);
        else
            out_str(c->out, NULL, interface_at(c->piste, made.v[k])->name, "%s\n");
    }
    out_end(c->out);
    vec_free(&made);
    return rc;
}

static int vlan_cli_delete(struct cli_call *c)
{
    return vlan_delete(c->piste, cli_interface(c, "interface")->index, c->err);
}

const struct cli_command vlan_commands[] = {
    {"create sub-interfaces <interface> <ids:sub-interface-ids> [default|untagged]"
     " [dot1q <outer:vlan-id>|dot1ad <outer:vlan-id>] [inner-dot1q <inner:vlan-id>] [exact-match]",
     "Makes interfaces of their own for frames with certain VLAN tags", vlan_cli_create, 0},
    {"delete sub-interface <interface>", "Deletes a sub-interface", vlan_cli_delete, 0},
    {0},
};
