/* Settings by interface, and their commands; see mss_clamp.h. */
#include "plugins/mss_clamp/mss_clamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/cli.h"
#include "engine/feature.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"

const char mss_clamp_module_name[] = "mss_clamp";

static struct log_class log_class = {"mss-clamp", NULL};

struct mss_clamp_state {
    VEC(struct mss_clamp) of[IP_FAMILY_N]; /* by interface */
};

static struct mss_clamp_state *mss_clamp_state_of(const struct piste *p)
{
    return module_state(p, mss_clamp_module_name);
}

static const struct {
    enum ip_family family;
    enum mss_clamp_dir dir;
    const char *arc, *node;
} points[] = {
    {IP_FAMILY_4, MSS_CLAMP_RX, "ip4-unicast", "tcp-mss-clamping-ip4-in"},
    {IP_FAMILY_4, MSS_CLAMP_TX, "ip4-output", "tcp-mss-clamping-ip4-out"},
    {IP_FAMILY_6, MSS_CLAMP_RX, "ip6-unicast", "tcp-mss-clamping-ip6-in"},
    {IP_FAMILY_6, MSS_CLAMP_TX, "ip6-output", "tcp-mss-clamping-ip6-out"},
};

struct mss_clamp mss_clamp_of(const struct piste *p, struct if_index i, enum ip_family f)
{
    const struct mss_clamp_state *s = mss_clamp_state_of(p);
    return i.i < s->of[f].n ? s->of[f].v[i.i] : (struct mss_clamp){0};
}

bool mss_clamp_any(const struct piste *p, struct if_index i)
{
    return mss_clamp_of(p, i, IP_FAMILY_4).dirs || mss_clamp_of(p, i, IP_FAMILY_6).dirs;
}

/* Enabling what is enabled keeps its data: it is disabled first. */
static int points_set(struct piste *p, struct if_index i, enum ip_family f, struct mss_clamp x,
                      struct error *e)
{
    for (u32 k = 0; k < array_len(points); k++) {
        if (points[k].family != f)
            continue;
        bool on = x.dirs & points[k].dir;
        int rc = feature_enable(engine_of(p), points[k].arc, points[k].node, i, false, 0, e);
        if (!rc && on)
            rc = feature_enable(engine_of(p), points[k].arc, points[k].node, i, true, x.mss, e);
        if (rc)
            return rc;
    }
    return 0;
}

int mss_clamp_set(struct piste *p, struct if_index i, const struct mss_clamp clamps[IP_FAMILY_N],
                  struct error *e)
{
    struct mss_clamp_state *s = mss_clamp_state_of(p);
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        if (clamps[f].dirs & ~(MSS_CLAMP_RX | MSS_CLAMP_TX))
            return error_set(e, EINVAL, "unknown direction %u", clamps[f].dirs);
        if (clamps[f].dirs && !clamps[f].mss)
            return error_set(e, EINVAL, "Please specify the Max Segment Size for %s",
                             ip_family_name((enum ip_family)f));
    }
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        struct mss_clamp x = clamps[f], was = mss_clamp_of(p, i, (enum ip_family)f);
        if (!x.dirs)
            x.mss = 0;
        int rc = points_set(p, i, (enum ip_family)f, x, e);
        if (rc) {
            (void)!points_set(p, i, (enum ip_family)f, was, NULL);
            return rc;
        }
        while (s->of[f].n <= i.i)
            vec_add(&s->of[f], (struct mss_clamp){0});
        s->of[f].v[i.i] = x;
    }
    return 0;
}

static void mss_clamp_on_interface(struct piste *p, struct interface *it, enum if_event ev,
                                   void *arg)
{
    const struct mss_clamp none[IP_FAMILY_N] = {{0}};
    struct error e;
    if (ev == IF_EVENT_DELETE && mss_clamp_any(p, it->index) &&
        mss_clamp_set(p, it->index, none, &e))
        log_warn(&log_class, "%s: %s", it->name, e.text);
}

/* --- commands --- */

