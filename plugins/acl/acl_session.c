/* Sessions as the control thread has them: made, limited, shown, cleared. See acl_session_data.h. */
#include "plugins/acl/acl_session_data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/link/interface/interface.h"
#include "plugins/acl/acl_internal.h"

struct acl_sessions *acl_sessions;

NODE_DECLARE_TIMER(acl_expire_ip4);
NODE_DECLARE_TIMER(acl_expire_ip6);

static const struct node_def expire_nodes[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {.name = "acl-plugin-fa-worker-cleaner-process",
                     .kind = NODE_TIMER,
                     .expire = NODE_VARIANTS(acl_expire_ip4)},
    [IP_FAMILY_6] = {.name = "acl-plugin-fa-worker-cleaner-process-ip6",
                     .kind = NODE_TIMER,
                     .expire = NODE_VARIANTS(acl_expire_ip6)},
};

static const char *const timeout_words[ACL_TIMEOUT_N] = {"udp idle", "tcp idle", "tcp transient"};
static const u32 timeout_usual_s[ACL_TIMEOUT_N] = {600, 86400, 120};

/* --- clearing --- */

struct acl_session_clearing {
    enum ip_family family;
    struct if_index interface; /* IF_NONE: of all */
};

static void acl_session_clear_one(struct thread *t, struct session_table *table, u32 s, void *arg)
{
    const struct acl_session_clearing *c = arg;
    if (if_is_none(c->interface) || acl_session_at(table, s)->interface == (u16)c->interface.i)
        acl_session_end(t, table, c->family, s);
}

static void acl_session_each(void (*fn)(struct thread *t, struct session_table *table, u32 s,
                                        void *arg),
                             struct if_index i)
{
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        struct acl_session_clearing c = {(enum ip_family)f, i};
        for (u32 t = 1; t <= acl_sessions->n_owners; t++)
            if (sessions_count(acl_sessions->table[f], t))
                sessions_each(acl_sessions->table[f], t, fn, &c);
    }
}

void acl_sessions_clear(struct if_index i)
{
    acl_session_each(acl_session_clear_one, i);
}

int acl_session_clear_command(struct cli_call *c)
{
    acl_sessions_clear(IF_NONE);
    return 0;
}

/* --- settings --- */

static void acl_session_retime(struct thread *t, struct session_table *table, u32 s, void *arg)
{
    session_set_timer(table, s, acl_session_ends_ns(acl_session_at(table, s)));
}

int acl_session_timeout_command(struct cli_call *c)
{
    enum acl_timeout which = cli_has(c, "udp")    ? ACL_TIMEOUT_UDP_IDLE
                             : cli_has(c, "idle") ? ACL_TIMEOUT_TCP_IDLE
                                                  : ACL_TIMEOUT_TCP_TRANSIENT;
    u64 s = cli_u64(c, "seconds", 0);
    if (!s || s > ACL_TIMEOUT_MOST_S)
        return error_set(c->err, ERANGE, "a timeout is 1 to %u seconds", ACL_TIMEOUT_MOST_S);
    __atomic_store_n(&acl_sessions->timeout_ns[which], s * NS_PER_SEC, __ATOMIC_RELAXED);
    acl_session_each(acl_session_retime, IF_NONE);
    return 0;
}

int acl_session_table_command(struct cli_call *c)
{
    u64 max = cli_u64(c, "max", 0);
    if (cli_get(c, "events")) {
        out_text(c->out, "there is no event log: see `show acl-plugin sessions verbose'\n");
        return 0;
    }
    if (!cli_get(c, "max")) {
        out_text(c->out, "the session tables grow and shrink as they have to\n");
        return 0;
    }
    if (!max || max > UINT32_MAX)
        return error_set(c->err, ERANGE, "there may be 1 to %u sessions", UINT32_MAX);
    __atomic_store_n(&acl_sessions->max, (u32)max, __ATOMIC_RELAXED);
    return 0;
}

