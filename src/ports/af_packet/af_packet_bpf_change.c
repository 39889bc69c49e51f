/* What becomes of a packet that has an entry: hops, addresses, tags, the answer to a ping. */
#include <arpa/inet.h>

#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "ports/af_packet/af_packet_bpf_internal.h"

/* Copies from the stack into the packet; the sum of the packet as a whole, where the device made
 * one, stays right. */
static void skb_store(struct bpf_asm *a, i32 offset, i32 from, i32 bytes, struct bpf_label drop)
{
    bpf_mov_imm(a, BPF_REG_5, BPF_F_RECOMPUTE_CSUM);
    skb_arguments(a, offset, from, bytes);
    bpf_call(a, BPF_FUNC_skb_store_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
}

/* Goes on at none where r8, the action's flags, does not have this one. */
static void unless_flag(struct bpf_asm *a, i32 flag, struct bpf_label none)
{
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, flag);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, none);
}

/* An Internet checksum at `at` + offset becomes so much more, htons(more) (RFC 1624). */
static void sum_more(struct bpf_asm *a, u32 at, i32 offset, u16 more)
{
    struct bpf_label carried = bpf_label(a);
    bpf_load(a, BPF_H, BPF_REG_1, at, offset);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, htons(more));
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_1, 0xffff, carried);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, 1);
    bpf_here(a, carried);
    bpf_store(a, BPF_H, at, offset, BPF_REG_1);
}

/* --- routing --- */

/* A hop less: the byte at `at` + offset. */
static void count_down(struct bpf_asm *a, u32 at, i32 offset)
{
    bpf_load(a, BPF_B, BPF_REG_1, at, offset);
    bpf_alu_imm(a, BPF_SUB, BPF_REG_1, 1);
    bpf_store(a, BPF_B, at, offset, BPF_REG_1);
}

/* One hop less for IPv4, whose TTL is at `at` + offset: its header's sum changes by as much. */
static void lose_hop4(struct bpf_asm *a, u32 at, i32 offset)
{
    count_down(a, at, offset);
    sum_more(a, at, offset + 2, 0x0100);
}

/* What routing changes of IPv4, where the packet lies: by helpers it costs more than all the rest.
 * To elsewhere, when it is something else, or the headers are not in one piece. r7: the action, r8:
 * its flags. */
static void route4(struct bpf_asm *a, struct bpf_label elsewhere)
{
    unless_flag(a, FAST_PATH_TTL4, elsewhere);
    bpf_load(a, BPF_W, BPF_REG_4, SKB_REG, SKB(data));
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(data_end));
    bpf_mov(a, BPF_REG_1, BPF_REG_4);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, ETHERNET_HEADER_BYTES + 12);
    bpf_jump_if(a, BPF_JGT, BPF_REG_1, BPF_REG_2, elsewhere);
    lose_hop4(a, BPF_REG_4, ETHERNET_HEADER_BYTES + 8);
    for (i32 at = 0; at < 12; at += 2) {
        bpf_load(a, BPF_H, BPF_REG_1, BPF_REG_7, ACTION(macs) + at);
        bpf_store(a, BPF_H, BPF_REG_4, at, BPF_REG_1);
    }
}

/* One hop less, by helpers. */
static void lose_hop(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label ip6 = bpf_label(a), none = bpf_label(a);
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_8, FAST_PATH_TTL6, ip6);
    unless_flag(a, FAST_PATH_TTL4, none);
    skb_load(a, ETHERNET_HEADER_BYTES + 8, L3, 4, drop);
    lose_hop4(a, FP, L3);
    skb_store(a, ETHERNET_HEADER_BYTES + 8, L3, 4, drop);
    bpf_jump(a, none);
    bpf_here(a, ip6);
    skb_load(a, ETHERNET_HEADER_BYTES + 7, L3, 1, drop);
    count_down(a, FP, L3);
    skb_store(a, ETHERNET_HEADER_BYTES + 7, L3, 1, drop);
    bpf_here(a, none);
}

/* --- pings --- */

/* The first four bytes of the message at `at`: its type, and its sum by so much more, htons(more).
 */
static void answer_message(struct bpf_asm *a, i32 at, u8 type, u16 more, struct bpf_label drop)
{
    skb_load(a, at, L3, 4, drop);
    bpf_store_imm(a, BPF_B, FP, L3, type);
    sum_more(a, FP, L3 + 2, more);
    skb_store(a, at, L3, 4, drop);
}

