/* Policers of interfaces, by themselves and by classifier tables. See policer.h. */

#include "base/log.h"
#include "base/text.h"
#include "net/features/classify/classify_binding.h"
#include "net/link/interface/interface.h"
#include "plugins/policer/policer_internal.h"

static struct log_class log_class = {"policer", "interface"};

#define POLICER_POINTS 3

/* Both protocols and layers at once: an interface is in one layer. */
static const struct {
    const char *word;
    struct {
        const char *arc, *node;
    } points[POLICER_POINTS];
} directions[POLICER_DIRECTION_N] = {
    [POLICER_INPUT] = {"input",
                       {{"ip4-unicast", "policer-input"},
                        {"ip6-unicast", "policer-input"},
                        {"l2-input", "l2-policer-input"}}},
    [POLICER_OUTPUT] = {"output",
                        {{"ip4-output", "policer-output"},
                         {"ip6-output", "policer-output"},
                         {"l2-output", "l2-policer-output"}}},
};

static const struct classify_point kinds[POLICER_CLASSIFY_N] = {
    [POLICER_CLASSIFY_IP4] = {"ip4-unicast", "ip4-policer-classify", NULL, "ip4-table"},
    [POLICER_CLASSIFY_IP6] = {"ip6-unicast", "ip6-policer-classify", NULL, "ip6-table"},
    [POLICER_CLASSIFY_L2] = {"l2-input", "l2-policer-classify", NULL, "l2-table"},
};

/* --- by themselves --- */

u32 policer_of_interface(const struct piste *p, bool is_input, struct if_index i)
{
    const struct policer_state *s = policer_state_of(p);
    return i.i < s->of_interface[is_input].n ? s->of_interface[is_input].v[i.i] - 1 : POLICER_NONE;
}

static int policer_point(struct piste *p, bool is_input, u32 point, struct if_index i, u32 index,
                         struct error *e)
{
    bool on = index != POLICER_NONE;
    return feature_enable(engine_of(p), directions[is_input].points[point].arc,
                          directions[is_input].points[point].node, i, on, on ? index : 0, e);
}

int policer_set_interface(struct piste *p, bool is_input, struct if_index i, u32 index,
                          struct error *e)
{
    struct policer_state *s = policer_state_of(p);
    u32 old = policer_of_interface(p, is_input, i), k = 0;
    int rc = 0;
    for (; k < POLICER_POINTS && !rc; k++)
        rc = policer_point(p, is_input, k, i, index, e);
    while (rc && k-- > 0) /* as it was */
        (void)!policer_point(p, is_input, k, i, old, NULL);
    if (rc)
        return rc;
    while (s->of_interface[is_input].n <= i.i)
        vec_add(&s->of_interface[is_input], 0);
    s->of_interface[is_input].v[i.i] = index + 1;
    return 0;
}

static u32 policer_of_punt(const struct piste *p, enum ip_family f)
{
    return policer_state_of(p)->of_punt[f] - 1;
}

/* The arc is local0's, see ip4_ends_node.c. */
int policer_set_punt(struct piste *p, enum ip_family f, u32 index, struct error *e)
{
    static const char *const arcs[IP_FAMILY_N] = {"ip4-punt", "ip6-punt"};
    static const char *const nodes[IP_FAMILY_N] = {"ip4-punt-policer", "ip6-punt-policer"};
    bool on = index != POLICER_NONE;
    int rc = feature_enable(engine_of(p), arcs[f], nodes[f], (struct if_index){0}, on,
                            on ? index : 0, e);
    if (!rc)
        policer_state_of(p)->of_punt[f] = index + 1;
    return rc;
}

void policer_interfaces_forget(struct piste *p, u32 index)
{
    const struct policer_state *s = policer_state_of(p);
    struct error e;
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        if (policer_of_punt(p, (enum ip_family)f) == index &&
            policer_set_punt(p, (enum ip_family)f, POLICER_NONE, &e))
            log_warn(&log_class, "%s", e.text);
    for (u32 d = 0; d < POLICER_DIRECTION_N; d++)
        for (u32 i = 0; i < s->of_interface[d].n; i++)
            if (s->of_interface[d].v[i] == index + 1 &&
                policer_set_interface(p, d == POLICER_INPUT, (struct if_index){i}, POLICER_NONE,
                                      &e))
                log_warn(&log_class, "%s", e.text);
}

