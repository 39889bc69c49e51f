/* See host_tc.h. */
#include "host/host_tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/privilege.h"
#include "host/host_net.h"

/* What filters hang on. It stays: others may have theirs there. */
static int host_tc_make_clsact(struct host_net *n, int device)
{
    struct host_request r;
    struct tcmsg *m = host_request_begin(&r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, sizeof(*m));
    m->tcm_ifindex = device;
    m->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    m->tcm_parent = TC_H_CLSACT;
    mnl_attr_put_strz(r.h, TCA_KIND, "clsact");
    int rc = host_request_send(n, &r);
    return rc == -EEXIST ? 0 : rc;
}

static void host_tc_begin(struct host_request *r, const struct host_tc_place *at, u16 type,
                          u16 flags)
{
    struct tcmsg *m = host_request_begin(r, type, flags, sizeof(*m));
    m->tcm_ifindex = at->device;
    m->tcm_handle = at->handle;
    m->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
    m->tcm_info = TC_H_MAKE((u32)at->priority << 16, htons(ETH_P_ALL));
    mnl_attr_put_strz(r->h, TCA_KIND, "bpf");
}

int host_tc_set(struct host_net *n, const struct host_tc_place *at, int program, const char *name,
                struct error *e)
{
    struct host_request r;
    int rc = host_tc_make_clsact(n, at->device);
    if (!rc) {
        host_tc_begin(&r, at, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
        struct nlattr *options = mnl_attr_nest_start(r.h, TCA_OPTIONS);
        mnl_attr_put_u32(r.h, TCA_BPF_FD, (u32)program);
        mnl_attr_put_strz(r.h, TCA_BPF_NAME, name);
        mnl_attr_put_u32(r.h, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
        mnl_attr_nest_end(r.h, options);
        rc = host_request_send(n, &r);
    }
    return rc ? error_errno(e, -rc, "cannot attach a BPF program to device %d by clsact%s",
                            at->device, PRIVILEGE_HINT(-rc, "CAP_NET_ADMIN"))
              : 0;
}

int host_tc_del(struct host_net *n, const struct host_tc_place *at)
{
    struct host_request r;
    host_tc_begin(&r, at, RTM_DELTFILTER, 0);
    return host_request_send(n, &r);
}

bool host_tc_has(struct host_net *n, const struct host_tc_place *at)
{
    struct host_request r;
    host_tc_begin(&r, at, RTM_GETTFILTER, 0);
    return !host_request_send(n, &r);
}
