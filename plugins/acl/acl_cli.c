/* Commands of access lists, and their lines in the running configuration. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/probe.h"
#include "net/link/interface/interface.h"
#include "plugins/acl/acl_internal.h"
#include "plugins/acl/acl_session_data.h"

/* --- lists --- */

int acl_cli_take_head(const char **text, u32 *index, struct error *e)
{
    return acl_rule_take(text, "index") ? acl_rule_take_number(text, ACL_LISTS_MAX - 1, index, e)
                                        : 0;
}

/* A word, or what is in braces. */
static int acl_cli_take_tag(const char **text, char tag[ACL_TAG_BYTES], struct error *e)
{
    const char *p = *text + strspn(*text, ACL_BLANKS);
    size_t n = strcspn(p, ACL_BLANKS), skip = 0;
    if (*p == '{') {
        u32 depth = 0;
        skip = 1;
        for (n = 0; p[n] && (p[n] != '}' || --depth); n++)
            depth += p[n] == '{';
        if (!p[n])
            return error_set(e, EINVAL, "unknown input `%.200s'", p);
        n--;
    }
    if (n >= ACL_TAG_BYTES)
        return error_set(e, EINVAL, "a tag has at most %u characters", ACL_TAG_BYTES - 1);
    memcpy(tag, p + skip, n);
    tag[n] = 0;
    *text = p + n + 2 * skip;
    return 0;
}

int acl_cli_take_end(const char **text, char tag[ACL_TAG_BYTES], struct error *e)
{
    int rc = acl_rule_take(text, "tag") ? acl_cli_take_tag(text, tag, e) : 0;
    *text += strspn(*text, ACL_BLANKS);
    return rc || !**text ? rc : error_set(e, EINVAL, "unknown input `%.200s'", *text);
}

/* A command that waits for a list. */
struct acl_cli_wait {
    struct cli_call *call; /* NULL: who asked is gone */
    bool later;
    int rc; /* when it was not later */
};

static int acl_cli_answer(struct cli_call *c, int rc, u32 index, const struct error *e)
{
    if (rc)
        return error_set(c->err, -rc, "failed: %s", e->text);
    out_u64(c->out, "acl_index", index, "ACL index:%" PRIu64 "\n");
    return 0;
}

static void acl_cli_made(void *arg, int rc, u32 index, const struct error *e)
{
    struct acl_cli_wait *w = arg;
    if (w->call)
        w->rc = acl_cli_answer(w->call, rc, index, e);
    if (!w->later)
        w->later = true; /* it was now */
    else {
        if (w->call)
            cli_done(w->call, w->rc);
        free(w);
    }
}

static void acl_cli_left(void *arg)
{
    ((struct acl_cli_wait *)arg)->call = NULL;
}

static int acl_cli_start(struct cli_call *c, const struct acl_list_args *a)
{
    struct acl_cli_wait *w = mem_alloc(sizeof(*w));
    w->call = c;
    acl_list_set(c->piste, a, acl_cli_made, w);
    if (w->later) {
        int rc = w->rc;
        free(w);
        return rc;
    }
    w->later = true;
    cli_pend(c, acl_cli_left, w);
    return CLI_PENDING;
}

static int acl_cli_set_list(struct cli_call *c)
{
    const char *text = cli_str(c, "rules", "");
    struct acl_rules rules = {0};
    struct acl_list_args a = {.index = ACL_NONE, .may_be_new = true};
    char tag[ACL_TAG_BYTES] = "cli";
    int rc = acl_cli_take_head(&text, &a.index, c->err);
    if (!rc && !acl_rule_is_next(text, "tag")) /* a list may have no rules, by messages */
        rc = acl_rules_parse(&text, &rules, c->err);
    if (!rc)
        rc = acl_cli_take_end(&text, tag, c->err);
    if (rc) {
        free(rules.v);
        return rc;
    }
    a.tag = tag;
    a.rules = rules.v;
    a.n = rules.n;
    return acl_cli_start(c, &a);
}

static int acl_cli_delete_list(struct cli_call *c)
{
    u32 index = (u32)cli_u64(c, "index", 0);
    int rc = acl_list_delete(c->piste, index, c->err);
    if (rc) {
        error_prefix(c->err, "failed");
        return rc;
    }
    out_u64(c->out, "acl_index", index, "Deleted ACL index:%" PRIu64 "\n");
    return 0;
}

/* --- interfaces --- */

static int acl_cli_set_interface(struct cli_call *c)
{
    struct if_index i = cli_interface(c, "interface")->index;
    enum acl_direction d = cli_has(c, "input") ? ACL_INPUT : ACL_OUTPUT;
    u32 list = (u32)cli_u64(c, "index", 0);
    return cli_has(c, "del") ? acl_bind_delete(c->piste, i, d, list, c->err)
                             : acl_bind_add(c->piste, i, d, list, c->err);
}

