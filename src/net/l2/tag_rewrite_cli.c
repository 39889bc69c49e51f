/* Commands of tag-rewrite. Source: VPP's words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "control/module.h"
#include "net/l2/tag_rewrite.h"
#include "net/l2/tag_rewrite_internal.h"
#include "net/link/interface/interface.h"

static enum tag_op op_given(const struct cli_call *c, bool second)
{
    static const struct {
        const char *word;
        enum tag_op op;
    } translations[] = {
        {"1-1", TAG_OP_TRANSLATE_1_1},
        {"1-2", TAG_OP_TRANSLATE_1_2},
        {"2-1", TAG_OP_TRANSLATE_2_1},
        {"2-2", TAG_OP_TRANSLATE_2_2},
    };
    if (cli_has(c, "pop"))
        return cli_u64(c, "count", 0) == 1 ? TAG_OP_POP_1 : TAG_OP_POP_2;
    if (cli_has(c, "push"))
        return second ? TAG_OP_PUSH_2 : TAG_OP_PUSH_1;
    for (u32 k = 0; k < array_len(translations); k++)
        if (cli_has(c, translations[k].word))
            return translations[k].op;
    return TAG_OP_NONE;
}

static int tag_rewrite_set_command(struct cli_call *c)
{
    u32 n = (cli_get(c, "tag") != NULL) + (cli_get(c, "tag2") != NULL);
    struct tag_rewrite t = {
        .op = (u8)op_given(c, n == 2),
        .dot1ad = cli_has(c, "dot1ad"),
        .tags = {(u16)min_u64(cli_u64(c, "tag", 0), UINT16_MAX),
                 (u16)min_u64(cli_u64(c, "tag2", 0), UINT16_MAX)},
    };
    u64 count = cli_u64(c, "count", 1);
    if (count < 1 || count > 2)
        return error_set(c->err, EINVAL, "one or two tags can be popped");
    if (n != tag_rewrite_ops[t.op].to)
        return error_set(c->err, EINVAL, "%s takes %u tag%s", tag_rewrite_ops[t.op].words,
                         tag_rewrite_ops[t.op].to, tag_rewrite_ops[t.op].to == 1 ? "" : "s");
    return tag_rewrite_set(c->piste, cli_interface(c, "interface")->index, &t, c->err);
}

static void tag_rewrite_show_one(struct cli_call *c, struct interface *f)
{
    struct text t = {0};
    tag_rewrite_words(c->piste, f->index, &t);
    out_object(c->out, NULL);
    out_str(c->out, "name", f->name, "%-32s");
    out_str(c->out, "vtr", text_str(&t), "%s\n");
    out_end(c->out);
    text_free(&t);
}

static int show_vtr(struct cli_call *c)
{
    if (!c->again)
        out_array(c->out, "interfaces");
    for (struct interface *f; (f = interface_cli_next(c, INTERFACE_BY_NAME));) {
        tag_rewrite_show_one(c, f);
        if (cli_full(c))
            return CLI_MORE;
    }
    out_end(c->out);
    return 0;
}

const struct cli_command tag_rewrite_commands[] = {
    {"set interface l2 tag-rewrite <interface>"
     " ( disable | pop <count:u32> | push ( dot1q | dot1ad ) <tag:u32> [<tag2:u32>]"
     " | translate ( 1-1 | 1-2 | 2-1 | 2-2 ) ( dot1q | dot1ad ) <tag:u32> [<tag2:u32>] )",
     "Pops, pushes or translates VLAN tags of frames that come in, and the opposite of those that "
     "leave",
     tag_rewrite_set_command, 0},
    {"show interface vtr [<interface> ...]", "What is done to the VLAN tags of an interface",
     show_vtr, CLI_ARGUMENT_WORD},
    {0},
};

void tag_rewrite_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *out)
{
    const struct tag_rewrites *s = state;
    for (u32 i = 0; phase == RC_INTERFACE && i < s->v.n; i++) {
        const struct tag_rewrite *t = &s->v.v[i];
        if (t->op == TAG_OP_NONE)
            continue;
        text_add(out, "set interface l2 tag-rewrite %s %s",
                 interface_at(p, (struct if_index){i})->name, tag_rewrite_ops[t->op].words);
        tag_rewrite_add_tags(t, out);
        text_putc(out, '\n');
    }
}
