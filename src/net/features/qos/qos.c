/* Which interfaces record, store and mark, and the maps. See qos.h. */
#include "net/features/qos/qos.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/features/qos/qos_internal.h"

static struct log_class log_class = {"qos", "interface"};

struct map_entry {
    struct qos_map *map; /* owned; data threads read it */
    u32 id, users;
};

/* By interface. */
struct on_interface {
    bool recorded[QOS_SOURCE_N];
    bool stored; /* `value` */
    u8 value;
    u32 marked[QOS_SOURCE_N]; /* map's id + 1; 0: not marked */
};

struct state {
    VEC(struct map_entry) maps; /* by id */
    VEC(struct on_interface) interfaces;
};

const char *qos_source_name(enum qos_source source)
{
    static const char *const names[QOS_SOURCE_N] = {"ext", "vlan", "mpls", "ip"};
    return names[source];
}

const char qos_module_name[] = "qos";

static struct state *qos_state_of(const struct piste *p)
{
    return module_state(p, qos_module_name);
}

static const struct on_interface *qos_on(const struct piste *p, struct if_index i)
{
    static const struct on_interface nothing;
    const struct state *s = qos_state_of(p);
    return i.i < s->interfaces.n ? &s->interfaces.v[i.i] : &nothing;
}

static struct on_interface *qos_change(struct piste *p, struct if_index i)
{
    struct state *s = qos_state_of(p);
    while (s->interfaces.n <= i.i)
        vec_add(&s->interfaces, ((struct on_interface){0}));
    return &s->interfaces.v[i.i];
}

/* --- features --- */

struct point {
    const char *arc, *node;
};

#define POINTS_MAX 5

/* Of a source, where it is supported. An interface is in one layer, whichever. */
static const struct point record_points[QOS_SOURCE_N][POINTS_MAX] = {
    [QOS_VLAN] = {{"ip4-unicast", "vlan-ip4-qos-record"},
                  {"ip4-multicast", "vlan-ip4-qos-record"},
                  {"ip6-unicast", "vlan-ip6-qos-record"},
                  {"ip6-multicast", "vlan-ip6-qos-record"}},
    [QOS_IP] = {{"ip4-unicast", "ip4-qos-record"},
                {"ip4-multicast", "ip4-qos-record"},
                {"ip6-unicast", "ip6-qos-record"},
                {"ip6-multicast", "ip6-qos-record"},
                {"l2-input", "l2-ip-qos-record"}},
};
static const struct point store_points[QOS_SOURCE_N][POINTS_MAX] = {
    [QOS_IP] = {{"ip4-unicast", "ip4-qos-store"},
                {"ip4-multicast", "ip4-qos-store"},
                {"ip6-unicast", "ip6-qos-store"},
                {"ip6-multicast", "ip6-qos-store"}},
};
static const struct point mark_points[QOS_SOURCE_N][POINTS_MAX] = {
    [QOS_VLAN] = {{"ip4-output", "vlan-ip4-qos-mark"}, {"ip6-output", "vlan-ip6-qos-mark"}},
    [QOS_IP] = {{"ip4-output", "ip4-qos-mark"}, {"ip6-output", "ip6-qos-mark"}},
};

/* All points or none: old is what the data was when was_on. */
static int qos_enable(struct piste *p, const struct point *points, struct if_index i, bool on,
                      u64 data, bool was_on, u64 old, struct error *e)
{
    struct engine *engine = engine_of(p);
    int rc = 0;
    u32 k = 0;
    for (; k < POINTS_MAX && points[k].arc && !rc; k++)
        rc = feature_enable(engine, points[k].arc, points[k].node, i, on, data, e);
    while (rc && k-- > 0) /* as it was */
        (void)!feature_enable(engine, points[k].arc, points[k].node, i, was_on, old, NULL);
    return rc;
}

static int check_source(const struct point *points, enum qos_source source, const char *what,
                        struct error *e)
{
    return points->arc ? 0
                       : error_set(e, EOPNOTSUPP, "%s is not possible for %s", what,
                                   qos_source_name(source));
}

/* --- record and store --- */

int qos_set_record(struct piste *p, struct if_index i, enum qos_source source, bool yes,
                   struct error *e)
{
    int rc = check_source(record_points[source], source, "record", e);
    if (rc)
        return rc;
    if (!yes && !qos_on(p, i)->recorded[source])
        return error_set(e, ENOENT, "%s is not recorded there", qos_source_name(source));
    rc = qos_enable(p, record_points[source], i, yes, source, qos_on(p, i)->recorded[source],
                    source, e);
    if (!rc)
        qos_change(p, i)->recorded[source] = yes;
    return rc;
}

bool qos_is_recorded(const struct piste *p, struct if_index i, enum qos_source source)
{
    return qos_on(p, i)->recorded[source];
}

int qos_set_store(struct piste *p, struct if_index i, enum qos_source source, u32 value,
                  struct error *e)
{
    bool yes = value != QOS_STORE_NONE;
    int rc = check_source(store_points[source], source, "store", e);
    if (rc)
        return rc;
    if (!yes && !qos_on(p, i)->stored)
        return error_set(e, ENOENT, "%s is not stored there", qos_source_name(source));
    if (yes && value >= QOS_VALUES)
        return error_set(e, EINVAL, "a value is 0 to %d", QOS_VALUES - 1);
    rc = qos_enable(p, store_points[source], i, yes, yes ? value : 0, qos_on(p, i)->stored,
                    qos_on(p, i)->value, e);
    if (!rc) {
        qos_change(p, i)->stored = yes;
        qos_change(p, i)->value = (u8)value;
    }
    return rc;
}

