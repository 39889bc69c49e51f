/* What the files of src/host share. */
#pragma once

#include <linux/netlink.h>

#include "base/vec.h"
#include "control/aside.h"
#include "host/host_net.h"

#define HOST_FEATURE_WORDS 4 /* of the kernel's bits: 128 */

struct host_nets {
    struct piste *piste;
    struct aside aside;
    VEC(struct host_net *) nets;
    /* for each of the kernel's feature bits, what it is here (enum host_features); asked for once
     */
    u32 features[32 * HOST_FEATURE_WORDS];
    u32 n_features;
};

struct host_nets *host_nets_of(const struct host_net *n);

/* Whether a whole message is at h. libmnl 1.0.4 takes lengths past 2 GB for negative ones. */
static inline bool host_message_ok(const struct nlmsghdr *h, int left)
{
    return left >= (int)sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= (u32)left;
}

extern const char host_module_name[];
int host_init(struct piste *p, void **state, struct error *e);
void host_stop(struct piste *p, void *state);
