#include "net/features/classify/classify_binding.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/out.h"
#include "engine/feature.h"
#include "net/link/interface/interface.h"

u32 classify_bound(const struct classify_binding *b, struct if_index i)
{
    return i.i < b->tables.n ? b->tables.v[i.i] - 1 : CLASSIFY_NONE;
}

/* table CLASSIFY_NONE: none any more. */
static int bind_one(struct piste *p, const struct classify_point *at, struct classify_binding *b,
                    struct if_index i, u32 table, struct error *e)
{
    u32 old = classify_bound(b, i);
    bool on = table != CLASSIFY_NONE;
    int rc = on ? classify_table_ref(p, table, e) : 0;
    if (rc)
        return rc;
    rc = feature_enable(engine_of(p), at->arc, at->node, i, on, on ? table : 0, e);
    if (rc) {
        if (on)
            classify_table_unref(p, table);
        return rc;
    }
    while (b->tables.n <= i.i)
        vec_add(&b->tables, 0);
    b->tables.v[i.i] = table + 1;
    if (old != CLASSIFY_NONE)
        classify_table_unref(p, old);
    return 0;
}

int classify_bind(struct piste *p, const struct classify_point *points, struct classify_binding *b,
                  u32 n, struct if_index i, const u32 *tables, bool add, struct error *e)
{
    int rc = 0;
    for (u32 k = 0; add && k < n; k++)
        if (tables[k] != CLASSIFY_NONE && !classify_table_at(tables[k]))
            return error_set(e, ENOENT, "No such classifier table");
    for (u32 k = 0; !rc && k < n; k++)
        if (tables[k] != CLASSIFY_NONE && (add || classify_bound(&b[k], i) == tables[k]))
            rc = bind_one(p, &points[k], &b[k], i, add ? tables[k] : CLASSIFY_NONE, e);
    return rc;
}

int classify_unbind_all(struct piste *p, const struct classify_point *points,
                        struct classify_binding *b, u32 n, struct if_index i, struct error *e)
{
    int rc = 0;
    for (u32 k = 0; k < n; k++)
        if (classify_bound(&b[k], i) != CLASSIFY_NONE)
            rc |= bind_one(p, &points[k], &b[k], i, CLASSIFY_NONE, e);
    return rc;
}

/* --- commands --- */

int classify_bind_command(struct cli_call *c, const struct classify_point *points,
                          struct classify_binding *b, u32 n, const char *direction)
{
    const struct interface *f = cli_interface(c, "interface");
    u32 tables[CLASSIFY_POINTS_MAX];
    bool any = false;
    if (!f)
        return error_set(c->err, EINVAL, "Interface must be specified.");
    for (u32 k = 0; k < n; k++) {
        bool here = !direction || !strcmp(points[k].direction, direction);
        tables[k] = here ? (u32)cli_u64(c, points[k].word, CLASSIFY_NONE) : CLASSIFY_NONE;
        any |= tables[k] != CLASSIFY_NONE;
    }
    if (!any)
        return error_set(c->err, EINVAL, "Table index must be specified.");
    return classify_bind(c->piste, points, b, n, f->index, tables, !cli_has(c, "del"), c->err);
}

void classify_show_bound(struct cli_call *c, const struct classify_binding *b, const char *none)
{
    bool any = false;
    out_array(c->out, "tables");
    for (u32 i = 0; i < b->tables.n; i++) {
        if (!b->tables.v[i])
            continue;
        if (!any)
            out_text(c->out, "%10s%20s\t\t%s\n", "Intfc idx", "Classify table", "Interface name");
        any = true;
        out_object(c->out, NULL);
        out_u64(c->out, "sw_if_index", i, "%10" PRIu64);
        out_u64(c->out, "table", b->tables.v[i] - 1, "%20" PRIu64);
        out_str(c->out, "name", interface_at(c->piste, (struct if_index){i})->name, "\t\t%s\n");
        out_end(c->out);
    }
    out_end(c->out);
    if (!any)
        out_text(c->out, "%s\n", none);
}
