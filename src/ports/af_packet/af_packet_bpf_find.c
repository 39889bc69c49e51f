/* Which entry a packet goes by: the first half of both programs. The key is put together on the
 * stack from the packet, and everything is checked that would make the graph do something else with
 * it. */
#include <arpa/inet.h>

#include "base/byteorder.h"
#include "net/packet/ip4_packet.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"
#include "ports/af_packet/af_packet_bpf_internal.h"

/* Bytes of a frame that is looked at: the link's header, and IPv4's, which comes to lie where the
 * key's addresses will be, and is read there before they are. */
#define LEAST_BYTES (ETHERNET_HEADER_BYTES + 20)
#define IP4 KEY_AT(dst)
static_assert(offsetof(struct fast_path_key, dst) ==
                  offsetof(struct fast_path_key, ethernet) + ETHERNET_HEADER_BYTES,
              "the header of layer 3 is behind that of the link");
#define MESSAGE_MOST 256 /* bytes of one of ICMP: longer ones are the graph's */

/* --- the key --- */

void af_packet_bpf_find_port(struct bpf_asm *a, const struct af_packet_bpf *b,
                             struct bpf_label none)
{
    struct bpf_label found = bpf_label(a);
    bpf_load(a, BPF_W, BPF_REG_8, SKB_REG, SKB(ifindex));
    for (u32 i = 0; i < AF_PACKET_BPF_PLACES; i++) {
        bpf_mov(a, BPF_REG_1, BPF_REG_8);
        if (i)
            bpf_alu_imm(a, BPF_ADD, BPF_REG_1, (i32)(i * AF_PACKET_BPF_NEXT_PLACE));
        bpf_alu_imm(a, BPF_AND, BPF_REG_1, AF_PACKET_BPF_PORTS - 1);
        bpf_store(a, BPF_W, FP, INDEX, BPF_REG_1);
        map_find(a, b->ports_fd, INDEX, none);
        bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_0, PORT(device));
        bpf_jump_if32(a, BPF_JEQ, BPF_REG_1, BPF_REG_8, found);
    }
    bpf_jump(a, none);
    bpf_here(a, found);
}

/* The key's part that is of the link. r8: the device's index. */
static void key_link(struct bpf_asm *a, struct bpf_label miss)
{
    struct bpf_label untagged = bpf_label(a);
    /* More than the header: where we may not measure (CAP_PERFMON) the verifier puts a barrier
     * behind the first write to each word, which what a helper has filled costs not. */
    skb_load(a, 0, KEY_AT(ethernet), LEAST_BYTES, miss);
    bpf_store(a, BPF_W, FP, KEY_AT(port), BPF_REG_8);
    bpf_store_imm(a, BPF_W, FP, KEY_AT(tci), 0);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(vlan_present));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, untagged);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(vlan_tci));
    bpf_store(a, BPF_H, FP, KEY_AT(tci), BPF_REG_1);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(vlan_proto));
    bpf_store(a, BPF_H, FP, KEY_AT(tpid), BPF_REG_1);
    bpf_here(a, untagged);
    bpf_load(a, BPF_B, BPF_REG_1, FP, KEY_AT(ethernet));
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_1, 1, miss); /* groups */
}

/* The rest of a key that is not short. */
static void key_lengthen(struct bpf_asm *a)
{
    for (u32 at = FAST_PATH_SHORT_BYTES; at < sizeof(struct fast_path_key); at += 8)
        bpf_store_imm(a, BPF_DW, FP, KEY + (i32)at, 0);
}

/* Whether the header's sum is right. */
static void check_sum(struct bpf_asm *a, struct bpf_label miss)
{
    bpf_mov_imm(a, BPF_REG_1, 0);
    sum_add(a, IP4, 20);
    sum_fold(a);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, 0xffff, miss);
}

/* The packet is as long as the header says, and no longer: r1 is what it says, with the link's
 * header. */
static void check_length(struct bpf_asm *a, struct bpf_label miss)
{
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(len));
    bpf_jump_if(a, BPF_JNE, BPF_REG_1, BPF_REG_2, miss);
}

static void copy_stack(struct bpf_asm *a, i32 to, i32 from, i32 bytes)
{
    for (i32 at = 0; at < bytes; at += 4) {
        bpf_load(a, BPF_W, BPF_REG_1, FP, from + at);
        bpf_store(a, BPF_W, FP, to + at, BPF_REG_1);
    }
}

