/* What there is to see of access lists. Layouts are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "net/link/interface/interface.h"
#include "plugins/acl/acl_internal.h"
#include "plugins/acl/acl_node.h"

/* --- lists --- */

/* Where a show of lists has come to. */
struct acl_show_place {
    u32 list, rule;
    bool in_list;
};

static void acl_show_numbers_of(struct out *o, const char *key, const char *title, const u32 *v,
                                u32 n)
{
    if (!n)
        return;
    out_text(o, "%s", title);
    out_array(o, key);
    for (u32 k = 0; k < n; k++) {
        out_text(o, k ? ", " : "");
        out_u64(o, NULL, v[k], out_format(o) == OUT_TEXT ? "%" PRIu64 : NULL);
    }
    out_end(o);
    out_text(o, "\n");
}

static void acl_show_list_users_of(struct cli_call *c, u32 list, enum acl_direction d)
{
    VEC(u32) on = {0};
    struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        if (acl_bind_has(c->piste, list, d, f->index))
            vec_add(&on, f->index.i);
    acl_show_numbers_of(c->out, d == ACL_INPUT ? "inbound" : "outbound",
                        d == ACL_INPUT ? "  applied inbound on sw_if_index: "
                                       : "  applied outbound on sw_if_index: ",
                        on.v, on.n);
    vec_free(&on);
}

static void acl_show_list_contexts_of(struct cli_call *c, u32 list)
{
    VEC(u32) in = {0};
    struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1)
        for (u32 d = ACL_DIRECTION_N; d--;)
            if (acl_bind_has(c->piste, list, (enum acl_direction)d, f->index))
                vec_add(&in, acl_bind_context(c->piste, f->index, (enum acl_direction)d)->index);
    const struct acl_state *s = acl_state_of(c->piste);
    for (u32 k = 0; k < s->used.n; k++)
        if (acl_context_has(s->used.v[k].context, list))
            vec_add(&in, s->used.v[k].context->index);
    acl_show_numbers_of(c->out, "lookup_contexts", "  used in lookup context index: ", in.v, in.n);
    vec_free(&in);
}

static void acl_show_rule_of(struct out *o, const struct acl_rule *r, u32 number)
{
    struct text t = {0};
    acl_rule_show(r, &t);
    out_text(o, "  %9u: ", number);
    out_str(o, NULL, text_str(&t), out_format(o) == OUT_TEXT ? "%s\n" : NULL);
    text_free(&t);
}

/* false: there is more of it. */
static bool acl_show_list_of(struct cli_call *c, struct acl_show_place *at, bool users)
{
    const struct acl_list *l = acl_list_at(c->piste, at->list);
    if (!at->in_list) {
        out_object(c->out, NULL);
        out_u64(c->out, "acl_index", at->list, "acl-index %" PRIu64);
        out_u64(c->out, "count", l->n_rules, " count %" PRIu64);
        out_str(c->out, "tag", l->tag, " tag {%s}\n");
        out_array(c->out, "rules");
        at->in_list = true;
    }
    for (; l && at->rule < l->n_rules; at->rule++) {
        if (cli_full(c))
            return false;
        acl_show_rule_of(c->out, &l->rules[at->rule], at->rule);
    }
    out_end(c->out);
    if (users) {
        acl_show_list_users_of(c, at->list, ACL_INPUT);
        acl_show_list_users_of(c, at->list, ACL_OUTPUT);
        acl_show_list_contexts_of(c, at->list);
    }
    out_end(c->out);
    *at = (struct acl_show_place){.list = at->list + 1};
    return true;
}

