/* Commands of policers. Words and layouts are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/link/interface/interface.h"
#include "net/packet/ip4_format.h"
#include "plugins/policer/policer_internal.h"

#define POLICERS_A_PIECE 256

static const char *const type_words[] = {"1r2c", "1r3c", "2r3c-2698", "2r3c-4115", "2r3c-mef5cf1"};
static const char *const rate_words[] = {"kbps", "pps"};
static const char *const round_words[] = {"closest", "up", "down"};
static const char *const action_words[] = {"drop", "transmit", "mark-and-transmit"};
static const char *const color_words[] = {"conform", "exceed", "violate"};
static const char *const color_arguments[] = {"conform-action", "exceed-action", "violate-action"};

/* --- types --- */

/* Takes the word at *text; false: it is another. */
static bool policer_cli_take(const char **text, const char *word)
{
    const char *p = *text + strspn(*text, " \t\r\n");
    size_t n = strlen(word);
    if (strcspn(p, " \t\r\n") != n || strncmp(p, word, n))
        return false;
    *text = p + n;
    return true;
}

static bool take_dscp(const char **text, u8 *dscp)
{
    for (u8 i = 0; i < 64; i++) {
        char number[4];
        snprintf(number, sizeof(number), "%u", i);
        if ((strcmp(ip_dscp_name(i), "unknown") && policer_cli_take(text, ip_dscp_name(i))) ||
            policer_cli_take(text, number)) {
            *dscp = i;
            return true;
        }
    }
    return false;
}

/* An action in the low byte, the DSCP behind it. */
static int parse_action(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    u8 dscp = 0;
    for (u32 k = 0; k < array_len(action_words); k++)
        if (policer_cli_take(text, action_words[k])) {
            if (k == POLICER_MARK && !take_dscp(text, &dscp))
                return -ENOENT;
            v->u = k | (u32)dscp << 8;
            return 0;
        }
    return -ENOENT;
}

const struct cli_type policer_types[] = {
    {"policer-action", "unknown action", parse_action, NULL},
    {0},
};

/* --- policers --- */

/* The policer that a command means by `name` or `index`. -ENOENT. */
static int policer_cli_argument(struct cli_call *c, u32 *index)
{
    *index = POLICER_NONE;
    if (!cli_get(c, "name") && !cli_get(c, "index"))
        return error_set(c->err, EINVAL, "No policer specified");
    *index = cli_get(c, "index") ? (u32)cli_u64(c, "index", 0)
                                 : policer_find(c->piste, cli_str(c, "name", ""));
    return policer_name(c->piste, *index) ? 0 : error_set(c->err, ENOENT, "No such policer");
}

static u8 word_given(const struct cli_call *c, const char *const *words, u32 n)
{
    for (u32 k = 0; k < n; k++)
        if (cli_has(c, words[k]))
            return (u8)k;
    return 0;
}

static struct policer_config config_given(const struct cli_call *c)
{
    struct policer_config x = {
        .type = word_given(c, type_words, array_len(type_words)),
        .rate = word_given(c, rate_words, array_len(rate_words)),
        .round = word_given(c, round_words, array_len(round_words)),
        .color_aware = cli_has(c, "color-aware"),
        .cir = (u32)cli_u64(c, "cir", 0),
        .eir = (u32)cli_u64(c, "eir", 0),
        .cb = cli_u64(c, "cb", 0),
        .eb = cli_u64(c, "eb", 0),
    };
    for (u32 k = 0; k < POLICER_COLOR_N; k++) {
        u64 act =
            cli_u64(c, color_arguments[k], k == POLICER_CONFORM ? POLICER_TRANSMIT : POLICER_DROP);
        x.acts[k] = (struct policer_act){(u8)act, (u8)(act >> 8)};
    }
    return x;
}

static int policer_cli_add(struct cli_call *c)
{
    struct policer_config x = config_given(c);
    u32 index;
    return policer_add(c->piste, cli_str(c, "name", ""), &x, &index, c->err);
}

