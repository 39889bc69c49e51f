/* What interfaces have in the running config. Names are the hard part: what makes an interface
 * gives it the name of its kind, and people rename interfaces, to names that others had before or
 * to each other's. So here is kept what an interface is called at each point of the replay, and who
 * stands in the way of a name goes aside for a moment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "control/cli.h"
#include "engine/tx_queue.h"
#include "net/link/interface/interface_internal.h"

#define INTERFACES_A_PIECE 256

enum naming_step { NAMING_CALL, NAMING_RENAME, NAMING_SUBS, NAMING_END };

/* Between two pieces interfaces may come and go. */
struct naming {
    const struct piste *p;
    struct text *t;
    char (*now)[IF_NAME_BYTES]; /* by interface index; "": it is not called anything yet */
    u32 n_now;
    struct hash by_name; /* IF_NAME_BYTES -> index */
    u32 n_aside;
    enum naming_step step;
    u32 next; /* interface */
};

static void key_of(char key[IF_NAME_BYTES], const char *name)
{
    memset(key, 0, IF_NAME_BYTES);
    snprintf(key, IF_NAME_BYTES, "%s", name);
}

static void interface_config_call(struct naming *n, const struct interface *f, const char *name)
{
    if (f->index.i >= n->n_now) {
        u32 room = 2 * f->index.i + 64;
        n->now = mem_resize(n->now, room * sizeof(*n->now));
        memset(n->now[n->n_now], 0, (room - n->n_now) * sizeof(*n->now));
        n->n_now = room;
    }
    key_of(n->now[f->index.i], name);
    hash_set(&n->by_name, n->now[f->index.i], f->index.i);
}

static struct interface *interface_config_called(const struct naming *n, const char *name)
{
    char key[IF_NAME_BYTES];
    u64 i;
    key_of(key, name);
    return hash_get(&n->by_name, key, &i) ? interface_at(n->p, (struct if_index){(u32)i}) : NULL;
}

static void rename_to(struct naming *n, const struct interface *f, const char *name)
{
    text_add(n->t, "set interface name %s %s\n", n->now[f->index.i], name);
    hash_del(&n->by_name, n->now[f->index.i]);
    interface_config_call(n, f, name);
}

/* The interface that is called so, if any, gets a name that none has or will have; it is returned.
 */
static const struct interface *put_aside(struct naming *n, const char *name)
{
    char free_name[IF_NAME_BYTES];
    const struct interface *f = interface_config_called(n, name);
    if (!f)
        return NULL;
    do
        snprintf(free_name, sizeof(free_name), "aside%u", n->n_aside++);
    while (interface_config_called(n, free_name) || interface_find(n->p, free_name));
    rename_to(n, f, free_name);
    return f;
}

static const char *made_as(const struct interface *f)
{
    return f->original_name[0] ? f->original_name : f->name;
}

/* Renames f, after whoever is called so, after whoever is in that one's way, and so on. In a circle
 * one has to go aside: the same whatever the order of interfaces, so that a start changes no line.
 */
static void rename_chain(struct naming *n, const struct interface *f)
{
    VEC(const struct interface *) chain = {0};
    const struct interface *next = f;
    u32 first = 0;
    do {
        vec_add(&chain, next);
        next = interface_config_called(n, next->name);
    } while (next && next != f);
    for (u32 i = 1; next && i < chain.n; i++)
        if (strcmp(chain.v[i]->name, chain.v[first]->name) < 0)
            first = i;
    if (next)
        put_aside(n, n->now[chain.v[first]->index.i]);
    for (u32 i = chain.n; i-- > 0;) {
        const struct interface *one = chain.v[(first + i) % chain.n];
        rename_to(n, one, one->name);
    }
    vec_free(&chain);
}

static void name_one(struct naming *n, const struct interface *f)
{
    if (f->index.i >= n->n_now || !n->now[f->index.i][0])
        interface_config_call(n, f, made_as(f));
    if (n->step == NAMING_RENAME && strcmp(n->now[f->index.i], f->name) != 0)
        rename_chain(n, f);
}

/* All others have their names already: those of sub-interfaces that were made before, too. */
static void make_sub(struct naming *n, const struct interface *f)
{
    char name[2 * IF_NAME_BYTES], made[IF_NAME_BYTES];
    snprintf(name, sizeof(name), "%s.%u", f->super->name, f->cls->sub_id(f->port));
    key_of(made, name);
    const struct interface *aside = put_aside(n, made);
    f->cls->running_config(f->port, n->t);
    interface_config_call(n, f, made);
    if (strcmp(made, f->name) != 0)
        rename_to(n, f, f->name);
    if (aside)
        rename_to(n, aside, made);
}

static struct naming *naming_new(const struct piste *p)
{
    struct naming *n = mem_alloc(sizeof(*n));
    n->p = p;
    hash_init(&n->by_name, IF_NAME_BYTES);
    return n;
}

static void naming_free(struct naming *n)
{
    if (!n)
        return;
    hash_fini(&n->by_name);
    free(n->now);
    free(n);
}

/* A piece of: what all are called when they are made; what they are renamed to; sub-interfaces. */
static bool names_and_subs(struct naming *n, struct text *t)
{
    n->t = t;
    for (u32 k = 0; k < INTERFACES_A_PIECE && n->step != NAMING_END; k++) {
        const struct interface *f = interface_next(n->p, n->next);
        n->next = f ? f->index.i + 1 : 0;
        if (!f)
            n->step++;
        else if (!!f->super != (n->step == NAMING_SUBS))
            continue;
        else if (f->super)
            make_sub(n, f);
        else
            name_one(n, f);
    }
    return n->step != NAMING_END;
}