int acl_show_lists(struct cli_call *c)
{
    struct acl_show_place *at = cli_kept(c, sizeof(*at), NULL);
    u32 only = (u32)cli_u64(c, "index", ACL_NONE);
    if (!c->again)
        out_array(c->out, "acls");
    for (;;) {
        if (!at->in_list && only != ACL_NONE)
            at->list = at->list > only || !acl_list_at(c->piste, only) ? ACL_NONE : only;
        else if (!at->in_list)
            at->list = acl_list_next(c->piste, at->list);
        if (at->list == ACL_NONE)
            break;
        if (!acl_show_list_of(c, at, true))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

/* --- interfaces --- */

static void acl_show_types_of(struct out *o, const struct acl_types *x, const char *key,
                              const char *title)
{
    if (!x)
        return;
    out_text(o, "  %s: ", title);
    out_array(o, key);
    for (u32 k = 0; k < x->n; k++) {
        out_text(o, "%s%04x", k ? ", " : "", x->types[k]);
        out_u64(o, NULL, x->types[k], NULL);
    }
    out_end(o);
    out_text(o, "\n");
}

static void acl_show_interface_lists_of(struct cli_call *c, struct if_index i, enum acl_direction d)
{
    const struct acl_context *x = acl_bind_context(c->piste, i, d);
    acl_show_numbers_of(c->out, d == ACL_INPUT ? "input" : "output",
                        d == ACL_INPUT ? "  input acl(s): " : "  output acl(s): ",
                        x ? x->lists : NULL, x ? x->n : 0);
    if (!x || !cli_has(c, "acl"))
        return;
    out_text(c->out, "\n");
    out_array(c->out, d == ACL_INPUT ? "input_acls" : "output_acls");
    for (u32 k = 0; k < x->n; k++) {
        struct acl_show_place at = {.list = x->lists[k]};
        while (!acl_show_list_of(c, &at, false)) /* of one interface: not so many */
            ;
    }
    out_end(c->out);
}

static void acl_show_interface_of(struct cli_call *c, struct if_index i)
{
    const struct acl_context *in = acl_bind_context(c->piste, i, ACL_INPUT);
    const struct acl_context *out = acl_bind_context(c->piste, i, ACL_OUTPUT);
    out_object(c->out, NULL);
    out_u64(c->out, "sw_if_index", i.i, "sw_if_index %" PRIu64 ":\n");
    if (cli_has(c, "detail") && in)
        out_text(c->out, "  input lookup context: %u\n", in->index);
    if (cli_has(c, "detail") && out)
        out_text(c->out, "  output lookup context: %u\n", out->index);
    acl_show_interface_lists_of(c, i, ACL_INPUT);
    acl_show_interface_lists_of(c, i, ACL_OUTPUT);
    acl_show_types_of(c->out, acl_bind_types(c->piste, i, ACL_INPUT), "input_etypes",
                      "input etype whitelist");
    acl_show_types_of(c->out, acl_bind_types(c->piste, i, ACL_OUTPUT), "output_etypes",
                      "output etype whitelist");
    out_end(c->out);
}

int acl_show_interfaces(struct cli_call *c)
{
    u32 only = (u32)cli_u64(c, "sw_if_index", UINT32_MAX), *next = cli_kept(c, sizeof(*next), NULL);
    const struct interface *f;
    if (!c->again)
        out_array(c->out, "interfaces");
    for (; (f = interface_next(c->piste, *next)); *next = f->index.i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (only == UINT32_MAX || f->index.i == only)
            acl_show_interface_of(c, f->index);
    }
    out_end(c->out);
    return 0;
}

/* --- contexts --- */

static int acl_show_context_compare_of(const void *a, const void *b)
{
    const struct acl_used *x = a, *y = b;
    return (x->context->index > y->context->index) - (x->context->index < y->context->index);
}

/* All contexts, by index. The caller frees *out. */
static u32 acl_show_contexts_of(struct piste *p, struct acl_used **out)
{
    const struct acl_state *s = acl_state_of(p);
    VEC(struct acl_used) all = {0};
    struct interface *f;
    for (u32 i = 0; (f = interface_next(p, i)); i = f->index.i + 1)
        for (u32 d = 0; d < ACL_DIRECTION_N; d++) {
            const struct acl_context *x = acl_bind_context(p, f->index, (enum acl_direction)d);
            if (x)
                vec_add(&all,
                        ((struct acl_used){&acl_user_interface, {f->index.i, d == ACL_INPUT}, x}));
        }
    for (u32 k = 0; k < s->used.n; k++)
        vec_add(&all, s->used.v[k]);
    if (all.n)
        qsort(all.v, all.n, sizeof(*all.v), acl_show_context_compare_of);
    *out = all.v;
    return all.n;
}

int acl_show_contexts(struct cli_call *c)
{
    struct acl_used *all;
    u32 n = acl_show_contexts_of(c->piste, &all), only = (u32)cli_u64(c, "index", UINT32_MAX);
    out_array(c->out, "contexts");
    for (u32 k = 0; k < n; k++) {
        const struct acl_context *x = all[k].context;
        if (only != UINT32_MAX && x->index != only)
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "index", x->index, "index %" PRIu64);
        out_str(c->out, "user", all[k].user->name, ":%s");
        for (u32 v = 0; v < 2; v++) {
            const char *label = all[k].user->labels[v];
            out_text(c->out, " %s: %u", label ? label : "(nil)", all[k].values[v]);
            if (label)
                out_u64(c->out, label, all[k].values[v], NULL);
        }
        acl_show_numbers_of(c->out, "acl_indices", ", acl_indices: ", x->lists, x->n);
        out_end(c->out);
    }
    out_end(c->out);
    free(all);
    return 0;
}

int acl_show_users(struct cli_call *c)
{
    const struct acl_state *s = acl_state_of(c->piste);
    u32 only = (u32)cli_u64(c, "index", UINT32_MAX);
    out_array(c->out, "users");
    for (u32 k = 0; k < s->users.n; k++) {
        const struct acl_user *u = s->users.v[k];
        if (only != UINT32_MAX && k != only)
            continue;
        struct text t = {0};
        text_add(&t, "%s:%s:%s", u->name, u->labels[0] ? u->labels[0] : "(nil)",
                 u->labels[1] ? u->labels[1] : "(nil)");
        out_text(c->out, "index %u:", k);
        out_str(c->out, NULL, text_str(&t), out_format(c->out) == OUT_TEXT ? "%s\n" : NULL);
        text_free(&t);
    }
    out_end(c->out);
    return 0;
}

/* --- tables --- */

static void acl_show_match_of(struct out *o, const struct acl_match *m, u32 list, const char *what)
{
    if (!m)
        return;
    out_object(o, NULL);
    out_u64(o, "acl_index", list, "acl-index %" PRIu64);
    out_str(o, "of", what, " %s:");
    out_u64(o, "entries", m->n_entries, " %" PRIu64 " entries");
    out_u64(o, "bytes", m->bytes, ", %" PRIu64 " bytes");
    out_u64(o, "cells", m->n_cells, m->cells ? ", %" PRIu64 " words of cells\n" : "\n");
    out_array(o, "tables");
    for (u32 i = 0; i < m->n_tables; i++) {
        const struct acl_match_table *t = &m->tables[i];
        const u32 *heads = m->heads + t->heads_at;
        out_object(o, NULL);
        out_text(o, "  %6u:", i);
        for (u32 w = 0; w < m->words; w++)
            out_text(o, " %016" PRIx64, t->word[w].mask);
        out_u64(o, "slots", t->heads_mask + 1u, "  slots %" PRIu64);
        out_u64(o, "entries", heads[t->heads_mask + 1] - heads[0], " entries %" PRIu64);
        out_u64(o, "first_rule", t->first_rule, " first rule %" PRIu64 "\n");
        out_end(o);
    }
    out_end(o);
    out_end(o);
}

static void acl_show_list_tables_of(struct out *o, const struct acl_list *l, u32 index)
{
    static const char *const names[IP_FAMILY_N][ACL_PACKETS_N] = {{"ipv4", "ipv4 fragments"},
                                                                  {"ipv6", "ipv6 fragments"}};
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        acl_show_match_of(o, l->match[f][ACL_OF_PACKETS], index, names[f][ACL_OF_PACKETS]);
        if (l->match[f][ACL_OF_FRAGMENTS] != l->match[f][ACL_OF_PACKETS])
            acl_show_match_of(o, l->match[f][ACL_OF_FRAGMENTS], index, names[f][ACL_OF_FRAGMENTS]);
    }
}