static int policer_cli_configure(struct cli_call *c)
{
    struct policer_config x = config_given(c);
    u32 index;
    int rc = policer_cli_argument(c, &index);
    return rc ? rc : policer_update(c->piste, index, &x, c->err);
}

static int policer_cli_del(struct cli_call *c)
{
    u32 index;
    int rc = policer_cli_argument(c, &index);
    return rc ? rc : policer_del(c->piste, index, c->err);
}

static int policer_cli_reset(struct cli_call *c)
{
    u32 index;
    int rc = policer_cli_argument(c, &index);
    return rc ? rc : policer_reset(c->piste, index, c->err);
}

static int policer_cli_bind(struct cli_call *c)
{
    u32 index;
    int rc = policer_cli_argument(c, &index);
    if (!rc && !cli_has(c, "unbind") && !cli_get(c, "worker"))
        rc = error_set(c->err, EINVAL, "specify worker to bind to");
    u32 worker = cli_has(c, "unbind") ? POLICER_NONE : (u32)cli_u64(c, "worker", 0);
    return rc ? rc : policer_bind(c->piste, index, worker, c->err);
}

static int policer_cli_set_interface(struct cli_call *c, bool is_input)
{
    const struct interface *f = cli_interface(c, "interface");
    u32 index;
    int rc = policer_cli_argument(c, &index);
    if (rc)
        return rc;
    if (cli_has(c, "unapply") && policer_of_interface(c->piste, is_input, f->index) != index)
        return error_set(c->err, ENOENT, "%s has another policer, or none", f->name);
    return policer_set_interface(c->piste, is_input, f->index,
                                 cli_has(c, "unapply") ? POLICER_NONE : index, c->err);
}

static int policer_cli_input(struct cli_call *c)
{
    return policer_cli_set_interface(c, true);
}

static int policer_cli_output(struct cli_call *c)
{
    return policer_cli_set_interface(c, false);
}

/* --- show --- */

static void act_words(struct text *t, struct policer_act a)
{
    text_puts(t, action_words[a.action]);
    if (a.action != POLICER_MARK)
        return;
    if (strcmp(ip_dscp_name(a.dscp), "unknown"))
        text_add(t, " %s", ip_dscp_name(a.dscp));
    else
        text_add(t, " %u", a.dscp);
}

static void policer_cli_show_config(struct out *o, const struct policer_config *x)
{
    out_str(o, "type", type_words[x->type], "type %s");
    out_u64(o, "cir", x->cir, " cir %" PRIu64);
    out_u64(o, "eir", x->eir, " eir %" PRIu64);
    out_u64(o, "cb", x->cb, " cb %" PRIu64);
    out_u64(o, "eb", x->eb, " eb %" PRIu64 "\n");
    out_str(o, "rate_type", rate_words[x->rate], "rate type %s");
    out_str(o, "round_type", round_words[x->round], ", round type %s\n");
    for (u32 k = 0; k < POLICER_COLOR_N; k++) {
        static const char *const keys[] = {"conform_action", "exceed_action", "violate_action"};
        struct text t = {0};
        act_words(&t, x->acts[k]);
        out_text(o, "%s%s action ", k ? ", " : "", color_words[k]);
        out_str(o, keys[k], text_str(&t), "%s");
        text_free(&t);
    }
    out_text(o, "\n \n");
}