/* What a router does more with than to send it on is a miss. r7: enum fast_path_mask. */
static void key_ip4(struct bpf_asm *a, struct bpf_label miss, struct bpf_label brief,
                    struct bpf_label ports)
{
    bpf_load(a, BPF_B, BPF_REG_1, FP, IP4);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, IP4_VERSION_IHL_PLAIN, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, IP4 + 6);
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_1, htons(0x3fff), miss); /* fragments */
    bpf_load(a, BPF_B, BPF_REG_1, FP, IP4 + 8);
    bpf_jump_if_imm(a, BPF_JLE, BPF_REG_1, 1, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, IP4 + 12); /* the source: this network, loopback, groups */
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, miss);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 127, miss);
    bpf_jump_if_imm(a, BPF_JGE, BPF_REG_1, 224, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, IP4 + 2);
    bpf_swap_be(a, BPF_REG_1, 16);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, ETHERNET_HEADER_BYTES);
    check_length(a, miss);
    check_sum(a, miss);
    bpf_load(a, BPF_B, BPF_REG_9, FP, IP4 + 9);
    bpf_load(a, BPF_W, BPF_REG_8, FP, IP4 + 12);
    copy_stack(a, KEY_AT(dst), IP4 + 16, 4);
    bpf_store_imm(a, BPF_W, FP, KEY_AT(dst) + 4, 0);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_7, FAST_PATH_FLOW, brief);
    key_lengthen(a);
    bpf_store(a, BPF_W, FP, KEY_AT(src), BPF_REG_8);
    bpf_store(a, BPF_W, FP, KEY_AT(proto_label), BPF_REG_9);
    bpf_mov_imm(a, BPF_REG_8, ETHERNET_HEADER_BYTES + 20);
    bpf_jump(a, ports);
}

static void key_ip6(struct bpf_asm *a, struct bpf_label miss, struct bpf_label end)
{
    skb_load(a, ETHERNET_HEADER_BYTES, L3, 40, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3);
    bpf_alu_imm(a, BPF_RSH, BPF_REG_1, 4);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, 6, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3 + 7);
    bpf_jump_if_imm(a, BPF_JLE, BPF_REG_1, 1, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3 + 8); /* the source: of a link, a group, ::, ::1 */
    bpf_jump_if_imm(a, BPF_JGE, BPF_REG_1, 0xfe, miss);
    bpf_load(a, BPF_DW, BPF_REG_1, FP, L3 + 8);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, L3 + 4);
    bpf_swap_be(a, BPF_REG_1, 16);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, ETHERNET_HEADER_BYTES + 40);
    check_length(a, miss);
    key_lengthen(a);
    copy_stack(a, KEY_AT(dst), L3 + 24, 16);
    bpf_load(a, BPF_B, BPF_REG_9, FP, L3 + 6);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_7, FAST_PATH_FLOW, end);
    copy_stack(a, KEY_AT(src), L3 + 8, 16);
    bpf_load(a, BPF_W, BPF_REG_1, FP, L3);
    bpf_swap_be(a, BPF_REG_1, 32);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, 0xfffff);
    bpf_alu_imm(a, BPF_LSH, BPF_REG_1, 8);
    bpf_alu(a, BPF_OR, BPF_REG_1, BPF_REG_9);
    bpf_store(a, BPF_W, FP, KEY_AT(proto_label), BPF_REG_1);
    bpf_mov_imm(a, BPF_REG_8, ETHERNET_HEADER_BYTES + 40);
}

/* The same as skb_load, from `more` behind what the register says. */
static void skb_load_behind(struct bpf_asm *a, u32 offset, i32 more, i32 to, i32 bytes,
                            struct bpf_label none)
{
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov(a, BPF_REG_2, offset);
    if (more)
        bpf_alu_imm(a, BPF_ADD, BPF_REG_2, more);
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, to);
    bpf_mov_imm(a, BPF_REG_4, bytes);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, none);
}

/* The key's part that is of IP; where there are no ports to look for, to echo. Leaves the protocol
 * in r9, and 0 there for others. r7: the port's mask; r8: where layer 4 begins. */
