/* The record of host. */
#include <linux/capability.h>
#include <sys/socket.h>

#include "control/module.h"
#include "host/host_internal.h"

static const struct need host_needs[] = {
    NEEDS_CAP(CAP_NET_ADMIN,
              "setting Linux devices up, their MTU and addresses; longer queues of sockets"),
    NEEDS_CAP_AT_TIMES(CAP_SYS_ADMIN, "devices in other network namespaces"),
    NEEDS_CAP_AT_TIMES(CAP_SYS_PTRACE, "network namespaces of other users' processes"),
    NEEDS_SOCKET(AF_NETLINK, "devices of this host"),
    NEEDS_CALL(setns, "network namespaces"),
    NEEDS_READ("/run/netns", "network namespaces"),
    NEEDS_READ("/var/run/netns", "network namespaces"),
    {0},
};

const struct module host_module = {
    .abi = MODULE_ABI,
    .name = host_module_name,
    .description = "Network devices and namespaces of this host",
    .system = host_needs,
    .init = host_init,
    .stop = host_stop,
};
