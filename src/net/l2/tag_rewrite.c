/* `set interface l2 tag-rewrite`: what is popped, pushed or translated when a frame comes in, and
 * the opposite when one leaves. The tags that are put back are those that the sub-interface stands
 * for, so they must be known.
 *
 *   in:   pop 1              push 100           translate 1-2
 *         [5][x] ─► [x]      [x] ─► [100][x]    [5][x] ─► [100][7][x]
 *   out:  push 5             pop 1              translate 2-1
 *
 * Source: VPP's behaviour and words. */
#include "net/l2/tag_rewrite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/vec.h"
#include "control/module.h"
#include "net/l2/tag_rewrite_internal.h"
#include "net/link/interface/interface.h"
#include "net/l2/l2.h"
#include "net/l2/efp_filter.h"
#include "net/link/vlan/vlan.h"

const struct tag_rewrite_op tag_rewrite_ops[TAG_OP_N] = {
    [TAG_OP_POP_1] = {1, 0, "pop-1", "pop 1"},
    [TAG_OP_POP_2] = {2, 0, "pop-2", "pop 2"},
    [TAG_OP_PUSH_1] = {0, 1, "push-1", "push"},
    [TAG_OP_PUSH_2] = {0, 2, "push-2", "push"},
    [TAG_OP_TRANSLATE_1_1] = {1, 1, "trans-1-1", "translate 1-1"},
    [TAG_OP_TRANSLATE_1_2] = {1, 2, "trans-1-2", "translate 1-2"},
    [TAG_OP_TRANSLATE_2_1] = {2, 1, "trans-2-1", "translate 2-1"},
    [TAG_OP_TRANSLATE_2_2] = {2, 2, "trans-2-2", "translate 2-2"},
};

const char tag_rewrite_module_name[] = "tag-rewrite";

struct tag_rewrite tag_rewrite_of(const struct piste *p, struct if_index i)
{
    const struct tag_rewrites *s = module_state(p, tag_rewrite_module_name);
    return i.i < s->v.n ? s->v.v[i.i] : (struct tag_rewrite){0};
}

/* --- what data threads do --- */

static void put_tag(struct l2_rewrite *r, u16 type, u16 id)
{
    put_be16(r->tags + r->push_bytes, type);
    put_be16(r->tags + r->push_bytes + 2, id);
    r->push_bytes = (u8)(r->push_bytes + VLAN_TAG_BYTES);
}

/* Up to two tags; the inner one is always 802.1q. */
static void tag_rewrite_put_tags(struct l2_rewrite *r, u32 n, bool dot1ad, u16 outer, u16 inner)
{
    if (n > 0)
        put_tag(r, dot1ad ? ETHERTYPE_DOT1AD : ETHERTYPE_VLAN, outer);
    if (n > 1)
        put_tag(r, ETHERTYPE_VLAN, inner);
}

static bool tag_rewrite_rewrites(struct piste *p, struct if_index i, struct l2_rewrites *out)
{
    struct tag_rewrite t = tag_rewrite_of(p, i);
    const struct vlan_match_spec *m = vlan_spec(p, i);
    *out = (struct l2_rewrites){0};
    if (t.op == TAG_OP_NONE)
        return false;
    out->in.pop_bytes = (u8)(tag_rewrite_ops[t.op].from * VLAN_TAG_BYTES);
    tag_rewrite_put_tags(&out->in, tag_rewrite_ops[t.op].to, t.dot1ad, t.tags[0], t.tags[1]);
    out->out.pop_bytes = (u8)(tag_rewrite_ops[t.op].to * VLAN_TAG_BYTES);
    if (m)
        tag_rewrite_put_tags(&out->out, tag_rewrite_ops[t.op].from, m->dot1ad, m->outer, m->inner);
    out->strict = efp_filter_is_on(p, i);
    return true;
}

/* --- changes --- */

/* Tags of the frames of i, from the outer one on, as far as they are known. */
static u32 known_tags(const struct vlan_match_spec *m)
{
    if (!m || m->kind < VLAN_KIND_ONE_TAG || m->outer == VLAN_ANY)
        return 0;
    return m->kind == VLAN_KIND_TWO_TAGS && m->inner != VLAN_ANY ? 2 : 1;
}

int tag_rewrite_set(struct piste *p, struct if_index i, const struct tag_rewrite *t,
                    struct error *e)
{
    struct tag_rewrites *s = module_state(p, tag_rewrite_module_name);
    const struct interface *f = interface_at(p, i);
    bool ethernet = f && f->has_mac && !f->cls->is_ip;
    if (!ethernet || tag_rewrite_ops[t->op].from > known_tags(vlan_spec(p, i)))
        return error_set(e, ethernet ? EINVAL : EOPNOTSUPP,
                         "vlan tag rewrite is not compatible with interface");
    for (u32 k = 0; k < tag_rewrite_ops[t->op].to; k++)
        if (t->tags[k] == 0 || t->tags[k] > VLAN_ID_MAX)
            return error_set(e, ERANGE, "invalid VLAN id %u: 1 to %u are possible", t->tags[k],
                             VLAN_ID_MAX);
    while (s->v.n <= i.i)
        vec_add(&s->v, (struct tag_rewrite){0});
    /* what the operation does not push is not kept */
    s->v.v[i.i] = (struct tag_rewrite){.op = t->op, .dot1ad = t->dot1ad && t->op};
    memcpy(s->v.v[i.i].tags, t->tags, tag_rewrite_ops[t->op].to * sizeof(t->tags[0]));
    l2_rewrites_changed(p, i);
    return 0;
}

static void tag_rewrite_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                     void *arg)
{
    struct tag_rewrites *s = arg;
    if (ev == IF_EVENT_DELETE && f->index.i < s->v.n)
        s->v.v[f->index.i] = (struct tag_rewrite){0};
}

/* --- text --- */

void tag_rewrite_add_tags(const struct tag_rewrite *t, struct text *out)
{
    if (tag_rewrite_ops[t->op].to)
        text_add(out, " %s %u", t->dot1ad ? "dot1ad" : "dot1q", t->tags[0]);
    if (tag_rewrite_ops[t->op].to > 1)
        text_add(out, " %u", t->tags[1]);
}

void tag_rewrite_words(struct piste *p, struct if_index i, struct text *out)
{
    struct tag_rewrite t = tag_rewrite_of(p, i);
    text_puts(out, t.op ? tag_rewrite_ops[t.op].name : "none");
    tag_rewrite_add_tags(&t, out);
}

/* --- commands --- */

/* --- module --- */

static const struct l2_rewriter rewriter = {tag_rewrite_rewrites, tag_rewrite_words};

int tag_rewrite_init(struct piste *p, void **state, struct error *e)
{
    struct tag_rewrites *s = mem_alloc(sizeof(*s));
    interface_on_event(p, tag_rewrite_on_interface, s);
    l2_set_rewriter(p, &rewriter);
    *state = s;
    return 0;
}

void tag_rewrite_stop(struct piste *p, void *state)
{
    struct tag_rewrites *s = state;
    l2_set_rewriter(p, NULL);
    vec_free(&s->v);
    free(s);
}
