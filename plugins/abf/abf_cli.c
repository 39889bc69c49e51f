/* Commands of policies, and their lines of the running configuration; see abf.h. */
#include <errno.h>
#include <inttypes.h>

#include "base/out.h"
#include "base/text.h"
#include "net/ip/route/ip_path_cli.h"
#include "net/link/interface/interface.h"
#include "plugins/abf/abf.h"

/* --- policies --- */

static int abf_cli_policy(struct cli_call *c)
{
    struct ip_words w = {cli_str(c, "paths", "")};
    struct fib_path paths[FIB_PATHS_MAX];
    struct abf_policy x = {(u32)cli_u64(c, "id", 0), (u32)cli_u64(c, "acl", 0),
                           cli_has(c, "ip6")   ? IP_FAMILY_6
                           : cli_has(c, "ip4") ? IP_FAMILY_4
                                               : ip_paths_family(w),
                           LB_NONE};
    const struct abf_policy *have = abf_policy_find(c->piste, x.id);
    u32 n = 0;
    int rc = ip_paths_take(c->piste, &w, x.family, paths, &n, c->err);
    if (rc)
        return rc;
    if (cli_has(c, "del"))
        return abf_policy_del(c->piste, x.id, paths, n, c->err);
    if (!n)
        return error_set(c->err, EINVAL, "Hop address is missing");
    if (!cli_get(c, "acl") && !have)
        return error_set(c->err, EINVAL, "Specify an ACL ID");
    if (!cli_get(c, "acl"))
        x.acl = have->acl;
    return abf_policy_add(c->piste, &x, paths, n, c->err);
}

static int abf_cli_show_policies(struct cli_call *c)
{
    const struct abf_state *s = abf_state_of(c->piste);
    u32 *next = cli_kept(c, sizeof(*next), NULL);
    if (!c->again)
        out_array(c->out, "policies");
    for (; *next < s->policies.n; ++*next) {
        const struct abf_policy *x = &s->policies.v[*next];
        if (cli_full(c))
            return CLI_MORE;
        if (x->lb.i == LB_NONE.i || (cli_get(c, "id") && x->id != cli_u64(c, "id", 0)))
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "index", *next, "abf:[%" PRIu64 "]: ");
        out_u64(c->out, "policy", x->id, "policy:%" PRIu64);
        out_u64(c->out, "acl", x->acl, " acl:%" PRIu64 "\n ");
        out_str(c->out, "family", ip_family_name(x->family), NULL);
        fib_paths_show(fib_of(c->piste), c->out, x->lb, 4);
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- attachments --- */

static int abf_cli_attach(struct cli_call *c)
{
    const char *priority = cli_get(c, "priority-of") ? "priority-of" : "priority-behind";
    struct abf_attachment x = {(u32)cli_u64(c, "id", 0), (u32)cli_u64(c, priority, 0),
                               cli_interface(c, "interface")->index,
                               ip_family_of(cli_has(c, "ip6"))};
    return cli_has(c, "del") ? abf_detach(c->piste, &x, c->err) : abf_attach(c->piste, &x, c->err);
}

static void abf_cli_show_attached(struct cli_call *c, const struct interface *it, enum ip_family f)
{
    const struct abf_state *s = abf_state_of(c->piste);
    bool any = false;
    for (u32 k = 0; k < s->attachments.n; k++) {
        const struct abf_attachment *a = &s->attachments.v[k];
        if (!if_equal(a->interface, it->index) || a->family != f)
            continue;
        if (!any)
            out_text(c->out, "%s:\n", f == IP_FAMILY_4 ? "ipv4" : "ipv6");
        any = true;
        out_object(c->out, NULL);
        out_str(c->out, "family", ip_family_name(f), NULL);
        out_u64(c->out, "policy", a->policy, " abf-interface-attach: policy:%" PRIu64);
        out_u64(c->out, "priority", a->priority, " priority:%" PRIu64 "\n");
        fib_paths_show_forwarding(fib_of(c->piste), c->out,
                                  abf_policy_find(c->piste, a->policy)->lb);
        out_end(c->out);
    }
}

static bool abf_cli_has_any(const struct interface *it)
{
    const struct abf_interface *x = &abf_interfaces[it->index.i];
    return x->chain[IP_FAMILY_4] || x->chain[IP_FAMILY_6];
}

static int abf_cli_show_interface(struct cli_call *c)
{
    u32 *next = cli_kept(c, sizeof(*next), NULL);
    const struct interface *only = cli_get(c, "interface") ? cli_interface(c, "interface") : NULL;
    const struct interface *it;
    if (!c->again)
        out_array(c->out, "interfaces");
    for (; (it = only ? only : interface_next(c->piste, *next)); *next = it->index.i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (abf_cli_has_any(it)) {
            out_object(c->out, NULL);
            out_str(c->out, "interface", it->name, only ? NULL : "%s\n");
            out_array(c->out, "attachments");
            for (u32 f = 0; f < IP_FAMILY_N; f++)
                abf_cli_show_attached(c, it, (enum ip_family)f);
            out_end(c->out);
            out_end(c->out);
        }
        if (only)
            break;
    }
    out_end(c->out);
    return 0;
}

const struct cli_command abf_commands[] = {
    {"abf policy [add|del] (id <id:u32>) [acl <acl:u32>] [ip4|ip6] <paths:rest>",
     "Paths for the packets that an access list permits, via PATH ... as of routes, added or taken "
     "away; the first ones make the policy, del of all ends it",
     abf_cli_policy, 0},
    {"abf attach ( ip4 | ip6 ) [del] (policy <id:u32>) [priority <priority-of:u32>] <interface> "
     "[priority <priority-behind:u32>]",
     "A policy on what an interface receives; the lowest priority is looked at first",
     abf_cli_attach, 0},
    {"show abf policy [<id:u32>]", "Policies and their paths", abf_cli_show_policies, 0},
    {"show abf attach [<interface>]", "The policies on an interface, and where they lead",
     abf_cli_show_interface, 0},
    {0},
};

/* --- running config --- */

static void abf_cli_write_policy(struct piste *p, const struct abf_policy *x, struct text *t)
{
    text_add(t, "abf policy add id %u acl %u %s", x->id, x->acl, ip_family_name(x->family));
    ip_paths_words(p, x->family, x->lb, t);
    text_putc(t, '\n');
}

void abf_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct abf_state *s = state;
    if (phase != RC_ROUTES)
        return;
    for (u32 k = 0; k < s->policies.n; k++)
        if (s->policies.v[k].lb.i != LB_NONE.i)
            abf_cli_write_policy(p, &s->policies.v[k], t);
    for (u32 k = 0; k < s->attachments.n; k++) {
        const struct abf_attachment *a = &s->attachments.v[k];
        text_add(t, "abf attach %s policy %u priority %u %s\n", ip_family_name(a->family),
                 a->policy, a->priority, interface_at(p, a->interface)->name);
    }
}
