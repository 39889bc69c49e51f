/* A router for IPv6 whose fragments are noted as they come in, and again as they leave, for tests
 * and fuzz targets of virtual reassembly; and IPv6 fragments. */
#pragma once

#include "base/clock.h"
#include "net/ip/ip4/ip4_output.h"
#include "net/ip/ip6/ip6_world.h"
#include "net/ip/reass/sv_reass.h"

#define L2 ETHERNET_HEADER_BYTES
#define L3 (u32)sizeof(struct ip6_header)

static const u8 sv_mac[6] = {2, 0, 0, 0, 0, 1}, sv_host_mac[6] = {2, 0, 0, 0, 0, 2};
static struct if_index sv_in, sv_out;

/* 2001:db8:0::2 is behind in0, 2001:db8:1::2 behind out0. */
static inline void sv_world_open(void)
{
    static const struct module *modules[array_len(world_ip6) + 2];
    struct error e = {0};
    u32 n = 0;
    while (world_ip6[n]) {
        modules[n] = world_ip6[n];
        n++;
    }
    modules[n++] = &ip6_output_module;
    modules[n++] = &ip6_sv_reass_module;
    world_open(modules);
    world_interface("local0", NULL);
    sv_in = world_interface("in0", sv_mac);
    sv_out = world_interface("out0", sv_mac);
    struct ip_prefix a = {world_ip6_address(0, 1), IP_FAMILY_6, 64, {0}};
    world_must(!ip_address_add(&world.p, sv_in, a, &e));
    a.addr = world_ip6_address(1, 1);
    world_must(!ip_address_add(&world.p, sv_out, a, &e));
    world_ip6_neighbor(sv_in, world_ip6_address(0, 2), sv_host_mac);
    world_ip6_neighbor(sv_out, world_ip6_address(1, 2), sv_host_mac);
    world_must(!sv_reass_enable(&world.p, IP_FAMILY_6, sv_in, AT_IP_INPUT, true, &e));
    world_must(!sv_reass_enable(&world.p, IP_FAMILY_6, sv_out, AT_IP_OUTPUT, true, &e));
    engine_round(world.p.engine, 1);
    world_free_caught(); /* announcements */
}

/* The frame of a packet from in0's host; frame[L2 + n]. */
static inline void sv_world_frame(u8 *frame, const u8 *packet, u32 n)
{
    memcpy(frame, sv_mac, 6);
    memcpy(frame + 6, sv_host_mac, 6);
    put_be16(frame + 12, ETHERTYPE_IP6);
    memcpy(frame + L2, packet, n);
}

static inline void sv_world_run(const u8 *packet, u32 n)
{
    static u8 frame[L2 + (1 << 16)];
    sv_world_frame(frame, packet, n);
    world_run("ethernet-input", world_packet(frame, L2 + n));
}