static void key_ip(struct bpf_asm *a, struct bpf_label miss, struct bpf_label echo,
                   struct bpf_label brief)
{
    struct bpf_label end = bpf_label(a), ip6 = bpf_label(a), ports = bpf_label(a),
                     take = bpf_label(a), other = bpf_label(a);
    bpf_mov_imm(a, BPF_REG_9, 0);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_7, FAST_PATH_DST, other);
    bpf_load(a, BPF_H, BPF_REG_1, FP, KEY_AT(ethernet) + 12);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, htons(ETHERTYPE_IP6), ip6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP4), other);
    key_ip4(a, miss, brief, ports);
    bpf_here(a, ip6);
    key_ip6(a, miss, end);
    bpf_here(a, ports);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, IP_PROTOCOL_TCP, take);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_9, IP_PROTOCOL_UDP, echo);
    bpf_here(a, take);
    skb_load_behind(a, BPF_REG_8, 0, KEY_AT(sport), 4, miss);
    bpf_jump(a, end);
    bpf_here(a, other);
    bpf_store_imm(a, BPF_DW, FP, KEY_AT(dst), 0);
    bpf_mov_imm(a, BPF_REG_7, FAST_PATH_LINK);
    bpf_jump(a, brief);
    bpf_here(a, end);
    bpf_store(a, BPF_H, FP, KEY_AT(mask), BPF_REG_7);
}

/* --- the flow --- */

/* A request for an echo that no entry sends on: the one that an own address answers, in r0. What
 * the graph would not answer is a miss: a wrong sum above all. Zeros behind the message make no
 * difference to it. r7: the mask; r9: the protocol. */
static void find_echo(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label miss)
{
    struct bpf_label ip6 = bpf_label(a), look = bpf_label(a), sum = bpf_label(a),
                     type6 = bpf_label(a);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_7, FAST_PATH_DST, miss);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, IP_PROTOCOL_ICMP6, ip6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_9, IP_PROTOCOL_ICMP, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, KEY_AT(ethernet) + 12);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP4), miss);
    skb_load(a, ETHERNET_HEADER_BYTES, L3, 20, miss);
    key_lengthen(a);
    copy_stack(a, KEY_AT(src), L3 + 12, 4);
    bpf_mov_imm(a, BPF_REG_7, ETHERNET_HEADER_BYTES + 20);
    bpf_load(a, BPF_H, BPF_REG_8, FP, L3 + 2);
    bpf_swap_be(a, BPF_REG_8, 16);
    bpf_alu_imm(a, BPF_SUB, BPF_REG_8, 20);
    bpf_jump(a, look);
    bpf_here(a, ip6);
    bpf_load(a, BPF_H, BPF_REG_1, FP, KEY_AT(ethernet) + 12);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP6), miss);
    /* all of it is there already, which the verifier cannot know */
    skb_load(a, ETHERNET_HEADER_BYTES, L3, 40, miss);
    key_lengthen(a);
    copy_stack(a, KEY_AT(dst), L3 + 24, 16);
    copy_stack(a, KEY_AT(src), L3 + 8, 16);
    bpf_mov_imm(a, BPF_REG_7, ETHERNET_HEADER_BYTES + 40);
    bpf_load(a, BPF_H, BPF_REG_8, FP, L3 + 4);
    bpf_swap_be(a, BPF_REG_8, 16);
    bpf_here(a, look);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_8, 8, miss);
    bpf_jump_if_imm(a, BPF_JGT, BPF_REG_8, MESSAGE_MOST, miss);
    bpf_store(a, BPF_W, FP, KEY_AT(proto_label), BPF_REG_9);
    bpf_store_imm(a, BPF_H, FP, KEY_AT(mask), FAST_PATH_ECHO);
    /* what lies behind the packet's end: the helper leaves zeros */
    skb_arguments(a, INT32_MAX, MESSAGE, MESSAGE_MOST);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov(a, BPF_REG_2, BPF_REG_7);
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, MESSAGE);
    bpf_mov(a, BPF_REG_4, BPF_REG_8);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    bpf_load(a, BPF_H, BPF_REG_2, FP, MESSAGE); /* type and code */
    bpf_mov_imm(a, BPF_REG_1, 0);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, IP_PROTOCOL_ICMP6, type6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_2, htons(ICMP4_ECHO_REQUEST << 8), miss);
    bpf_jump(a, sum);
    bpf_here(a, type6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_2, htons(ICMP6_ECHO_REQUEST << 8), miss);
    bpf_mov(a, BPF_REG_1, BPF_REG_8); /* IPv6: addresses, length and protocol are summed, too */
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, IP_PROTOCOL_ICMP6);
    bpf_swap_be(a, BPF_REG_1, 16);
    sum_add(a, KEY_AT(dst), 32); /* and the source behind it */
    bpf_here(a, sum);
    sum_add(a, MESSAGE, MESSAGE_MOST);
    sum_fold(a);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, 0xffff, miss);
    map_find(a, b->flows_fd, KEY, miss);
}

