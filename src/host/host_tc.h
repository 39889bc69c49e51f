/* BPF programs at the ingress of network devices by traffic control (clsact): the way of kernels
 * before Linux 6.6, and of programs that stay when who put them there has gone. Making one needs
 * CAP_NET_ADMIN. Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"

struct host_net;

/* Programs run by priority, the lowest first; a handle tells those of one priority apart. */
struct host_tc_place {
    int device;
    u16 priority;
    u32 handle; /* not 0 */
};

/* The program (what it returns is what becomes of the packet) at a place that is free. name: what
 * `tc filter show` calls it. */
int host_tc_set(struct host_net *n, const struct host_tc_place *at, int program, const char *name,
                struct error *e) MUST_CHECK;
/* 0; -ENOENT and others: there is none, or it may not be taken away. */
int host_tc_del(struct host_net *n, const struct host_tc_place *at) MUST_CHECK;
bool host_tc_has(struct host_net *n, const struct host_tc_place *at);