/* --- by tables --- */

u32 policer_classify_table(const struct piste *p, enum policer_classify_kind kind,
                           struct if_index i)
{
    return classify_bound(&policer_state_of(p)->bound[kind], i);
}

int policer_classify_set(struct piste *p, struct if_index i, const u32 tables[POLICER_CLASSIFY_N],
                         bool add, struct error *e)
{
    return classify_bind(p, kinds, policer_state_of(p)->bound, POLICER_CLASSIFY_N, i, tables, add,
                         e);
}

void policer_each_table(struct piste *p, void (*fn)(void *arg, u32 table), void *arg)
{
    const struct policer_state *s = policer_state_of(p);
    for (u32 k = 0; k < POLICER_CLASSIFY_N; k++)
        for (u32 i = 0; i < s->bound[k].tables.n; i++)
            if (s->bound[k].tables.v[i])
                fn(arg, s->bound[k].tables.v[i] - 1);
}

static void policer_interface_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                           void *arg)
{
    struct error e = {0};
    int rc = 0;
    if (ev != IF_EVENT_DELETE)
        return;
    for (u32 d = 0; d < POLICER_DIRECTION_N; d++)
        if (policer_of_interface(p, d == POLICER_INPUT, f->index) != POLICER_NONE)
            rc |= policer_set_interface(p, d == POLICER_INPUT, f->index, POLICER_NONE, &e);
    rc |=
        classify_unbind_all(p, kinds, policer_state_of(p)->bound, POLICER_CLASSIFY_N, f->index, &e);
    if (rc)
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands --- */

int policer_set_classify_command(struct cli_call *c)
{
    return classify_bind_command(c, kinds, policer_state_of(c->piste)->bound, POLICER_CLASSIFY_N,
                                 NULL);
}

int policer_show_classify_command(struct cli_call *c)
{
    const struct policer_state *s = policer_state_of(c->piste);
    enum policer_classify_kind kind = cli_has(c, "l2")    ? POLICER_CLASSIFY_L2
                                      : cli_has(c, "ip6") ? POLICER_CLASSIFY_IP6
                                                          : POLICER_CLASSIFY_IP4;
    classify_show_bound(c, &s->bound[kind], "No classify policer tables configured");
    return 0;
}

void policer_interfaces_config(struct piste *p, struct text *t)
{
    const struct policer_state *s = policer_state_of(p);
    for (u32 d = 0; d < POLICER_DIRECTION_N; d++)
        for (u32 i = 0; i < s->of_interface[d].n; i++)
            if (s->of_interface[d].v[i])
                text_add(t, "policer %s name %s %s\n", directions[d].word,
                         policer_name(p, s->of_interface[d].v[i] - 1),
                         interface_at(p, (struct if_index){i})->name);
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        if (s->of_punt[f])
            text_add(t, "%s punt policer add name %s\n", f == IP_FAMILY_6 ? "ip6" : "ip",
                     policer_name(p, s->of_punt[f] - 1));
    for (u32 k = 0; k < POLICER_CLASSIFY_N; k++)
        for (u32 i = 0; i < s->bound[k].tables.n; i++)
            if (s->bound[k].tables.v[i])
                text_add(t, "set policer classify interface %s %s %u\n",
                         interface_at(p, (struct if_index){i})->name, kinds[k].word,
                         s->bound[k].tables.v[i] - 1);
}

/* --- nodes --- */

/* --- life --- */

void policer_interfaces_init(struct piste *p)
{
    interface_on_event(p, policer_interface_on_interface, NULL);
}

void policer_interfaces_fini(struct policer_state *s)
{
    for (u32 d = 0; d < POLICER_DIRECTION_N; d++)
        vec_free(&s->of_interface[d]);
    for (u32 k = 0; k < POLICER_CLASSIFY_N; k++)
        vec_free(&s->bound[k].tables);
}
