/* `ip mroute', in VPP's free order of words, and its lines of the running configuration.
 *
 *   ip mroute (add | del) [SOURCE] GROUP[/LEN] [table ID] [source NAME] [rpf-id N] [ENTRY-FLAG]...
 *             [via (local | [NEXT-HOP] INTERFACE) [INTERFACE-FLAG]...]...
 *
 * The source's name is ours, as in `ip route`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/ip/mfib/mfib_internal.h"
#include "net/ip/mfib/mfib_show.h"
#include "net/ip/route/ip_path_cli.h"

#define ROUTES_A_PIECE 128 /* of a running config */

struct mroute_command {
    bool add;
    enum fib_source source;
    u64 table_id, rpf_id;
    u32 n_addresses; /* 2: a source in front of the group */
    struct mfib_name name;
    u32 flags, n_paths;
    struct mfib_path paths[FIB_PATHS_MAX];
};

const char *const mfib_words[] = {"rpf-id",         "Accept",         "Forward",   "Drop",
                                  "Accept-all-itf", "Signal",         "Connected", "Negate-Signal",
                                  "Signal-Present", "Don't-Preserve", NULL};

/* Takes a flag of these. */
static bool mfib_take_flag(struct ip_words *w, const struct mfib_flag_name *names, u32 *flags)
{
    char word[IP_WORD_BYTES];
    if (!ip_words_peek(w, word))
        return false;
    for (; names->flag; names++)
        if (!strcmp(word, names->name)) {
            *flags |= names->flag;
            ip_words_skip(w);
            return true;
        }
    return false;
}

static int mfib_take_via(struct cli_call *c, struct ip_words *w, struct mroute_command *r)
{
    struct mfib_path *p = &r->paths[r->n_paths];
    if (r->n_paths == FIB_PATHS_MAX)
        return error_set(c->err, EINVAL, "there are at most %u paths in a command", FIB_PATHS_MAX);
    int rc = ip_path_take(c->piste, w, (enum ip_family)r->name.group.family, &p->via, c->err);
    if (rc)
        return rc;
    p->flags = 0;
    while (mfib_take_flag(w, mfib_itf_flag_names, &p->flags))
        ;
    p->flags &= MFIB_ITF_FLAGS; /* what is shown can be said again */
    if (p->via.kind == FIB_PATH_LOCAL && !p->flags)
        p->flags = MFIB_ITF_FORWARD;
    r->n_paths++;
    return 0;
}

/* An address, and for the group its length: 1 taken; 0 not one; negative: a bad one. */
static int mfib_take_address(struct cli_call *c, struct ip_words *w, struct mroute_command *r)
{
    enum ip_family f;
    struct ip_address address;
    u64 len;
    if (!ip_words_prefix(w, &f, &address, &len))
        return 0;
    if (len > ip_family_bits(f))
        return error_set(c->err, EINVAL, "Invalid prefix len: %u", (u32)len);
    if (r->n_addresses == 2 || (r->n_addresses && f != (enum ip_family)r->name.group.family))
        return ip_words_error(w, c->err);
    if (r->n_addresses++) {
        if (r->name.group.len != ip_family_bits(f))
            return error_set(c->err, EINVAL, "a source is one address");
        r->name.has_source = true;
        r->name.source = r->name.group.addr;
    }
    r->name.group = (struct ip_prefix){ip_address_mask(&address, (u32)len), (u8)f, (u8)len, {0}};
    ip_words_skip(w);
    return 1;
}

static int mroute_parse(struct cli_call *c, struct ip_words *w, struct mroute_command *r)
{
    char word[IP_WORD_BYTES];
    while (ip_words_peek(w, word)) {
        struct ip_words before = *w;
        int rc = mfib_take_address(c, w, r);
        if (rc > 0)
            continue;
        if (rc < 0)
            return rc;
        if (ip_words_take(w, "add")) {
            r->add = true;
        } else if (ip_words_take(w, "del")) {
            r->add = false;
        } else if (ip_words_take(w, "table")) {
            if (!ip_words_take_number(w, UINT32_MAX, &r->table_id))
                return ip_words_error(&before, c->err);
        } else if (ip_words_take(w, "rpf-id")) {
            if (!ip_words_take_number(w, UINT32_MAX - 1, &r->rpf_id))
                return ip_words_error(&before, c->err);
        } else if (ip_words_take(w, "source")) {
            if (!ip_words_peek(w, word) || !fib_user_source_find(word, &r->source))
                return ip_words_error(&before, c->err);
            ip_words_skip(w);
        } else if (ip_words_take(w, "via")) {
            rc = mfib_take_via(c, w, r);
            if (rc)
                return rc;
        } else if (!mfib_take_flag(w, mfib_route_flag_names, &r->flags)) {
            return ip_words_error(&before, c->err);
        }
    }
    return r->n_addresses ? 0 : error_set(c->err, EINVAL, "expected a group.");
}

