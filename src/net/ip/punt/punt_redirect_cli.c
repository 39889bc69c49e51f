/* Commands of punt redirects, and their lines of the running configuration; see punt_redirect.h. */
#include <errno.h>

#include "base/out.h"
#include "base/text.h"
#include "net/ip/punt/punt_redirect.h"
#include "net/ip/route/ip_path_cli.h"

static const char *const punt_redirect_words[IP_FAMILY_N] = {
    [IP_FAMILY_4] = "ip",
    [IP_FAMILY_6] = "ip6",
};

static int punt_redirect_command(struct cli_call *c, enum ip_family f)
{
    struct ip_words w = {cli_str(c, "rest", "")};
    const struct interface *it = cli_has(c, "interface") ? cli_interface(c, "interface") : NULL;
    struct if_index rx = it ? it->index : IF_NONE;
    struct fib_path paths[FIB_PATHS_MAX];
    u32 n;
    int rc = ip_paths_take(c->piste, &w, f, paths, &n, c->err);
    if (rc)
        return rc;
    if (cli_has(c, "del"))
        return punt_redirect_del(c->piste, f, rx, c->err);
    if (!n)
        return error_set(c->err, EINVAL, "Specify some paths");
    return punt_redirect_set(c->piste, f, rx, paths, n, c->err);
}

static int punt_redirect_command_ip4(struct cli_call *c)
{
    return punt_redirect_command(c, IP_FAMILY_4);
}

static int punt_redirect_command_ip6(struct cli_call *c)
{
    return punt_redirect_command(c, IP_FAMILY_6);
}

/* --- show --- */

static const char *punt_redirect_rx_name(const struct piste *p, struct if_index rx)
{
    return if_is_none(rx) ? "all" : interface_at(p, rx)->name;
}

static void punt_redirect_show_one(void *arg, struct if_index rx, struct lb_index lb)
{
    struct cli_call *c = arg;
    out_object(c->out, NULL);
    out_str(c->out, "rx", punt_redirect_rx_name(c->piste, rx), " rx %s via:\n");
    fib_paths_show(fib_of(c->piste), c->out, lb, 3);
    out_text(c->out, " forwarding\n");
    fib_paths_show_forwarding(fib_of(c->piste), c->out, lb);
    out_end(c->out);
}

static int punt_redirect_show(struct cli_call *c, enum ip_family f)
{
    out_array(c->out, "redirects");
    punt_redirect_each(c->piste, f, punt_redirect_show_one, c);
    out_end(c->out);
    return 0;
}

static int punt_redirect_show_ip4(struct cli_call *c)
{
    return punt_redirect_show(c, IP_FAMILY_4);
}

static int punt_redirect_show_ip6(struct cli_call *c)
{
    return punt_redirect_show(c, IP_FAMILY_6);
}

#define PUNT_REDIRECT_GRAMMAR " punt redirect [add|del] rx ( all | <interface> ) <rest>"
#define PUNT_REDIRECT_HELP                                                                         \
    "leaves by paths of its own instead of ending, by what it came in or all: "                    \
    "via PATH ..., as of routes"

const struct cli_command punt_redirect_commands[] = {
    {"ip" PUNT_REDIRECT_GRAMMAR, "What is punted of IPv4 " PUNT_REDIRECT_HELP,
     punt_redirect_command_ip4, 0},
    {"ip6" PUNT_REDIRECT_GRAMMAR, "What is punted of IPv6 " PUNT_REDIRECT_HELP,
     punt_redirect_command_ip6, 0},
    {"show ip punt redirect", "Where punted packets of IPv4 leave", punt_redirect_show_ip4, 0},
    {"show ip6 punt redirect", "Where punted packets of IPv6 leave", punt_redirect_show_ip6, 0},
    {0},
};

/* --- running config --- */

struct punt_redirect_writer {
    struct piste *p;
    enum ip_family family;
    struct text *t;
};

static void punt_redirect_write(void *arg, struct if_index rx, struct lb_index lb)
{
    const struct punt_redirect_writer *w = arg;
    text_add(w->t, "%s punt redirect add rx %s", punt_redirect_words[w->family],
             punt_redirect_rx_name(w->p, rx));
    ip_paths_words(w->p, w->family, lb, w->t);
    text_add(w->t, "\n");
}

void punt_redirect_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    for (enum ip_family f = 0; phase == RC_ROUTES && f < IP_FAMILY_N; f++) {
        struct punt_redirect_writer w = {p, f, t};
        punt_redirect_each(p, f, punt_redirect_write, &w);
    }
}
