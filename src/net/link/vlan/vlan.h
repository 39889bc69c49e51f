/* Sub-interfaces: an interface of its own for the frames of a port that carry certain VLAN tags.
 *
 *   port ─► ethernet-input ─(tags: vlan_data.h)─► rx_if is the sub-interface ─► layer 3 behind the
 * tags, or layer 2 layer 3 ─► rewrite with tags ─┐ layer 2 (tags as they are) ───┴─► X.5-output ─►
 * X-output ─► X-tx
 *
 * Context: control thread. Source: behaviour of VPP; IEEE 802.1Q, 802.1ad. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;
struct text;

extern const struct module vlan_module;

#define VLAN_ANY UINT16_MAX
#define VLAN_ID_MAX 4094

enum vlan_kind { VLAN_KIND_UNTAGGED, VLAN_KIND_DEFAULT, VLAN_KIND_ONE_TAG, VLAN_KIND_TWO_TAGS };

/* Frames that a sub-interface takes. */
struct vlan_match_spec {
    u8 kind;     /* enum vlan_kind */
    bool dot1ad; /* the outer tag is 802.1ad, else 802.1q */
    bool exact;  /* as many tags as said, and no more */
    u16 outer;   /* VLAN id or VLAN_ANY */
    u16 inner;   /* with two tags: an 802.1q id or VLAN_ANY */
};

/* Makes X.id, admin down. -EEXIST: another takes these frames ("vlan is already in use"); -EINVAL,
 * -EOPNOTSUPP. */
int vlan_create(struct piste *p, struct if_index parent, u32 id, const struct vlan_match_spec *m,
                struct if_index *out, struct error *e) MUST_CHECK;
/* -EINVAL: it is no sub-interface. */
int vlan_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
/* IF_NONE: the interface has no sub-interface of that number. */
struct if_index vlan_find(const struct piste *p, struct if_index parent, u32 id);
/* NULL: it is no sub-interface. */
const struct vlan_match_spec *vlan_spec(const struct piste *p, struct if_index i);

/* Tags of frames that layer 3 sends by i, as they lie in the frame; returns their bytes (0, 4, 8).
 */
u8 vlan_tags(struct piste *p, struct if_index i, u8 tags[8]);
