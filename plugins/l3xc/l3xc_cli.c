/* Commands of cross-connects, and their lines of the running configuration; see l3xc.h. */
#include <errno.h>
#include <inttypes.h>

#include "base/out.h"
#include "base/text.h"
#include "net/ip/route/ip_path_cli.h"
#include "net/link/interface/interface.h"
#include "plugins/l3xc/l3xc.h"

/* Their protocol is ours to say: VPP takes it from the paths, which do not always tell. */
static bool take_family(struct ip_words *w, enum ip_family *f)
{
    for (*f = 0; *f < IP_FAMILY_N; ++*f)
        if (ip_words_take(w, ip_family_name(*f)))
            return true;
    *f = ip_paths_family(*w);
    return false;
}

/* Of the protocol that is said; of both when nothing tells. */
static int l3xc_cli_del(struct cli_call *c, struct if_index i, bool said, enum ip_family f)
{
    if (said)
        return l3xc_del(c->piste, i, f, c->err);
    bool any = false;
    for (f = 0; f < IP_FAMILY_N; f++) {
        if (l3xc_find(c->piste, i, f) == L3XC_NONE)
            continue;
        int rc = l3xc_del(c->piste, i, f, c->err);
        if (rc)
            return rc;
        any = true;
    }
    return any ? 0 : error_set(c->err, ENOENT, "no cross-connect there");
}

static int l3xc_command(struct cli_call *c)
{
    struct ip_words w = {cli_str(c, "rest", "")};
    struct if_index i = cli_interface(c, "interface")->index;
    struct fib_path paths[FIB_PATHS_MAX];
    enum ip_family f;
    u32 n, index;
    bool said = take_family(&w, &f);
    int rc = ip_paths_take(c->piste, &w, f, paths, &n, c->err);
    if (rc)
        return rc;
    if (cli_has(c, "del"))
        return l3xc_cli_del(c, i, said || n, f);
    if (!n)
        return error_set(c->err, EINVAL, "Specify some paths");
    return l3xc_set(c->piste, i, f, paths, n, &index, c->err);
}

static int l3xc_show(struct cli_call *c)
{
    const struct l3xc *x;
    out_array(c->out, "l3xc");
    for (u32 k, from = 0; (x = l3xc_next(c->piste, from, &k)); from = k + 1) {
        const struct interface *it = interface_at(c->piste, x->interface);
        out_object(c->out, NULL);
        out_u64(c->out, "index", k, "l3xc:[%" PRIu64 "]");
        out_str(c->out, "interface", it->name, ": %s\n");
        out_str(c->out, "family", ip_family_name(x->family), NULL);
        fib_paths_show(fib_of(c->piste), c->out, x->lb, 4);
        out_text(c->out, "\n");
        fib_paths_show_forwarding(fib_of(c->piste), c->out, x->lb);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

const struct cli_command l3xc_commands[] = {
    {"l3xc [add|del] <interface> <rest>",
     "Cross-connects what an interface receives to paths: [ip4 | ip6] via PATH ..., as of routes",
     l3xc_command, 0},
    {"show l3xc", "Cross-connects of layer 3", l3xc_show, 0},
    {0},
};

/* --- running config --- */

static void l3xc_write(struct piste *p, const struct l3xc *x, const char *name, struct text *t)
{
    struct text via = {0};
    ip_paths_words(p, x->family, x->lb, &via);
    text_add(t, "l3xc add %s", name);
    if (ip_paths_family((struct ip_words){text_str(&via)}) != x->family)
        text_add(t, " %s", ip_family_name(x->family));
    text_add(t, "%s\n", text_str(&via));
    text_free(&via);
}

void l3xc_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct interface *it;
    for (u32 i = 0; phase == RC_ROUTES && (it = interface_next(p, i)); i = it->index.i + 1)
        for (enum ip_family f = 0; f < IP_FAMILY_N; f++) {
            u32 k = l3xc_find(p, it->index, f);
            if (k != L3XC_NONE)
                l3xc_write(p, l3xc_next(p, k, &k), it->name, t);
        }
}