int acl_show_tables(struct cli_call *c)
{
    const struct acl_state *s = acl_state_of(c->piste);
    bool all =
        !cli_has(c, "acl") && !cli_has(c, "applied") && !cli_has(c, "mask") && !cli_has(c, "hash");
    u32 only = (u32)cli_u64(c, "index", ACL_NONE), lc = (u32)cli_u64(c, "lc_index", UINT32_MAX);
    out_u64(c->out, "stats_counters", s->common.count_matches,
            "Stats counters enabled for interface ACLs: %" PRIu64 "\n");
    out_u64(c->out, "use_hash", s->hash_lookup, "Use hash-based lookup for ACLs: %" PRIu64 "\n");
    if (all || !cli_has(c, "applied")) {
        out_array(c->out, "acls");
        for (u32 i = 0; (i = acl_list_next(c->piste, i)) != ACL_NONE; i++)
            if (only == ACL_NONE || i == only)
                acl_show_list_tables_of(c->out, acl_list_at(c->piste, i), i);
        out_end(c->out);
    }
    if (!all && !cli_has(c, "applied"))
        return 0;
    struct acl_used *contexts;
    u32 n = acl_show_contexts_of(c->piste, &contexts);
    out_text(c->out, "Applied lookup entries for lookup contexts\n");
    out_array(c->out, "contexts");
    for (u32 k = 0; k < n; k++) {
        const struct acl_context *x = contexts[k].context;
        if (lc != UINT32_MAX && x->index != lc)
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "lc_index", x->index, "lc_index %" PRIu64 ":\n");
        acl_show_numbers_of(c->out, "acls", "  applied acls: ", x->lists, x->n);
        out_end(c->out);
    }
    out_end(c->out);
    free(contexts);
    return 0;
}