/* By directions: none, rx, tx, both. */
static const char *const words[] = {"disable", "rx", "tx", "enable"};

static bool word_find(const char *word, u8 *dirs)
{
    for (u32 i = 0; i < array_len(words); i++)
        if (!strcmp(word, words[i])) {
            *dirs = (u8)i;
            return true;
        }
    return false;
}

static int mss_clamp_command(struct cli_call *c)
{
    struct interface *it = cli_interface(c, "interface");
    const char *word[IP_FAMILY_N] = {cli_str(c, "ip4-direction", ""),
                                     cli_str(c, "ip6-direction", "")};
    struct mss_clamp x[IP_FAMILY_N] = {{.mss = (u16)cli_u64(c, "ip4-mss", 0)},
                                       {.mss = (u16)cli_u64(c, "ip6-mss", 0)}};
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        if (!word_find(word[f], &x[f].dirs))
            return error_set(c->err, EINVAL,
                             "Please specify the MSS clamping direction for ip4 and ip6");
    return mss_clamp_set(c->piste, it->index, x, c->err);
}

static void mss_clamp_show_one(struct cli_call *c, const struct interface *it)
{
    static const char *const dirs[] = {"disabled", "rx", "tx", "rx tx"};
    out_object(c->out, NULL);
    out_str(c->out, "interface", it->name, "%s:");
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        struct mss_clamp x = mss_clamp_of(c->piste, it->index, (enum ip_family)f);
        out_text(c->out, " %s: ", ip_family_name((enum ip_family)f));
        out_object(c->out, ip_family_name((enum ip_family)f));
        out_str(c->out, "direction", dirs[x.dirs], "%s");
        if (x.dirs)
            out_u64(c->out, "mss", x.mss, " mss %" PRIu64);
        out_end(c->out);
    }
    out_text(c->out, "\n");
    out_end(c->out);
}

static int mss_clamp_show(struct cli_call *c)
{
    struct interface *it = cli_get(c, "interface") ? cli_interface(c, "interface") : NULL;
    out_array(c->out, "interfaces");
    if (it)
        mss_clamp_show_one(c, it);
    for (u32 i = 0; !it && (it = interface_next(c->piste, i)); i = it->index.i + 1, it = NULL)
        if (mss_clamp_any(c->piste, it->index))
            mss_clamp_show_one(c, it);
    out_end(c->out);
    return 0;
}

const struct cli_command mss_clamp_commands[] = {
    {"set interface tcp-mss-clamp <interface> [ip4 <ip4-direction:string>] [ip4-mss <ip4-mss:u16>] "
     "[ip6 <ip6-direction:string>] [ip6-mss <ip6-mss:u16>]",
     "Lowers the MSS of TCP connections through an interface: ip4 and ip6 are enable, disable, rx "
     "or tx",
     mss_clamp_command, 0},
    {"show interface tcp-mss-clamp [<interface>]", "Interfaces that lower the MSS", mss_clamp_show,
     0},
    {0},
};

void mss_clamp_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    struct interface *it;
    for (u32 i = 0; phase == RC_INTERFACE && (it = interface_next(p, i)); i = it->index.i + 1) {
        if (!mss_clamp_any(p, it->index))
            continue;
        text_add(t, "set interface tcp-mss-clamp %s", it->name);
        for (u32 f = 0; f < IP_FAMILY_N; f++) {
            struct mss_clamp x = mss_clamp_of(p, it->index, (enum ip_family)f);
            const char *name = ip_family_name((enum ip_family)f);
            text_add(t, " %s %s", name, words[x.dirs]);
            if (x.dirs)
                text_add(t, " %s-mss %u", name, x.mss);
        }
        text_puts(t, "\n");
    }
}

/* --- life --- */

int mss_clamp_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct mss_clamp_state));
    interface_on_event(p, mss_clamp_on_interface, NULL);
    return 0;
}

void mss_clamp_stop(struct piste *p, void *state)
{
    struct mss_clamp_state *s = state;
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        vec_free(&s->of[f]);
    free(s);
}