static void queues_of(const struct piste *p, const struct interface *f, struct text *t)
{
    for (u32 q = 0; q < f->n_queues; q++) {
        const struct rx_queue *rx = f->queues[q];
        if (rx_queue_mode(engine_of(p), rx) != rx_queue_default_mode(engine_of(p)))
            text_add(t, "set interface rx-mode %s queue %u %s\n", f->name, q,
                     rx_mode_name(rx->mode));
        if (rx->placed_by_user)
            text_add(t, "set interface rx-placement %s queue %u worker %u\n", f->name, q,
                     rx->thread - 1);
    }
    for (u32 i = 0; f->tx && i < f->tx->n; i++) {
        const struct tx_queue *q = f->tx->v[i];
        if (!q->placed_by_user)
            continue;
        text_add(t, "set interface tx-queue %s queue %u", f->name, i);
        if (q->threads) {
            text_puts(t, " threads ");
            tx_threads_format(t, q->threads);
        }
        text_putc(t, '\n');
    }
}

static void config_of(const struct piste *p, const struct interface *f, struct text *t)
{
    static const char *const which[IF_MTU_N] = {"packet", "ip4", "ip6", "mpls"};
    if (f->mac_by_user && !f->cls->saves_mac)
        text_add(t, "set interface mac address %s %02x:%02x:%02x:%02x:%02x:%02x\n", f->name,
                 f->mac[0], f->mac[1], f->mac[2], f->mac[3], f->mac[4], f->mac[5]);
    interface_secondary_macs_config(f, t);
    if (f->frame_bytes_by_user && !f->super)
        text_add(t, "set interface mtu %u %s\n", f->max_frame_bytes, f->name);
    for (u32 i = 0; f->output && i < IF_MTU_N; i++)
        if (f->mtu[i] != (i || f->super ? 0 : f->max_frame_bytes))
            text_add(t, "set interface mtu %s %u %s\n", which[i], f->mtu[i], f->name);
    if (f->software_offload != f->default_software_offload)
        text_add(t, "set interface feature gso %s %s\n", f->name,
                 f->software_offload ? "enable" : "disable");
    if (f->promiscuous)
        text_add(t, "set interface promiscuous on %s\n", f->name);
    if (f->tag[0]) {
        text_add(t, "set interface tag %s ", f->name);
        cli_add_braced(t, f->tag);
        text_putc(t, '\n');
    }
    queues_of(p, f, t);
    if (f->admin_up || f->cls->saves_down)
        text_add(t, "set interface state %s %s\n", f->name, f->admin_up ? "up" : "down");
}

struct feature_lines {
    const struct interface *f;
    struct text *t;
};

static void feature_line(void *arg, const char *arc, const char *node, bool enabled)
{
    const struct feature_lines *lines = arg;
    text_add(lines->t, "set interface feature %s %s arc %s%s\n", lines->f->name, node, arc,
             enabled ? "" : " disable");
}

/* Where rows are. */
struct config_place {
    u32 round, next;
    bool subs;            /* they come behind all others, as in interface_next_written */
    struct naming *names; /* owned, of the interface module's own lines; NULL */
};

bool interface_config_rows(struct piste *p, u32 rounds, interface_config_fn *fn, void **place,
                           struct text *t)
{
    struct config_place *at = *place;
    if (!at)
        at = *place = mem_alloc(sizeof(*at));
    for (u32 n = 0; n < INTERFACES_A_PIECE; n++) {
        struct interface *f = interface_next(p, at->next);
        if (f) {
            if (!!f->super == at->subs)
                fn(p, f, at->round, t);
            at->next = f->index.i + 1;
            continue;
        }
        if (at->subs && ++at->round == rounds)
            return false;
        at->subs = !at->subs;
        at->next = 0;
    }
    return true;
}

static void config_of_making(struct piste *p, struct interface *f, u32 round, struct text *t)
{
    if (!f->super && f->cls->running_config)
        f->cls->running_config(f->port, t);
}

/* Sub-interfaces in the second round: they take from theirs. */
static void config_of_state(struct piste *p, struct interface *f, u32 round, struct text *t)
{
    if (!!f->super == round)
        config_of(p, f, t);
}

static void config_of_features(struct piste *p, struct interface *f, u32 round, struct text *t)
{
    struct feature_lines lines = {f, t};
    feature_each_by_user(engine_of(p), f->index, feature_line, &lines);
}

static bool names_rows(const struct piste *p, void **place, struct text *t)
{
    struct config_place *at = *place;
    if (!at) {
        at = *place = mem_alloc(sizeof(*at));
        at->names = naming_new(p);
    }
    return names_and_subs(at->names, t);
}

void interface_config_place_free(void *place)
{
    naming_free(((struct config_place *)place)->names);
    free(place);
}

bool interface_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                   struct text *t)
{
    switch (phase) {
    case RC_CREATE:
        return interface_config_rows(p, 1, config_of_making, place, t);
    case RC_SUB_INTERFACES:
        return names_rows(p, place, t);
    case RC_INTERFACE:
        return interface_config_rows(p, 2, config_of_state, place, t);
    case RC_OVERRIDES:
        return interface_config_rows(p, 1, config_of_features, place, t);
    default:
        return false;
    }
}

void interface_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct interface_settings *settings = module_settings(p, interface_module_name);
    if (phase == RC_GLOBAL &&
        (settings->has_rx_mode || rx_queue_default_mode(engine_of(p)) != RX_MODE_ADAPTIVE))
        text_add(t, "set interface default rx-mode %s\n",
                 rx_mode_name(rx_queue_default_mode(engine_of(p))));
}
