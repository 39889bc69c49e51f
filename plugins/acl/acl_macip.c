/* MACIP lists, as the control thread has them. See acl_macip.h. */
#include "plugins/acl/acl_macip.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/probe.h"
#include "net/link/interface/interface.h"
#include "net/packet/ethernet_format.h"
#include "plugins/acl/acl_internal.h"

static const struct acl_bind_point macip_points[] = {{"ip4-unicast", "acl-plugin-macip-ip4"},
                                                     {"ip6-unicast", "acl-plugin-macip-ip6"},
                                                     {"l2-input", "acl-plugin-macip-l2"}};

const struct acl_macip *acl_macip_at(const struct piste *p, u32 index)
{
    const struct acl_state *s = acl_state_of(p);
    return index < s->macips.n ? s->macips.v[index] : NULL;
}

u32 acl_macip_next(const struct piste *p, u32 from)
{
    const struct acl_state *s = acl_state_of(p);
    while (from < s->macips.n && !s->macips.v[from])
        from++;
    return from < s->macips.n ? from : ACL_NONE;
}

/* --- one --- */

static void macip_free(void *arg)
{
    struct acl_macip *l = arg;
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        acl_match_free(l->match[f]);
    free(l->rules);
    free(l);
}

static void macip_flat(const struct acl_macip_rule *r, u32 number, u32 words, u64 *row)
{
    const struct ip_address ones = {.words = {~0u, ~0u, ~0u, ~0u}};
    struct ip_address mask = ip_address_mask(&ones, r->src.len);
    acl_macip_key(row, (enum ip_family)r->src.family, r->mac, r->src.addr.bytes);
    acl_macip_key(row + words, (enum ip_family)r->src.family, r->mac_mask, mask.bytes);
    row[0] &= row[words];
    row[2 * words] = ACL_MATCH_ANY_PORTS;
    row[2 * words + 1] = number;
}

static void macip_build(struct acl_macip *l)
{
    u64 *flat = mem_alloc((l->n_rules + 1) * acl_match_row_words(ACL_KEY_WORDS_6) * sizeof(*flat));
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        struct acl_match_layout layout = {f == IP_FAMILY_4 ? ACL_KEY_WORDS_4 : ACL_KEY_WORDS_6};
        u32 row = acl_match_row_words(layout.words);
        u32 n = 0;
        for (u32 i = 0; i < l->n_rules; i++)
            if (l->rules[i].src.family == f)
                macip_flat(&l->rules[i], i, layout.words, flat + (size_t)n++ * row);
        l->match[f] = n ? acl_match_new(&layout, flat, n) : NULL;
    }
    free(flat);
}

/* --- interfaces --- */

u32 acl_macip_of(struct if_index i)
{
    const struct acl_macip *l = acl_interfaces[i.i].macip;
    return l ? l->index : ACL_NONE;
}

int acl_macip_bind(struct piste *p, struct if_index i, u32 index, struct error *e)
{
    const struct acl_macip *l = index == ACL_NONE ? NULL : acl_macip_at(p, index);
    const struct acl_macip *old = acl_interfaces[i.i].macip;
    if (index != ACL_NONE && !l)
        return error_set(e, ENOENT, "there is no MACIP ACL %u", index);
    __atomic_store_n(&acl_interfaces[i.i].macip, l, __ATOMIC_RELEASE);
    int rc = !old == !l
                 ? 0
                 : acl_bind_enable(engine_of(p), macip_points, array_len(macip_points), i, l, e);
    if (rc)
        __atomic_store_n(&acl_interfaces[i.i].macip, old, __ATOMIC_RELEASE);
    forwarding_changed(engine_of(p));
    return rc;
}

/* --- changes --- */

static int macip_check(const char *tag, struct acl_macip_rule *rules, u32 n, struct error *e)
{
    int rc = acl_tag_check(tag, e);
    if (rc)
        return rc;
    for (u32 i = 0; i < n; i++) {
        struct acl_macip_rule *r = &rules[i];
        if (r->src.family >= IP_FAMILY_N ||
            r->src.len > ip_family_bits((enum ip_family)r->src.family))
            return error_set(e, EINVAL, "a prefix is too long");
        if (r->action > ACL_PERMIT)
            return error_set(e, EINVAL, "a MACIP rule permits or denies");
        r->src.addr = ip_address_mask(&r->src.addr, r->src.len);
    }
    return 0;
}

static int macip_place(struct acl_state *s, u32 *index, bool may_be_new, struct error *e)
{
    if (*index == ACL_NONE)
        for (*index = 0; *index < s->macips.n && s->macips.v[*index]; ++*index)
            ;
    else if (!may_be_new && !acl_macip_at(s->piste, *index))
        return error_set(e, ENOENT, "there is no MACIP ACL %u", *index);
    if (*index >= ACL_MACIP_MAX)
        return error_set(e, ENOSPC, "there are at most %u MACIP ACLs", ACL_MACIP_MAX);
    while (s->macips.n <= *index)
        vec_add(&s->macips, NULL);
    return 0;
}

int acl_macip_set(struct piste *p, u32 *index, bool may_be_new, const char *tag,
                  struct acl_macip_rule *rules, u32 n, struct error *e)
{
    struct acl_state *s = acl_state_of(p);
    struct interface *f;
    int rc = macip_check(tag, rules, n, e);
    if (!rc)
        rc = macip_place(s, index, may_be_new, e);
    if (rc) {
        free(rules);
        return rc;
    }
    struct acl_macip *l = mem_alloc(sizeof(*l)), *old = s->macips.v[*index];
    l->index = *index;
    l->rules = rules;
    l->n_rules = n;
    snprintf(l->tag, sizeof(l->tag), "%s", tag);
    macip_build(l);
    s->macips.v[*index] = l;
    for (u32 i = 0; old && (f = interface_next(p, i)); i = f->index.i + 1)
        if (acl_interfaces[f->index.i].macip == old)
            __atomic_store_n(&acl_interfaces[f->index.i].macip, l, __ATOMIC_RELEASE);
    if (old)
        engine_defer_free(engine_of(p), macip_free, old);
    forwarding_changed(engine_of(p));
    return 0;
}

int acl_macip_delete(struct piste *p, u32 index, struct error *e)
{
    struct acl_state *s = acl_state_of(p);
    const struct acl_macip *l = acl_macip_at(p, index);
    struct interface *f;
    if (!l)
        return error_set(e, ENOENT, "there is no MACIP ACL %u", index);
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        if (acl_interfaces[f->index.i].macip == l)
            return error_set(e, EBUSY, "MACIP ACL %u is used by %s", index, f->name);
    engine_defer_free(engine_of(p), macip_free, s->macips.v[index]);
    s->macips.v[index] = NULL;
    return 0;
}

void acl_macip_fini(struct acl_state *s)
{
    for (u32 i = 0; i < s->macips.n; i++)
        if (s->macips.v[i])
            macip_free(s->macips.v[i]);
    vec_free(&s->macips);
}