/* Exchanges two pieces of the stack. */
static void swap_stack(struct bpf_asm *a, i32 x, i32 y, i32 bytes)
{
    for (i32 at = 0; at < bytes; at += 4) {
        bpf_load(a, BPF_W, BPF_REG_1, FP, x + at);
        bpf_load(a, BPF_W, BPF_REG_2, FP, y + at);
        bpf_store(a, BPF_W, FP, x + at, BPF_REG_2);
        bpf_store(a, BPF_W, FP, y + at, BPF_REG_1);
    }
}

static void answer_echo4(struct bpf_asm *a, struct bpf_label drop)
{
    skb_load(a, ETHERNET_HEADER_BYTES, L3, 20, drop);
    bpf_call(a, BPF_FUNC_get_prandom_u32);
    bpf_store(a, BPF_H, FP, L3 + 4, BPF_REG_0);
    bpf_store_imm(a, BPF_B, FP, L3 + 8, 64);
    bpf_store_imm(a, BPF_H, FP, L3 + 10, 0);
    swap_stack(a, L3 + 12, L3 + 16, 4);
    bpf_mov_imm(a, BPF_REG_1, 0);
    sum_add(a, L3, 20);
    sum_fold(a);
    bpf_alu_imm(a, BPF_XOR, BPF_REG_1, 0xffff);
    bpf_store(a, BPF_H, FP, L3 + 10, BPF_REG_1);
    skb_store(a, ETHERNET_HEADER_BYTES, L3, 20, drop);
    answer_message(a, ETHERNET_HEADER_BYTES + 20, ICMP4_ECHO_REPLY, 8 << 8, drop);
}

static void answer_echo6(struct bpf_asm *a, struct bpf_label drop)
{
    skb_load(a, ETHERNET_HEADER_BYTES, L3, 40, drop);
    bpf_store_imm(a, BPF_B, FP, L3 + 7, 64);
    swap_stack(a, L3 + 8, L3 + 24, 16);
    skb_store(a, ETHERNET_HEADER_BYTES, L3, 40, drop);
    answer_message(a, ETHERNET_HEADER_BYTES + 40, ICMP6_ECHO_REPLY, (u16) ~(1u << 8), drop);
}

/* r8: the action's flags. */
static void answer_echo(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label ip6 = bpf_label(a), none = bpf_label(a);
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_8, FAST_PATH_ECHO6, ip6);
    unless_flag(a, FAST_PATH_ECHO4, none);
    answer_echo4(a, drop);
    bpf_jump(a, none);
    bpf_here(a, ip6);
    answer_echo6(a, drop);
    bpf_here(a, none);
}

/* --- the link --- */

static void change_addresses(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label none = bpf_label(a);
    unless_flag(a, FAST_PATH_MACS, none);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov_imm(a, BPF_REG_2, 0);
    bpf_mov(a, BPF_REG_3, BPF_REG_7);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, ACTION(macs));
    bpf_mov_imm(a, BPF_REG_4, 12);
    bpf_mov_imm(a, BPF_REG_5, 0);
    bpf_call(a, BPF_FUNC_skb_store_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_here(a, none);
}

static void change_tag(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label kept = bpf_label(a), none = bpf_label(a);
    unless_flag(a, FAST_PATH_POP, kept);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_call(a, BPF_FUNC_skb_vlan_pop);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_here(a, kept);
    unless_flag(a, FAST_PATH_PUSH, none);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_load(a, BPF_H, BPF_REG_2, BPF_REG_7, ACTION(tpid));
    bpf_load(a, BPF_H, BPF_REG_3, BPF_REG_7, ACTION(tci));
    bpf_call(a, BPF_FUNC_skb_vlan_push);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_here(a, none);
}

void af_packet_bpf_change(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label elsewhere = bpf_label(a), tags = bpf_label(a), none = bpf_label(a);
    bpf_load(a, BPF_W, BPF_REG_8, BPF_REG_7, ACTION(flags));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_8, 0, none);
    route4(a, elsewhere);
    bpf_jump(a, tags);
    bpf_here(a, elsewhere);
    lose_hop(a, drop);
    answer_echo(a, drop);
    change_addresses(a, drop);
    bpf_here(a, tags);
    change_tag(a, drop);
    bpf_here(a, none);
}