/* "0806,88cc": hexadecimal. */
static int acl_cli_take_types(struct cli_call *c, const char *label, u16 *out, u32 *n)
{
    const char *p = cli_str(c, label, "");
    while (*p) {
        char *end;
        unsigned long x = strtoul(p, &end, 16);
        if (end == p || x > UINT16_MAX || (*end && *end != ',') || *p == '-' || *p == '+' ||
            *n == UINT8_MAX)
            return error_set(c->err, EINVAL, "unknown input `%.200s'", p);
        out[(*n)++] = (u16)x;
        p = *end ? end + 1 : end;
    }
    return 0;
}

static int acl_cli_set_types(struct cli_call *c)
{
    u16 types[UINT8_MAX];
    u32 n = 0, n_input;
    int rc = acl_cli_take_types(c, "input", types, &n);
    n_input = n;
    if (!rc)
        rc = acl_cli_take_types(c, "output", types, &n);
    return rc ? rc
              : acl_bind_set_types(c->piste, cli_interface(c, "interface")->index, types, n_input,
                                   n - n_input, c->err);
}

/* --- settings --- */

static int acl_cli_set(struct cli_call *c)
{
    struct acl_state *s = acl_state_of(c->piste);
    if (cli_get(c, "eh")) {
        u8 eh = (u8)cli_u64(c, "eh", 0);
        u64 bits = s->common.skipped.bits[eh / 64] & ~(1ull << eh % 64);
        bits |= (u64) !!cli_u64(c, "skip", 0) << eh % 64;
        __atomic_store_n(&s->common.skipped.bits[eh / 64], bits, __ATOMIC_RELAXED);
    }
    if (cli_get(c, "l4"))
        __atomic_store_n(&s->common.l4_of_fragments, cli_u64(c, "l4", 0) != 0, __ATOMIC_RELAXED);
    if (cli_get(c, "events"))
        out_text(c->out, "there is no event log: packets are seen by `trace add'\n");
    if (cli_get(c, "hash")) {
        s->hash_lookup = cli_u64(c, "hash", 0);
        if (!s->hash_lookup)
            out_text(c->out, "noted: lookups are by hash all the same\n");
    }
    if (cli_get(c, "count"))
        __atomic_store_n(&s->common.count_matches, cli_u64(c, "count", 0) != 0, __ATOMIC_RELAXED);
    if (cli_get(c, "reclassify"))
        __atomic_store_n(&acl_sessions->reclassify, cli_u64(c, "reclassify", 0) != 0,
                         __ATOMIC_RELAXED);
    return 0;
}

const struct cli_command acl_plugin_commands[] = {
    {"set acl-plugin acl <rules:rest>",
     "Makes an access list, or gives that of an index other rules at once: [index N] "
     "permit|deny|permit+reflect [src PREFIX] [dst PREFIX] [proto N] [sport A[-B]] [dport A[-B]] "
     "[tcpflags N mask N] [, ...] [tag TAG]",
     acl_cli_set_list, 0},
    {"delete acl-plugin acl (index <index:u32>)", "Deletes an access list that no interface has",
     acl_cli_delete_list, 0},
    {"set acl-plugin interface <interface> ( input | output ) (acl <index:u32>) [del]",
     "Puts an access list behind those of an interface, or takes it away", acl_cli_set_interface,
     0},
    {"set acl-plugin etype-whitelist <interface> [input <input:string>] [output <output:string>]",
     "Which frames that are no IP may pass an interface in layer 2: types in hex, with commas "
     "between; without any, all may",
     acl_cli_set_types, CLI_OWN},
    {"set acl-plugin ( skip-ipv6-extension-header <eh:u8> <skip:u8> | l4-match-nonfirst-fragment "
     "<l4:u8> | use-hash-acl-matching <hash:u8> | reclassify-sessions <reclassify:u8> | "
     "stats-counters <count:on-off> | event-trace <events:u32> )",
     "How access lists look at packets: which IPv6 extension headers are skipped, whether pieces "
     "without ports match by the rest of a rule, whether sessions are judged anew when lists have "
     "changed, whether packets are counted by rule; use-hash-acl-matching is kept and shown, but "
     "lookups are always by hash, and there is no event log",
     acl_cli_set, 0},
    {"set acl-plugin session timeout ( udp idle | tcp ( idle | transient ) ) <seconds:u32>",
     "How long sessions of permit+reflect live without packets: 600, 86400, 120",
     acl_session_timeout_command, 0},
    {"set acl-plugin session table ( max-entries <max:u64> | hash-table-buckets <buckets:u64> | "
     "hash-table-memory <memory:size> | event-trace <events:u32> )",
     "How many sessions of permit+reflect there may be, 500000", acl_session_table_command, 0},
    {"clear acl-plugin sessions", "Forgets the sessions of permit+reflect",
     acl_session_clear_command, 0},
    {"show acl-plugin sessions [thread <thread:u32> (index <index:u32>)] [verbose]",
     "Sessions of permit+reflect: how many, each, or that of a thread and index", acl_session_show,
     0},
    {"set acl-plugin macip acl <rules:rest>",
     "Makes a list of stations and their addresses, or gives that of an index other rules at once: "
     "[index N] permit|deny [ip PREFIX] [mac MAC] [mask MAC] [, ...] [tag TAG]",
     acl_macip_set_command, 0},
    {"delete acl-plugin macip acl (index <index:u32>)",
     "Deletes a MACIP list that no interface has", acl_macip_delete_command, 0},
    {"set acl-plugin macip interface <interface> [acl] <index:u32> [del]",
     "Which stations and addresses an interface receives from: by a MACIP list",
     acl_macip_interface_command, 0},
    {"show acl-plugin macip acl [index <index:u32>]", "MACIP lists", acl_macip_show_lists, 0},
    {"show acl-plugin macip interface", "Which interfaces have MACIP lists",
     acl_macip_show_interfaces, 0},
    {"show acl-plugin acl [index <index:u32>]", "Access lists and their rules", acl_show_lists, 0},
    {"show acl-plugin interface [sw_if_index <sw_if_index:u32>] [acl] [detail]",
     "The access lists of interfaces", acl_show_interfaces, 0},
    {"show acl-plugin lookup context [index <index:u32>]", "Where access lists are looked up",
     acl_show_contexts, 0},
    {"show acl-plugin lookup user [index <index:u32>]", "Who looks up access lists", acl_show_users,
     0},
    {"show acl-plugin tables [ acl [index <index:u32>] | applied [lc_index <lc_index:u32>] | mask "
     "| "
     "hash [verbose <verbose:u32>] ]",
     "What lookups of access lists go through", acl_show_tables, 0},
    {"show acl-plugin memory", "Memory of access lists", acl_show_memory, 0},
    {"show acl-plugin decode 5tuple <w0:string> <w1:string> <w2:string> <w3:string> <w4:string> "
     "<w5:string>",
     "The words behind `pkt info' in a trace, as text", acl_show_decoded, 0},
    {0},
};

