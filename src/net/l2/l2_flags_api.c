/* Messages of l2.api about what a port does: its own flags, and raw bitmaps of features. The bits
 * of those are VPP's, in the order in which `show bridge-domain detail' lists them there. */
#include "api/api_l2.h"
#include "control/api.h"
#include "net/l2/l2_api.h"
#include "net/l2/l2_internal.h"
#include "net/link/interface/interface_api.h"

/* What a client may turn on and off at a port: as a flag, and as a bit. */
static const struct {
    u32 api;
    u8 flag, bit;
} port_flags[] = {
    {L2_INTF_FEAT_LEARN, L2_IF_LEARN, 9},       {L2_INTF_FEAT_FWD, L2_IF_FORWARD, 7},
    {L2_INTF_FEAT_FLOOD, L2_IF_FLOOD, 2},       {L2_INTF_FEAT_UU_FLOOD, L2_IF_UU_FLOOD, 5},
    {L2_INTF_FEAT_ARP_TERM, L2_IF_ARP_TERM, 4},
};

/* What is there when it was configured otherwise. */
enum {
    INPUT_XCONNECT = 1 << 1,
    INPUT_ARP_UFWD = 1 << 3,
    INPUT_UU_FWD = 1 << 6,
    INPUT_VTR = 1 << 11
};
enum { OUTPUT_OUTPUT = 1 << 0 };

static const struct {
    const char *arc, *feature;
    u8 bit;
} features[] = {
    {"l2-input", "l2-ip-qos-record", 12},  {"l2-input", "l2-input-acl", 14},
    {"l2-input", "l2-input-classify", 18}, {"l2-input", "span-l2-input", 19},
    {"l2-output", "span-l2-output", 1},    {"l2-output", "l2-output-acl", 4},
    {"l2-output", "l2-efp-filter", 6},     {"l2-output", "l2-output-classify", 10},
};

static u32 feature_bits(const struct piste *p, const char *arc, struct if_index i)
{
    struct engine *e = engine_of(p);
    u32 bits = 0;
    for (u32 k = 0; k < array_len(features); k++)
        if (!strcmp(features[k].arc, arc) && feature_exists(e, arc, features[k].feature) &&
            feature_is_enabled(e, arc, features[k].feature, i))
            bits |= 1u << features[k].bit;
    return bits;
}

static u32 input_bits(const struct piste *p, struct if_index i)
{
    const struct l2_if *l = l2_if(i);
    u32 bits = feature_bits(p, "l2-input", i);
    if (l->rewrites)
        bits |= INPUT_VTR;
    if (l->mode == L2_MODE_XCONNECT)
        return bits | INPUT_XCONNECT;
    if (l->mode == L2_MODE_BRIDGE)
        bits |= INPUT_ARP_UFWD | INPUT_UU_FWD; /* as the domain says */
    for (u32 k = 0; k < array_len(port_flags); k++)
        if (l->port_flags & port_flags[k].flag)
            bits |= 1u << port_flags[k].bit;
    return bits;
}

static u32 output_bits(const struct piste *p, struct if_index i)
{
    return feature_bits(p, "l2-output", i) | (l2_if(i)->mode == L2_MODE_L3 ? 0 : OUTPUT_OUTPUT);
}

/* --- flags --- */

static void feat_flags_get(struct api_call *c)
{
    const struct api_l2_interface_feat_flags_get *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct api_l2_interface_feat_flags_get_reply reply = {.retval =
                                                              f ? 0 : API_INVALID_SW_IF_INDEX};
    for (u32 k = 0; f && k < array_len(port_flags); k++)
        reply.flags |= l2_if(f->index)->port_flags & port_flags[k].flag ? port_flags[k].api : 0;
    api_reply(c, &api_message_l2_interface_feat_flags_get_reply, &reply);
}

static i32 set_port_flags(struct piste *p, u32 sw_if_index, u32 api_flags, bool set)
{
    struct interface *f = api_interface(p, sw_if_index);
    u32 unknown = api_flags;
    u8 flags = 0;
    for (u32 i = 0; i < array_len(port_flags); i++) {
        unknown &= ~port_flags[i].api;
        flags |= api_flags & port_flags[i].api ? port_flags[i].flag : 0;
    }
    if (!f)
        return API_INVALID_SW_IF_INDEX;
    if (unknown) /* sending requests on by unicast is the domain's */
        return unknown == L2_INTF_FEAT_ARP_UFWD ? API_UNSUPPORTED : API_INVALID_VALUE;
    if (l2_if(f->index)->mode != L2_MODE_BRIDGE)
        return API_INVALID_INTERFACE;
    l2_port_set_flags(l2_state_of(p), f->index, flags, set);
    return 0;
}

static void feat_flags_set(struct api_call *c)
{
    const struct api_l2_interface_feat_flags_set *m = c->msg;
    api_reply_retval(c, set_port_flags(c->piste, m->sw_if_index, m->flags, m->is_set));
}

/* --- bitmaps --- */

/* The older message takes flags, and answers bits. */
static void l2_flags(struct api_call *c)
{
    const struct api_l2_flags *m = c->msg;
    struct api_l2_flags_reply reply = {0};
    reply.retval = set_port_flags(c->piste, m->sw_if_index, m->feature_bitmap, m->is_set);
    if (!reply.retval)
        reply.resulting_feature_bitmap = input_bits(c->piste, (struct if_index){m->sw_if_index});
    api_reply(c, &api_message_l2_flags_reply, &reply);
}

static void l2_flags_get(struct api_call *c)
{
    const struct api_l2_flags_get *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct api_l2_flags_get_reply reply = {.retval = f ? 0 : API_INVALID_SW_IF_INDEX};
    if (f) {
        reply.input_feature_bitmap = input_bits(c->piste, f->index);
        reply.output_feature_bitmap = output_bits(c->piste, f->index);
    }
    api_reply(c, &api_message_l2_flags_get_reply, &reply);
}

/* Bits that stand as they should may be named; of others those that a port has itself can be
 * changed: a feature has more to it than its bit. */
static void l2_flags_set(struct api_call *c)
{
    const struct api_l2_flags_set *m = c->msg;
    struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    u32 invert = m->is_set ? UINT32_MAX : 0, flags = 0;
    u32 input = m->input_feature_bitmap & (input_bits(c->piste, f->index) ^ invert);
    u32 output = m->output_feature_bitmap & (output_bits(c->piste, f->index) ^ invert);
    for (u32 i = 0; i < array_len(port_flags); i++)
        if (input >> port_flags[i].bit & 1) {
            flags |= port_flags[i].api;
            input &= ~(1u << port_flags[i].bit);
        }
    api_reply_retval(c, input || output ? API_UNSUPPORTED
                        : flags         ? set_port_flags(c->piste, m->sw_if_index, flags, m->is_set)
                                        : API_OK);
}

const struct api_handler l2_flags_api[] = {
    {&api_message_l2_interface_feat_flags_get, feat_flags_get},
    {&api_message_l2_interface_feat_flags_set, feat_flags_set},
    {&api_message_l2_flags, l2_flags},
    {&api_message_l2_flags_get, l2_flags_get},
    {&api_message_l2_flags_set, l2_flags_set},
    {0},
};