u32 qos_stored(const struct piste *p, struct if_index i, enum qos_source source)
{
    return source == QOS_IP && qos_on(p, i)->stored ? qos_on(p, i)->value : QOS_STORE_NONE;
}

/* --- maps --- */

static struct map_entry *qos_entry_of(const struct piste *p, u32 id)
{
    const struct state *s = qos_state_of(p);
    for (u32 k = 0; k < s->maps.n; k++)
        if (s->maps.v[k].id == id)
            return &s->maps.v[k];
    return NULL;
}

static struct map_entry *qos_must_find(const struct piste *p, u32 id, struct error *e)
{
    struct map_entry *x = qos_entry_of(p, id);
    if (!x)
        (void)error_set(e, ENOENT, "No such map");
    return x;
}

static int qos_by_id(const void *a, const void *b)
{
    u32 x = ((const struct map_entry *)a)->id, y = ((const struct map_entry *)b)->id;
    return (x > y) - (x < y);
}

void qos_map_set(struct piste *p, u32 id, const struct qos_map *map)
{
    struct state *s = qos_state_of(p);
    struct map_entry *x = qos_entry_of(p, id);
    if (!x) {
        struct qos_map *new = mem_alloc(sizeof(*new));
        *new = *map;
        vec_add(&s->maps, ((struct map_entry){new, id, 0}));
        qsort(s->maps.v, s->maps.n, sizeof(s->maps.v[0]), qos_by_id);
        return;
    }
    for (u32 k = 0; k < QOS_SOURCE_N; k++)
        for (u32 v = 0; v < QOS_VALUES; v++)
            __atomic_store_n(&x->map->rows[k][v], map->rows[k][v], __ATOMIC_RELAXED);
}

int qos_map_del(struct piste *p, u32 id, struct error *e)
{
    struct state *s = qos_state_of(p);
    const struct map_entry *x = qos_must_find(p, id, e);
    if (!x)
        return -ENOENT;
    if (x->users)
        return error_set(e, EBUSY, "map %u is in use", id);
    engine_defer_free(engine_of(p), free, x->map);
    u32 at = (u32)(x - s->maps.v);
    vec_del(&s->maps, at);
    return 0;
}

const struct qos_map *qos_map_find(const struct piste *p, u32 id)
{
    const struct map_entry *x = qos_entry_of(p, id);
    return x ? x->map : NULL;
}

bool qos_map_at(const struct piste *p, u32 k, u32 *id)
{
    const struct state *s = qos_state_of(p);
    if (k >= s->maps.n)
        return false;
    *id = s->maps.v[k].id;
    return true;
}

/* --- marks --- */

/* marked: a map's id + 1; 0: none. */
static u64 map_data(struct piste *p, u32 marked)
{
    return marked ? (u64)(uintptr_t)qos_entry_of(p, marked - 1)->map : 0;
}

int qos_set_mark(struct piste *p, struct if_index i, enum qos_source source, u32 map_id,
                 struct error *e)
{
    int rc = check_source(mark_points[source], source, "mark", e);
    if (!rc && map_id == UINT32_MAX)
        rc = error_set(e, EINVAL, "a map's id is less than %u", UINT32_MAX);
    struct map_entry *x = rc ? NULL : qos_must_find(p, map_id, e);
    u32 old = qos_on(p, i)->marked[source];
    if (!x)
        return rc ? rc : -ENOENT;
    rc = qos_enable(p, mark_points[source], i, true, (u64)(uintptr_t)x->map, old != 0,
                    map_data(p, old), e);
    if (rc)
        return rc;
    x->users++;
    if (old)
        qos_entry_of(p, old - 1)->users--;
    qos_change(p, i)->marked[source] = map_id + 1;
    return 0;
}

int qos_clear_mark(struct piste *p, struct if_index i, enum qos_source source, struct error *e)
{
    u32 old = qos_on(p, i)->marked[source];
    if (!old)
        return error_set(e, ENOENT, "%s is not marked there", qos_source_name(source));
    int rc = qos_enable(p, mark_points[source], i, false, 0, true, map_data(p, old), e);
    if (rc)
        return rc;
    qos_entry_of(p, old - 1)->users--;
    qos_change(p, i)->marked[source] = 0;
    return 0;
}

bool qos_marked_by(const struct piste *p, struct if_index i, enum qos_source source, u32 *map_id)
{
    *map_id = qos_on(p, i)->marked[source] - 1;
    return qos_on(p, i)->marked[source];
}

/* --- interfaces that go --- */

static void qos_on_event(struct piste *p, struct interface *f, enum if_event ev, void *arg)
{
    struct if_index i = f->index;
    struct error e = {0};
    int rc = 0;
    if (ev != IF_EVENT_DELETE)
        return;
    for (u32 k = 0; k < QOS_SOURCE_N; k++) {
        enum qos_source source = (enum qos_source)k;
        if (qos_on(p, i)->recorded[k])
            rc |= qos_set_record(p, i, source, false, &e);
        if (qos_on(p, i)->marked[k])
            rc |= qos_clear_mark(p, i, source, &e);
    }
    if (qos_on(p, i)->stored)
        rc |= qos_set_store(p, i, QOS_IP, QOS_STORE_NONE, &e);
    if (rc)
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- nodes --- */

/* --- module --- */

int qos_init(struct piste *p, void **state, struct error *e)
{
    struct state *s = mem_alloc(sizeof(*s));
    interface_on_event(p, qos_on_event, s);
    *state = s;
    return 0;
}

void qos_stop(struct piste *p, void *state)
{
    struct state *s = state;
    for (u32 k = 0; k < s->maps.n; k++)
        engine_defer_free(engine_of(p), free, s->maps.v[k].map);
    vec_free(&s->maps);
    vec_free(&s->interfaces);
    free(s);
}
