/* The world of ip4_world.h, with IPv6 in it. */
#pragma once

#include "net/ip/icmp/icmp6.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_input.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/ip/nd/dad.h"
#include "net/ip/nd/mld.h"
#include "net/ip/nd/ra.h"
#include "net/ip/neighbor/nd.h"
#include "net/ip/neighbor/nd_proxy.h"

/* IPv6, all of it. */
static const struct module *const world_ip6[] __attribute__((unused)) = {
    &ethernet_module, &ip4_arcs_module,  &ip6_arcs_module,  &fib_module,   &address_module,
    &ip6_module,      &ip6_input_module, &ip6_local_module, &icmp6_module, &mfib_module,
    &neighbor_module, &nd_module,        &nd_proxy_module,  &ra_module,    &dad_module,
    &mld_module,      &ip6_frag_module,  &ip6_reass_module, NULL};

/* 2001:db8:<net>::<host> */
static inline struct ip_address world_ip6_address(u16 net, u16 host)
{
    struct ip_address a = {.bytes = {0x20, 1, 0x0d, 0xb8}};
    put_be16(a.bytes + 4, net);
    put_be16(a.bytes + 14, host);
    return a;
}

/* Somebody configured for ever. */
static inline void world_ip6_neighbor(struct if_index i, struct ip_address a, const u8 mac[6])
{
    struct link_host host = {a, i, IP_FAMILY_6};
    struct error e = {0};
    if (neighbor_add(&world.p, &host, mac, NEIGHBOR_STATIC, &e))
        panic("%s", e.text);
}
