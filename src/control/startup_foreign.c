/* Sections of startup.conf for parts of VPP that are not here: of its core, and of its plugins. A
 * configuration that came with VPP is taken as it is; each key is one line in the log. A module
 * that brings a section of that name goes before. */
#include "control/startup_sections.h"

static const char no_ip6_tables[] = "there are no IPv6 tables";
static const char no_mpls[] = "there is no MPLS";
static const char no_pools[] = "tables grow as they are needed";
static const char no_elog[] = "there is no event log";
static const char no_host_stack[] = "there is no host stack";
static const char no_ipsec[] = "there is no IPsec fast path to size";
static const char no_engines[] = "there are no crypto engines to choose from";
static const char no_nat[] = "there is no NAT of that kind";
static const char no_linux_cp[] = "there are no Linux interfaces in the place of ports";
static const char no_devices[] = "there are no devices that need a driver";

static const struct config_key ip6_keys[] = {
    {"default-table-name <name:string>", no_ip6_tables, NULL},
    {"hash-buckets <n:u32>", no_ip6_tables, NULL},
    {"heap-size <size>", no_ip6_tables, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key mpls_keys[] = {
    {"default-table-name <name:string>", no_mpls, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key l3fib_keys[] = {
    {"load-balance-pool-size <size>", no_pools, NULL},
    {"fib-entry-pool-size <size>", no_pools, NULL},
    {"ip4-mtrie-pool-size <size>", no_pools, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key vlib_keys[] = {
    {"memory-trace", "allocations are not traced", NULL},
    {"elog-events <n:u32>", no_elog, NULL},
    {"elog-post-mortem-dump", no_elog, NULL},
    {"buffer-alloc-success-rate <rate:float>", "buffers do not fail on purpose", NULL},
    {"buffer-alloc-success-seed <seed:u32>", "buffers do not fail on purpose", NULL},
    {NULL, NULL, NULL},
};

static const struct config_key ipsec_keys[] = {
    {"ipv4-outbound-spd-fast-path <state:on-off>", no_ipsec, NULL},
    {"ipv4-inbound-spd-fast-path <state:on-off>", no_ipsec, NULL},
    {"ipv6-outbound-spd-fast-path <state:on-off>", no_ipsec, NULL},
    {"ipv6-inbound-spd-fast-path <state:on-off>", no_ipsec, NULL},
    {"spd-fast-path-num-buckets <n:u32>", no_ipsec, NULL},
    {"ipv4-outbound-spd-flow-cache <state:on-off>", no_ipsec, NULL},
    {"ipv4-inbound-spd-flow-cache <state:on-off>", no_ipsec, NULL},
    {"ipv4-outbound-spd-hash-buckets <n:u32>", no_ipsec, NULL},
    {"ipv4-inbound-spd-hash-buckets <n:u32>", no_ipsec, NULL},
    {"ip4 <block>", no_ipsec, NULL},
    {"ip6 <block>", no_ipsec, NULL},
    {"async-handoff-queue-size <n:u32>", no_ipsec, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key crypto_engines_keys[] = {
    {"<engine:string> <block>", no_engines, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key devices_keys[] = {
    {"dev <id:string> [<block>]", no_devices, NULL},
    {"driver <name:string> [<block>]", no_devices, NULL},
    {NULL, NULL, NULL},
};

/* Of sections whose keys are many, and none means anything here. */
#define ANY_KEYS(why)                                                                              \
    (const struct config_key[])                                                                    \
    {                                                                                              \
        {"<keys:rest>", why, NULL},                                                                \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

const struct config_section startup_foreign_sections[] = {
    {"ip6", ip6_keys},
    {"mpls", mpls_keys},
    {"l3fib", l3fib_keys},
    {"vlib", vlib_keys},
    {"ipsec", ipsec_keys},
    {"crypto-engines", crypto_engines_keys},
    {"devices", devices_keys},
    {"session", ANY_KEYS(no_host_stack)},
    {"tcp", ANY_KEYS(no_host_stack)},
    {"udp", ANY_KEYS(no_host_stack)},
    {"tls", ANY_KEYS(no_host_stack)},
    {"api-fuzz", ANY_KEYS("API messages are not altered on purpose")},
    {"heapsize", ANY_KEYS("the heap grows as it is needed")},
    /* of plugins that are not here */
    {"bufmon", ANY_KEYS("there is no buffer monitor")},
    {"cj", ANY_KEYS("there is no circular journal")},
    {"cnat", ANY_KEYS(no_nat)},
    {"ct6", ANY_KEYS("there is no IPv6 connection tracking")},
    {"det44", ANY_KEYS(no_nat)},
    {"dhcp", ANY_KEYS("there is no DHCP")},
    {"dns", ANY_KEYS("there is no DNS resolver")},
    {"dpdk", ANY_KEYS("there is no DPDK, ports are the kernel's")},
    {"dslite", ANY_KEYS(no_nat)},
    {"fateshare", ANY_KEYS("there is no process to share its fate with")},
    {"flowprobe", ANY_KEYS("there is no flow probe")},
    {"gtpu", ANY_KEYS("there is no GTP-U")},
    {"hsi", ANY_KEYS(no_host_stack)},
    {"http", ANY_KEYS(no_host_stack)},
    {"http_static", ANY_KEYS(no_host_stack)},
    {"igmp", ANY_KEYS("there is no IGMP")},
    {"ikev2", ANY_KEYS("there is no IKEv2")},
    {"l2tp", ANY_KEYS("there is no L2TP")},
    {"lb", ANY_KEYS("there is no load balancer plugin")},
    {"linux-cp", ANY_KEYS(no_linux_cp)},
    {"linux-nl", ANY_KEYS(no_linux_cp)},
    {"lisp", ANY_KEYS("there is no LISP")},
    {"mactime", ANY_KEYS("there are no time ranges by MAC address")},
    {"map", ANY_KEYS(no_nat)},
    {"memif", ANY_KEYS("memif has no settings: its commands say all")},
    {"nat", ANY_KEYS("NAT44 has no settings: its commands say all")},
    {"nat44-ei", ANY_KEYS("NAT44 EI has no settings: its commands say all")},
    {"nat64", ANY_KEYS("NAT64 has no settings: its commands say all")},
    {"nat66", ANY_KEYS("NAT66 has no settings: its commands say all")},
    {"nsim", ANY_KEYS("there is no network simulator")},
    {"oddbuf", ANY_KEYS("buffers are not made odd on purpose")},
    {"perfmon", ANY_KEYS("there is no performance monitor")},
    {"quic", ANY_KEYS(no_host_stack)},
    {"rdma", ANY_KEYS("there are no RDMA interfaces")},
    {"sflow", ANY_KEYS("there is no sFlow")},
    {"snort", ANY_KEYS("there is no Snort")},
    {"srtp", ANY_KEYS(no_host_stack)},
    {"tlsmbedtls", ANY_KEYS(no_host_stack)},
    {"tlsopenssl", ANY_KEYS(no_host_stack)},
    {"tlspicotls", ANY_KEYS(no_host_stack)},
    {"tuntap", ANY_KEYS("there are no TUN interfaces for packets to the kernel")},
    {"unittest", ANY_KEYS("there are no tests in the daemon")},
    {"urpf", ANY_KEYS("uRPF has no settings: its commands say all")},
    {"vhost-user", ANY_KEYS("guests are interrupted at once, and there is nothing else to set")},
    {"vmxnet3", ANY_KEYS(no_devices)},
    {"vrrp", ANY_KEYS("there is no VRRP")},
    {"wireguard", ANY_KEYS("there is no WireGuard")},
    {NULL, NULL},
};