static void show_state(struct out *o, u32 index, u32 worker, const struct policer *x)
{
    u64 buckets = __atomic_load_n(&x->buckets, __ATOMIC_RELAXED);
    out_u64(o, "index", index, "Policer at index %" PRIu64);
    out_str(o, "rates", x->type >= POLICER_2R3C_2698 ? "dual" : "single", ": %s rate, ");
    out_bool(o, "color_aware", x->color_aware, "is color-aware\n", "not color-aware\n");
    out_u64(o, "cir_tokens_per_period", x->current_rate, "cir %" PRIu64 " tok/period");
    out_u64(o, "pir_tokens_per_period", x->extended_rate, ", pir %" PRIu64 " tok/period");
    out_u64(o, "scale", x->scale, ", scale %" PRIu64 "\n");
    out_u64(o, "current_limit", x->current_limit, "cur lim %" PRIu64);
    out_u64(o, "current_bucket", (u32)buckets, ", cur bkt %" PRIu64);
    out_u64(o, "extended_limit", x->extended_limit, ", ext lim %" PRIu64);
    out_u64(o, "extended_bucket", buckets >> 32, ", ext bkt %" PRIu64 "\n");
    out_u64(o, "last_update_time", __atomic_load_n(&x->last_period, __ATOMIC_RELAXED),
            "last update %" PRIu64 "\n");
    if (worker != POLICER_NONE)
        out_u64(o, "worker", worker, "bound to worker %" PRIu64 "\n");
    for (u32 k = 0; k < POLICER_COLOR_N; k++) {
        struct counter_pair n = counter_get_pair(policer_counters[k], index);
        out_text(o, "%s %" PRIu64 " packets, %" PRIu64 " bytes\n", color_words[k], n.packets,
                 n.bytes);
        out_object(o, color_words[k]);
        out_u64(o, "packets", n.packets, NULL);
        out_u64(o, "bytes", n.bytes, NULL);
        out_end(o);
    }
    out_text(o, "-----------\n");
}

static void policer_cli_show_one(struct cli_call *c, u32 index)
{
    out_object(c->out, NULL);
    out_str(c->out, "name", policer_name(c->piste, index), "Name \"%s\" ");
    policer_cli_show_config(c->out, policer_config_of(c->piste, index));
    show_state(c->out, index, policer_bound_to(c->piste, index), policers[index]);
    out_end(c->out);
}

static int policer_cli_show(struct cli_call *c)
{
    u32 one = POLICER_NONE, *next = cli_kept(c, sizeof(*next), NULL);
    int rc = cli_get(c, "name") || cli_get(c, "index") ? policer_cli_argument(c, &one) : 0;
    if (rc)
        return rc;
    if (!c->again)
        out_array(c->out, "policers");
    for (u32 i; (i = policer_next(c->piste, *next)) != POLICER_NONE; *next = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (one == POLICER_NONE || one == i)
            policer_cli_show_one(c, i);
    }
    out_end(c->out);
    return 0;
}

static int policer_cli_punt(struct cli_call *c, enum ip_family f)
{
    u32 index = (u32)cli_u64(c, "number", POLICER_NONE);
    int rc = 0;
    if (cli_has(c, "del"))
        return policer_set_punt(c->piste, f, POLICER_NONE, c->err);
    if (!cli_get(c, "number"))
        rc = policer_cli_argument(c, &index);
    else if (!policer_name(c->piste, index))
        rc = error_set(c->err, ENOENT, "No such policer");
    return rc ? rc : policer_set_punt(c->piste, f, index, c->err);
}

static int policer_cli_punt_ip4(struct cli_call *c)
{
    return policer_cli_punt(c, IP_FAMILY_4);
}

static int policer_cli_punt_ip6(struct cli_call *c)
{
    return policer_cli_punt(c, IP_FAMILY_6);
}

static int show_pools(struct cli_call *c)
{
    u32 n = 0;
    for (u32 i = 0; (i = policer_next(c->piste, i)) != POLICER_NONE; i++)
        n++;
    out_u64(c->out, "configs", n, "pool sizes: configs=%" PRIu64);
    out_u64(c->out, "policers", n, " policers=%" PRIu64 "\n");
    return 0;
}