static int ip_mroute(struct cli_call *c)
{
    struct mroute_command r = {.add = true, .source = FIB_SOURCE_CLI};
    struct ip_words w = {cli_str(c, "rest", "")};
    struct mfib *m = mfib_of(c->piste);
    u32 index;
    int rc = mroute_parse(c, &w, &r);
    if (!rc)
        rc = ip_path_table(fib_of(c->piste), (enum ip_family)r.name.group.family, r.table_id,
                           &r.name.table, c->err);
    if (rc)
        return rc;
    const struct mfib_said said = {r.flags, (u32)r.rpf_id, r.n_paths, r.paths};
    return r.add ? mfib_add(m, &r.name, r.source, &said, &index, c->err)
                 : mfib_del(m, &r.name, r.source, &said, c->err);
}

/* --- running config --- */

static void mfib_write_begin(const struct mfib *m, const struct mfib_name *name, enum fib_source s,
                             struct text *t)
{
    char address[IP_ADDRESS_TEXT_BYTES], group[IP_PREFIX_TEXT_BYTES];
    text_puts(t, "ip mroute add ");
    if (name->has_source)
        text_add(t, "%s ",
                 ip_address_text((enum ip_family)name->group.family, &name->source, address));
    text_puts(t, ip_prefix_text(&name->group, group));
    if (fib_number(name->table))
        text_add(t, " table %u", fib_table_id(fib_of(m->piste), name->table));
    if (s != FIB_SOURCE_CLI)
        text_add(t, " source %s", fib_source_name(s));
}

static void mfib_write_flags(const struct mfib_flag_name *names, u32 flags, struct text *t)
{
    for (; names->flag; names++)
        if (flags & names->flag)
            text_add(t, " %s", names->name);
}

/* A line for the flags, and one for each path: each can be undone by itself. */
static void mfib_write_said(const struct mfib *m, const struct mfib_name *name, enum fib_source s,
                            const struct mfib_said *said, struct text *t)
{
    if (said->flags || said->rpf_id) {
        mfib_write_begin(m, name, s, t);
        if (said->rpf_id)
            text_add(t, " rpf-id %u", said->rpf_id);
        mfib_write_flags(mfib_route_flag_names, said->flags, t);
        text_putc(t, '\n');
    }
    for (u32 k = 0; k < said->n_paths; k++) {
        mfib_write_begin(m, name, s, t);
        ip_path_words(m->piste, name->table, &said->paths[k].via, t);
        mfib_write_flags(mfib_itf_flag_names, said->paths[k].flags, t);
        text_putc(t, '\n');
    }
}

bool mfib_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                              struct text *t)
{
    const struct mfib *m = state;
    struct mfib_place *at = *place;
    if (phase != RC_ROUTES)
        return false;
    if (!at) {
        at = *place = mem_alloc(sizeof(*at));
        *at = mfib_place_first(IP_FAMILY_4);
    }
    for (u32 n = 0; n < ROUTES_A_PIECE; n++) {
        u32 route = mfib_next(m, at);
        if (route == MFIB_NO_ROUTE) {
            if (fib_family((struct fib_index){at->key.table}) == IP_FAMILY_6)
                return false;
            *at = mfib_place_first(IP_FAMILY_6);
            continue;
        }
        const struct mfib_name name = mfib_name_of(m, route);
        struct mfib_said said;
        for (enum fib_source s = 0; s < FIB_SOURCE_N; s++)
            if (fib_source_is_users(s) && mfib_said_by(m, route, s, &said))
                mfib_write_said(m, &name, s, &said, t);
    }
    return true;
}

const struct cli_command mfib_commands[] = {
    {"ip mroute <rest>",
     "Add or delete a multicast route: (add | del) [SOURCE] GROUP [table N] [rpf-id N] [flags] via "
     "INTERFACE [Accept] [Forward] [Negate-Signal] [Don't-Preserve] ...",
     ip_mroute, 0},
    {"show ip mfib [ summary | table <table-id:u32> | index <fib-id:u32> | <prefix:ip4-prefix> | "
     "<address:ip4-address> ] ...",
     "Multicast routes of IPv4, or those of a group, or the one that packets of SOURCE GROUP take",
     mfib_show_ip4, 0},
    {"show ip6 mfib [ summary | table <table-id:u32> | index <fib-id:u32> | <prefix:ip6-prefix> | "
     "<address:ip6-address> ] ...",
     "Multicast routes of IPv6, or those of a group, or the one that packets of SOURCE GROUP take",
     mfib_show_ip6, 0},
    {"show mfib entry [<index:u32>]", "Multicast routes of all tables by index", mfib_show_entries,
     0},
    {"show replicate [<index:u32>]", "Where copies of multicast packets go, by route",
     mfib_show_replicates, 0},
    {"show mfib interface", "Interfaces of multicast routes, and what they do there",
     mfib_show_interfaces, 0},
    {"show mfib itf flags", "Flags of interfaces of multicast routes", mfib_show_itf_flags, 0},
    {"show mfib signals", "Packets of multicast routes that wait for a client to ask for them",
     mfib_show_signals, 0},
    {"show mfib route flags", "Flags of multicast routes", mfib_show_route_flags, 0},
    {0},
};