/* Whether the flow in r0 takes a packet as long as this one, of protocol r9. Of one that the kernel
 * will cut, routed: as long as its segments will be. Uses r7 and r9. */
static void check_longest(struct bpf_asm *a, struct bpf_label miss)
{
    struct bpf_label whole = bpf_label(a), compare = bpf_label(a), udp = bpf_label(a),
                     done = bpf_label(a), ip4 = bpf_label(a);
    bpf_load(a, BPF_H, BPF_REG_7, BPF_REG_0, FLOW(longest));
    bpf_load(a, BPF_H, BPF_REG_1, BPF_REG_0, FLOW(flags));
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(gso_size));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_2, 0, whole);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, done);
    /* the headers of a segment, from layer 3 on */
    bpf_mov_imm(a, BPF_REG_3, 20);
    bpf_load(a, BPF_H, BPF_REG_1, FP, KEY_AT(ethernet) + 12);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP6), ip4);
    bpf_mov_imm(a, BPF_REG_3, 40);
    bpf_here(a, ip4);
    bpf_alu(a, BPF_ADD, BPF_REG_2, BPF_REG_3);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, IP_PROTOCOL_UDP, udp);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_9, IP_PROTOCOL_TCP, miss);
    bpf_mov(a, BPF_REG_9, BPF_REG_2);
    skb_load_behind(a, BPF_REG_3, ETHERNET_HEADER_BYTES + 12, BYTE, 1, miss);
    bpf_load(a, BPF_B, BPF_REG_2, FP, BYTE);
    bpf_alu_imm(a, BPF_RSH, BPF_REG_2, 4);
    bpf_alu_imm(a, BPF_LSH, BPF_REG_2, 2);
    bpf_alu(a, BPF_ADD, BPF_REG_2, BPF_REG_9);
    bpf_jump(a, compare);
    bpf_here(a, udp);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_2, 8);
    bpf_jump(a, compare);
    bpf_here(a, whole);
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(len));
    bpf_alu_imm(a, BPF_SUB, BPF_REG_2, ETHERNET_HEADER_BYTES);
    bpf_here(a, compare);
    bpf_jump_if(a, BPF_JGT, BPF_REG_2, BPF_REG_7, miss);
    bpf_here(a, done);
}

void af_packet_bpf_find_flow(struct bpf_asm *a, const struct af_packet_bpf *b,
                             struct bpf_label miss)
{
    struct bpf_label echo = bpf_label(a), found = bpf_label(a), end = bpf_label(a),
                     brief = bpf_label(a);
    key_link(a, miss);
    key_ip(a, miss, echo, brief);
    map_find(a, b->flows_fd, KEY, echo);
    bpf_jump(a, found);
    bpf_here(a, brief);
    bpf_store(a, BPF_H, FP, KEY_AT(mask), BPF_REG_7);
    map_find(a, b->short_fd, KEY, echo);
    bpf_here(a, found);
    bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_0, FLOW(generation));
    bpf_map_value(a, BPF_REG_2, b->control_fd, CONTROL(generation));
    bpf_load(a, BPF_W, BPF_REG_2, BPF_REG_2, 0);
    bpf_jump_if(a, BPF_JNE, BPF_REG_1, BPF_REG_2, miss);
    bpf_load(a, BPF_DW, BPF_REG_8, BPF_REG_0, FLOW(entry));
    check_longest(a, miss);
    bpf_jump(a, end);
    bpf_here(a, echo);
    find_echo(a, b, miss);
    bpf_jump(a, found);
    bpf_here(a, end);
}