#define CONFIG                                                                                     \
    " [type ( 1r2c | 1r3c | 2r3c-2698 | 2r3c-4115 | 2r3c-mef5cf1 )] [color-aware]"                 \
    " [cir <cir:u32>] [cb <cb:u64>] [eir <eir:u32>] [eb <eb:u64>] [rate ( kbps | pps )]"           \
    " [round ( closest | up | down )] [conform-action <conform-action:policer-action>]"            \
    " [exceed-action <exceed-action:policer-action>]"                                              \
    " [violate-action <violate-action:policer-action>]"
#define POLICER "[name <name:string> | index <index:u32>]"

const struct cli_command policer_commands[] = {
    {"policer add (name <name:string>)" CONFIG, "Makes a policer", policer_cli_add, 0},
    {"configure policer " POLICER CONFIG, "Gives a policer another configuration",
     policer_cli_configure, 0},
    {"policer del " POLICER, "Deletes a policer, and takes it off interfaces", policer_cli_del, 0},
    {"policer reset " POLICER, "Fills the buckets of a policer", policer_cli_reset, 0},
    {"policer bind [unbind] " POLICER " [<worker:u32>]",
     "Notes a thread for a policer, which `show policer` and saved configurations then tell; any "
     "thread polices the packets that it has, so none are handed over",
     policer_cli_bind, 0},
    {"policer input [unapply] " POLICER " <interface>", "Polices what an interface receives",
     policer_cli_input, 0},
    {"policer output [unapply] " POLICER " <interface>", "Polices what an interface sends",
     policer_cli_output, 0},
    {"ip punt policer [add | del] " POLICER " [<number:u32>]",
     "Polices packets of IPv4 that are punted", policer_cli_punt_ip4, 0},
    {"ip6 punt policer [add | del] " POLICER " [<number:u32>]",
     "Polices packets of IPv6 that are punted", policer_cli_punt_ip6, 0},
    {"show policer " POLICER, "Policers, their buckets and counters", policer_cli_show, 0},
    {"show policer pools", "How many policers there are", show_pools, 0},
    {"set policer classify [interface <interface>] [ip4-table <ip4-table:u32>]"
     " [ip6-table <ip6-table:u32>] [l2-table <l2-table:u32>] [del]",
     "Polices what an interface receives by sessions of a classifier table",
     policer_set_classify_command, 0},
    {"show classify policer (type ( ip4 | ip6 | l2 ))",
     "Which tables police what interfaces receive", policer_show_classify_command, 0},
    {0},
};

/* --- running config --- */

static void policer_cli_config_of(struct piste *p, u32 index, struct text *t)
{
    const struct policer_config *x = policer_config_of(p, index);
    const char *name = policer_name(p, index);
    text_add(t, "policer add name %s type %s%s cir %u cb %" PRIu64 " eir %u eb %" PRIu64, name,
             type_words[x->type], x->color_aware ? " color-aware" : "", x->cir, x->cb, x->eir,
             x->eb);
    text_add(t, " rate %s round %s", rate_words[x->rate], round_words[x->round]);
    for (u32 k = 0; k < POLICER_COLOR_N; k++) {
        text_add(t, " %s ", color_arguments[k]);
        act_words(t, x->acts[k]);
    }
    text_putc(t, '\n');
    if (policer_bound_to(p, index) != POLICER_NONE)
        text_add(t, "policer bind name %s %u\n", name, policer_bound_to(p, index));
}

bool policer_running_config_rows(struct piste *p, void *state, enum rc_phase phase, void **place,
                                 struct text *t)
{
    u32 *next = *place, i = POLICER_NONE;
    if (phase != RC_GLOBAL)
        return false;
    if (!next)
        next = *place = mem_alloc(sizeof(*next));
    for (u32 n = 0; n < POLICERS_A_PIECE && (i = policer_next(p, *next)) != POLICER_NONE; n++) {
        policer_cli_config_of(p, i, t);
        *next = i + 1;
    }
    return i != POLICER_NONE;
}

void policer_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    if (phase == RC_INTERFACE)
        policer_interfaces_config(p, t);
}
