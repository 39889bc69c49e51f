/* Sections of startup.conf for parts of VPP that are not here. A configuration that came with VPP
 * is taken as it is; each key is one line in the log. */
#include "control/startup_sections.h"

static const char no_mpls[] = "there is no MPLS";
static const char no_pools[] = "tables grow as they are needed";
static const char no_elog[] = "there is no event log";
static const char no_host_stack[] = "there is no host stack";
static const char no_ipsec[] = "there is no IPsec fast path to size";
static const char no_engines[] = "there are no crypto engines to choose from";
static const char no_devices[] = "there are no devices that need a driver";

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

static const struct config_key punt_keys[] = {
    {"socket <path:file>", "there is no punt socket", NULL},
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

/* Their keys are many, and none means anything here. */
static const struct config_key host_stack_keys[] = {
    {"<keys:rest>", no_host_stack, NULL},
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

const struct config_section startup_foreign_sections[] = {
    {"mpls", mpls_keys},       {"l3fib", l3fib_keys},
    {"vlib", vlib_keys},       {"punt", punt_keys},
    {"ipsec", ipsec_keys},     {"session", host_stack_keys},
    {"tcp", host_stack_keys},  {"udp", host_stack_keys},
    {"tls", host_stack_keys},  {"crypto-engines", crypto_engines_keys},
    {"devices", devices_keys}, {NULL, NULL},
};