static int acl_session_count_at_start(struct cli_call *c)
{
    struct acl_session_settings *s = module_settings(c->piste, acl_plugin_name);
    u64 max = cli_u64(c, "n", 0);
    if (!max || max > UINT32_MAX)
        return error_set(c->err, ERANGE, "there may be 1 to %u sessions", UINT32_MAX);
    s->max = (u32)max;
    return 0;
}

static int acl_session_reclassify_at_start(struct cli_call *c)
{
    struct acl_session_settings *s = module_settings(c->piste, acl_plugin_name);
    s->reclassify = cli_u64(c, "n", 0);
    return 0;
}

const struct acl_session_settings acl_session_settings_usual = {.max = 500000};

static const char grows[] = "the tables of access lists grow as they have to";
static const struct config_key keys[] = {
    {"connection count max <n:u64>", "how many sessions there may be, 500000",
     acl_session_count_at_start},
    {"reclassify sessions <n:u8>",
     "sessions are judged anew when lists of their interface have changed, 0",
     acl_session_reclassify_at_start},
    {"connection hash buckets <n:u64>", grows, NULL},
    {"connection hash memory <size:size>", grows, NULL},
    {"hash lookup hash buckets <n:u64>", grows, NULL},
    {"hash lookup hash memory <size:size>", grows, NULL},
    {"hash lookup heap size <size:size>", grows, NULL},
    {"main heap size <size:size>", grows, NULL},
    {"use tuple merge <n:u8>", "tables of rules are always joined", NULL},
    {"tuple merge split threshold <n:u32>", "tables of rules are always joined", NULL},
    {0},
};
const struct config_section acl_session_config[] = {{"acl-plugin", keys}, {0}};

void acl_session_write(const struct piste *p, struct text *t)
{
    const struct acl_session_settings *first = module_settings(p, acl_plugin_name);
    for (u32 k = 0; k < ACL_TIMEOUT_N; k++)
        if (acl_sessions->timeout_ns[k] != timeout_usual_s[k] * NS_PER_SEC)
            text_add(t, "set acl-plugin session timeout %s %" PRIu64 "\n", timeout_words[k],
                     (u64)(acl_sessions->timeout_ns[k] / NS_PER_SEC));
    if (acl_sessions->max != first->max)
        text_add(t, "set acl-plugin session table max-entries %u\n", acl_sessions->max);
    if (acl_sessions->reclassify != first->reclassify)
        text_add(t, "set acl-plugin reclassify-sessions %u\n", acl_sessions->reclassify);
}

/* --- show --- */

static struct ip_address acl_session_address(const u64 *words, enum ip_family f, u32 which)
{
    struct ip_address a = {{{0}}};
    if (f == IP_FAMILY_4)
        put_be32(a.bytes, (u32)(words[0] >> (which ? 0 : 32)));
    else
        for (u32 w = 0; w < 2; w++)
            put_be64(a.bytes + 8 * w, words[2 * which + w]);
    return a;
}

static void acl_session_show_one(struct out *o, const struct acl_session *e, enum ip_family f,
                                 u32 thread, u32 index)
{
    static const char *const types[ACL_TIMEOUT_N] = {"udp-idle", "tcp-idle", "tcp-transient"};
    u64 last = e->key[acl_session_key_words(f) - 1], now = clock_ns();
    char text[IP_ADDRESS_TEXT_BYTES];
    struct ip_address a = acl_session_address(e->key, f, 0), b = acl_session_address(e->key, f, 1);
    out_object(o, NULL);
    out_u64(o, "thread", thread, "  [%" PRIu64);
    out_u64(o, "index", index, ":%" PRIu64 "]");
    out_str(o, "a", ip_address_text(f, &a, text), " %s");
    out_u64(o, "a_port", (u16)(last >> 48), ":%" PRIu64);
    out_str(o, "b", ip_address_text(f, &b, text), " - %s");
    out_u64(o, "b_port", (u16)(last >> 32), ":%" PRIu64);
    out_u64(o, "protocol", e->protocol, " proto %" PRIu64);
    out_u64(o, "sw_if_index", e->interface, " sw_if_index %" PRIu64);
    out_str(o, "direction", e->direction == ACL_INPUT ? "input" : "output", " from %s");
    out_str(o, "type", types[e->timeout], " %s");
    out_f64(o, "idle", (double)(now > e->active_ns ? now - e->active_ns : 0) / 1e9,
            " idle %.2f s\n");
    out_end(o);
}

