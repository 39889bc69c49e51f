/* Tag rewrites of interfaces in layer 2: see tag_rewrite.c. Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module tag_rewrite_module;

enum tag_op {
    TAG_OP_NONE,
    TAG_OP_POP_1,
    TAG_OP_POP_2,
    TAG_OP_PUSH_1,
    TAG_OP_PUSH_2,
    TAG_OP_TRANSLATE_1_1,
    TAG_OP_TRANSLATE_1_2,
    TAG_OP_TRANSLATE_2_1,
    TAG_OP_TRANSLATE_2_2,
    TAG_OP_N
};

struct tag_rewrite {
    u8 op;       /* enum tag_op */
    bool dot1ad; /* the outer tag that is put in is 802.1ad, else 802.1q */
    u16 tags[2]; /* that are put in, the outer first */
};

/* -EOPNOTSUPP: no ethernet; -EINVAL: more tags would go than are known; both "vlan tag rewrite is
 * not compatible with interface"; -ERANGE: ids. An interface in layer 3 keeps it for the time when
 * it will be in layer 2. */
int tag_rewrite_set(struct piste *p, struct if_index i, const struct tag_rewrite *t,
                    struct error *e) MUST_CHECK;
struct tag_rewrite tag_rewrite_of(const struct piste *p, struct if_index i);