/* --- running config --- */

static void acl_cli_write_list(const struct acl_list *l, u32 index, struct text *t)
{
    text_add(t, "set acl-plugin acl index %u ", index);
    for (u32 i = 0; i < l->n_rules; i++) {
        text_puts(t, i ? ", " : "");
        acl_rule_write(&l->rules[i], t);
    }
    text_puts(t, " tag ");
    cli_add_braced(t, l->tag);
    text_putc(t, '\n');
}

bool acl_plugin_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                            struct text *t)
{
    u32 *next = *place, i = ACL_NONE;
    if (phase != RC_GLOBAL)
        return false;
    if (!next)
        next = *place = mem_alloc(sizeof(*next));
    for (u32 rules = 0; rules < 256 && (i = acl_list_next(p, *next)) != ACL_NONE; *next = i + 1) {
        acl_cli_write_list(acl_list_at(p, i), i, t);
        rules += acl_list_at(p, i)->n_rules + 1;
    }
    return i != ACL_NONE;
}

static void acl_cli_write_types(const struct piste *p, const struct interface *f, struct text *t)
{
    const struct acl_types *in = acl_bind_types(p, f->index, ACL_INPUT);
    const struct acl_types *out = acl_bind_types(p, f->index, ACL_OUTPUT);
    if (in || out)
        text_add(t, "set acl-plugin etype-whitelist %s", f->name);
    for (u32 k = 0; in && k < in->n; k++)
        text_add(t, "%s%04x", k ? "," : " input ", in->types[k]);
    for (u32 k = 0; out && k < out->n; k++)
        text_add(t, "%s%04x", k ? "," : " output ", out->types[k]);
    if (in || out)
        text_putc(t, '\n');
}

static void acl_cli_write_settings(const struct acl_state *s, struct text *t)
{
    const struct acl_skipped usual = acl_skipped_usual();
    for (u32 eh = 0; eh < 256; eh++)
        if (acl_key_skips(&s->common.skipped, (u8)eh) != acl_key_skips(&usual, (u8)eh))
            text_add(t, "set acl-plugin skip-ipv6-extension-header %u %u\n", eh,
                     acl_key_skips(&s->common.skipped, (u8)eh));
    if (!s->common.l4_of_fragments)
        text_puts(t, "set acl-plugin l4-match-nonfirst-fragment 0\n");
    if (!s->hash_lookup)
        text_puts(t, "set acl-plugin use-hash-acl-matching 0\n");
    if (s->common.count_matches)
        text_puts(t, "set acl-plugin stats-counters on\n");
}

void acl_plugin_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    if (phase == RC_GLOBAL) {
        acl_cli_write_settings(state, t);
        acl_session_write(p, t);
        acl_macip_write(p, t);
    }
    if (phase != RC_INTERFACE)
        return;
    for (struct interface *f = NULL; (f = interface_next_written(p, f));) {
        for (u32 d = ACL_DIRECTION_N; d--;) {
            const struct acl_context *c = acl_bind_context(p, f->index, (enum acl_direction)d);
            for (u32 k = 0; c && k < c->n; k++)
                text_add(t, "set acl-plugin interface %s %s acl %u\n", f->name,
                         d == ACL_INPUT ? "input" : "output", c->lists[k]);
        }
        acl_cli_write_types(p, f, t);
        acl_macip_write_interface(f, t);
    }
}