static void acl_session_show_totals(struct cli_call *c)
{
    u64 added = 0, deleted = 0;
    const struct interface *f;
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        added += counter_get(acl_sessions->added, f->index.i);
        deleted += counter_get(acl_sessions->deleted, f->index.i);
    }
    out_text(c->out, "Sessions total: add %" PRIu64 " - del %" PRIu64 " = %" PRIu64 "\n", added,
             deleted, added - deleted);
    out_text(c->out, "Sessions active: add %" PRIu64 " - deact %" PRIu64 " = %" PRIu64 "\n", added,
             deleted, added - deleted);
    out_text(c->out, "Sessions being purged: deact 0 - del 0 = 0\n\n\nPer-thread data:\n");
    out_u64(c->out, "added", added, NULL);
    out_u64(c->out, "deleted", deleted, NULL);
}

static void acl_session_show_thread(struct cli_call *c, u32 t)
{
    const struct interface *f;
    out_object(c->out, NULL);
    out_u64(c->out, "thread", t, "Thread #%" PRIu64 ":\n  connection add/del stats:\n");
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        u64 added = tally_read(&counter_simple(acl_sessions->added, t)[f->index.i]);
        u64 deleted = tally_read(&counter_simple(acl_sessions->deleted, t)[f->index.i]);
        out_object(c->out, NULL);
        out_u64(c->out, "sw_if_index", f->index.i, "    sw_if_index %" PRIu64 ":");
        out_u64(c->out, "added", added, " add %" PRIu64);
        out_u64(c->out, "deleted", deleted, " - del %" PRIu64);
        out_text(c->out, " = %" PRIu64 "; epoch chg: %u\n", added - deleted,
                 acl_interfaces[f->index.i].epoch);
        out_end(c->out);
    }
    out_end(c->out);
    out_u64(c->out, "ip4", sessions_count(acl_sessions->table[IP_FAMILY_4], t),
            "  IPv4 sessions: %" PRIu64 "\n");
    out_u64(c->out, "ip6", sessions_count(acl_sessions->table[IP_FAMILY_6], t),
            "  IPv6 sessions: %" PRIu64 "\n");
    out_end(c->out);
}

/* Where a show of sessions has come to. */
struct acl_session_place {
    u32 family, thread, from;
};

/* Some of them; false: there are no more. */
static bool acl_session_show_some(struct cli_call *c, struct acl_session_place *at)
{
    const struct sessions *s = acl_sessions->table[at->family];
    enum { SOME = 16 };
    u32 index[SOME], bytes = s->args.object_bytes;
    u64 objects[SOME * (sizeof(struct acl_session) / 8 + ACL_SESSION_KEY_6)];
    u32 n = at->thread ? sessions_copy(s, at->thread, &at->from, objects, index, SOME) : 0;
    for (u32 i = 0; i < n; i++)
        acl_session_show_one(
            c->out, (const struct acl_session *)(const void *)((const u8 *)objects + i * bytes),
            (enum ip_family)at->family, at->thread, index[i]);
    if (at->thread && at->from != SESSION_NONE)
        return true;
    at->from = 0;
    if (++at->thread > acl_sessions->n_owners) {
        at->thread = 1;
        at->family++;
    }
    return at->family < IP_FAMILY_N;
}