static u64 acl_show_list_bytes_of(const struct acl_list *l)
{
    u64 bytes = sizeof(*l) + l->n_rules * (sizeof(*l->rules) + 1ull);
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        for (u32 k = 0; k < ACL_PACKETS_N; k++)
            if (l->match[f][k] && (!k || l->match[f][k] != l->match[f][0]))
                bytes += l->match[f][k]->bytes;
    return bytes;
}

int acl_show_memory(struct cli_call *c)
{
    u64 bytes = 0;
    for (u32 i = 0; (i = acl_list_next(c->piste, i)) != ACL_NONE; i++)
        bytes += acl_show_list_bytes_of(acl_list_at(c->piste, i));
    out_text(c->out, "ACL memory is now part of the main heap\n");
    out_u64(c->out, "bytes", bytes, "access lists take %" PRIu64 " bytes\n");
    return 0;
}

int acl_show_decoded(struct cli_call *c)
{
    u64 words[ACL_TUPLE_WORDS];
    struct text t = {0};
    for (u32 i = 0; i < ACL_TUPLE_WORDS; i++) {
        char *end;
        const char *s = c->args[i].value.text;
        errno = 0;
        words[i] = strtoull(s, &end, 16);
        if (errno || !*s || *end || *s == '-' || *s == '+')
            return error_set(c->err, EINVAL, "unknown input `%.40s'", s);
    }
    acl_trace_tuple(words, &t);
    out_str(c->out, "tuple", text_str(&t), "%s\n");
    text_free(&t);
    return 0;
}