/* The session of that thread and index: of either protocol. */
static int acl_session_show_index(struct cli_call *c)
{
    u64 thread = cli_u64(c, "thread", 0), index = cli_u64(c, "index", 0), now = clock_ns();
    bool any = false;
    out_array(c->out, "sessions");
    for (u32 f = 0; f < IP_FAMILY_N && thread && thread <= acl_sessions->n_owners; f++) {
        u64 object[sizeof(struct acl_session) / 8 + ACL_SESSION_KEY_6];
        const struct acl_session *e = (const void *)object;
        u32 from = (u32)index, found;
        if (!sessions_copy(acl_sessions->table[f], (u32)thread, &from, object, &found, 1) ||
            found != index)
            continue;
        any = true;
        u64 ends = acl_session_ends_ns(e);
        acl_session_show_one(c->out, e, (enum ip_family)f, (u32)thread, found);
        out_text(c->out, "    tcp flags seen: input %02x output %02x, ends in %.2f s\n",
                 e->tcp_flags[ACL_INPUT], e->tcp_flags[ACL_OUTPUT],
                 (double)(ends > now ? ends - now : 0) / 1e9);
    }
    out_end(c->out);
    return any ? 0
               : error_set(c->err, ENOENT, "there is no session %" PRIu64 " of thread %" PRIu64,
                           index, thread);
}

int acl_session_show(struct cli_call *c)
{
    if (cli_get(c, "thread"))
        return acl_session_show_index(c);
    struct acl_session_place *at = cli_kept(c, sizeof(*at), NULL);
    if (!c->again) {
        acl_session_show_totals(c);
        out_array(c->out, "threads");
        for (u32 t = 1; t <= acl_sessions->n_owners; t++)
            acl_session_show_thread(c, t);
        out_end(c->out);
        for (u32 k = 0; k < ACL_TIMEOUT_N; k++)
            out_text(c->out, "%s timeout: %" PRIu64 " s\n", timeout_words[k],
                     (u64)(acl_sessions->timeout_ns[k] / NS_PER_SEC));
        out_text(c->out, "Reclassify sessions: %u\n", acl_sessions->reclassify);
        out_array(c->out, "sessions");
    }
    while (cli_has(c, "verbose") && acl_session_show_some(c, at))
        if (cli_full(c))
            return CLI_MORE;
    out_end(c->out);
    return 0;
}

void acl_session_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        sessions_tables(acl_sessions->table[f], tell, arg);
}

/* --- life --- */

void acl_sessions_init(struct piste *p)
{
    static const char *const names[IP_FAMILY_N] = {"ACL plugin FA IPv4 session bihash",
                                                   "ACL plugin FA IPv6 session bihash"};
    const struct acl_session_settings *first = module_settings(p, acl_plugin_name);
    struct engine *e = engine_of(p);
    struct acl_sessions *s = mem_alloc(sizeof(*s));
    s->n_owners = engine_n_threads(e) - 1;
    s->max = first->max;
    s->reclassify = first->reclassify;
    for (u32 k = 0; k < ACL_TIMEOUT_N; k++)
        s->timeout_ns[k] = timeout_usual_s[k] * NS_PER_SEC;
    s->added = counter_vec_new(e, "/acl/sessions/add", false, IF_MAX);
    s->deleted = counter_vec_new(e, "/acl/sessions/del", false, IF_MAX);
    for (u32 f = 0; f < IP_FAMILY_N; f++) {
        u32 words = acl_session_key_words((enum ip_family)f);
        struct sessions_args a = {.name = names[f],
                                  .object_bytes = (u32)(sizeof(struct acl_session) + words * 8),
                                  .max = ACL_SESSIONS_MAX,
                                  .keys = {{ACL_SESSION_KEY_OFFSET, words}},
                                  .expire = node_register(e, &expire_nodes[f], NULL, NULL)};
        s->table[f] = sessions_new(e, &a);
        for (u32 t = 0; t < THREADS_MAX; t++)
            s->threads[f][t].youngest = s->threads[f][t].oldest = SESSION_NONE;
    }
    acl_sessions = s;
}

void acl_sessions_fini(void)
{
    for (u32 f = 0; f < IP_FAMILY_N; f++)
        sessions_free(acl_sessions->table[f]);
    counter_vec_free(acl_sessions->added);
    counter_vec_free(acl_sessions->deleted);
    free(acl_sessions);
    acl_sessions = NULL;
}
