#include "ports/af_packet/af_packet_bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/mem.h"
#include "host/bpf/bpf.h"
#include "net/packet/ethernet_packet.h"

#define ETHERNET_BYTES 14
#define LEAST_BYTES 32 /* of a frame that is looked at */
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_ICMP6 58

/* Where things lie on the stack, from the frame pointer down: all aligned as they are read. */
#define KEY (-64)
#define INDEX (-72) /* of a port, or of an action */
#define L3 (-112)   /* the first 40 bytes of the IP header */
#define BYTE (-120)
#define MESSAGE (-376)   /* of ICMP, and zeros behind it */
#define MESSAGE_MOST 256 /* bytes: longer ones are the graph's */
#define KEY_AT(member) (KEY + (i32)offsetof(struct fast_path_key, member))
#define ACTION(member) ((i32)offsetof(struct fast_path_action, member))
#define COUNT(member) ((i32)offsetof(struct fast_path_count, member))
#define FLOW(member) ((i32)offsetof(struct fast_path_flow, member))
#define PORT(member) ((i32)offsetof(struct af_packet_bpf_port, member))
#define CONTROL(member) ((u32)offsetof(struct af_packet_bpf_control, member))
#define SKB(member) ((i32)offsetof(struct __sk_buff, member))

/* Words of the filter to the program, in cb[0]; cb[1] is the action's number. */
struct words {
    u32 hit, miss;
};

/* Shorter: the frame pointer, and the registers that calls leave alone. */
#define FP BPF_REG_10
#define SKB_REG BPF_REG_6

static void call_on_skb(struct bpf_asm *a, i32 helper, i32 offset, i32 to, i32 bytes)
{
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov_imm(a, BPF_REG_2, offset);
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, to);
    bpf_mov_imm(a, BPF_REG_4, bytes);
    bpf_call(a, helper);
}

/* The value of a key on the stack in r0; NULL goes to none. */
static void map_find(struct bpf_asm *a, int map, i32 key, struct bpf_label none)
{
    bpf_map(a, BPF_REG_1, map);
    bpf_mov(a, BPF_REG_2, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_2, key);
    bpf_call(a, BPF_FUNC_map_lookup_elem);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_0, 0, none);
}

/* r0: the port that received it; none: it has no entries. */
static void find_port(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label none)
{
    bpf_load(a, BPF_W, BPF_REG_8, SKB_REG, SKB(ifindex));
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, AF_PACKET_BPF_PORTS - 1);
    bpf_store(a, BPF_W, FP, INDEX, BPF_REG_1);
    map_find(a, b->ports_fd, INDEX, none);
    bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_0, PORT(device));
    bpf_jump_if32(a, BPF_JNE, BPF_REG_1, BPF_REG_8, none);
}

/* The key's part that is of the link. r8: the device's index. */
static void key_link(struct bpf_asm *a, struct bpf_label miss)
{
    struct bpf_label untagged = bpf_label(a);
    /* More than the header: where we may not measure (CAP_PERFMON) the verifier puts a barrier
     * behind the first write to each word, which what a helper has filled costs not. */
    call_on_skb(a, BPF_FUNC_skb_load_bytes, 0, KEY_AT(ethernet), LEAST_BYTES);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    bpf_store_imm(a, BPF_DW, FP, KEY_AT(dst), 0);
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
    for (u32 at = AF_PACKET_BPF_SHORT_BYTES; at < sizeof(struct fast_path_key); at += 8)
        bpf_store_imm(a, BPF_DW, FP, KEY + (i32)at, 0);
}

/* Adds what lies on the stack to the sum in r1, by words of 32 bits. */
static void sum_add(struct bpf_asm *a, i32 from, i32 bytes)
{
    for (i32 at = 0; at < bytes; at += 4) {
        bpf_load(a, BPF_W, BPF_REG_2, FP, from + at);
        bpf_alu(a, BPF_ADD, BPF_REG_1, BPF_REG_2);
    }
}

/* r1: the sum's 16 bits. */
static void sum_fold(struct bpf_asm *a)
{
    for (u32 fold = 0; fold < 3; fold++) {
        bpf_mov(a, BPF_REG_2, BPF_REG_1);
        bpf_alu_imm(a, BPF_RSH, BPF_REG_2, 16);
        bpf_alu_imm(a, BPF_AND, BPF_REG_1, 0xffff);
        bpf_alu(a, BPF_ADD, BPF_REG_1, BPF_REG_2);
    }
}

/* Whether the header's sum is right. */
static void check_sum(struct bpf_asm *a, struct bpf_label miss)
{
    bpf_mov_imm(a, BPF_REG_1, 0);
    sum_add(a, L3, 20);
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
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES, L3, 20);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, 0x45, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, L3 + 6);
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_1, htons(0x3fff), miss); /* fragments */
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3 + 8);
    bpf_jump_if_imm(a, BPF_JLE, BPF_REG_1, 1, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3 + 12); /* the source: this network, loopback, groups */
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, miss);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 127, miss);
    bpf_jump_if_imm(a, BPF_JGE, BPF_REG_1, 224, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, L3 + 2);
    bpf_swap_be(a, BPF_REG_1, 16);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, ETHERNET_BYTES);
    check_length(a, miss);
    check_sum(a, miss);
    copy_stack(a, KEY_AT(dst), L3 + 16, 4);
    bpf_load(a, BPF_B, BPF_REG_9, FP, L3 + 9);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_7, FAST_PATH_FLOW, brief);
    key_lengthen(a);
    copy_stack(a, KEY_AT(src), L3 + 12, 4);
    bpf_store(a, BPF_W, FP, KEY_AT(proto_label), BPF_REG_9);
    bpf_mov_imm(a, BPF_REG_8, ETHERNET_BYTES + 20);
    bpf_jump(a, ports);
}

static void key_ip6(struct bpf_asm *a, struct bpf_label miss, struct bpf_label end)
{
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES, L3, 40);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
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
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, ETHERNET_BYTES + 40);
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
    bpf_mov_imm(a, BPF_REG_8, ETHERNET_BYTES + 40);
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
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, PROTOCOL_TCP, take);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_9, PROTOCOL_UDP, echo);
    bpf_here(a, take);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov(a, BPF_REG_2, BPF_REG_8);
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, KEY_AT(sport));
    bpf_mov_imm(a, BPF_REG_4, 4);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    bpf_jump(a, end);
    bpf_here(a, other);
    bpf_mov_imm(a, BPF_REG_7, FAST_PATH_LINK);
    bpf_jump(a, brief);
    bpf_here(a, end);
    bpf_store(a, BPF_H, FP, KEY_AT(mask), BPF_REG_7);
}

/* A request for an echo that no entry sends on: the one that an own address answers, in r0. What
 * the graph would not answer is a miss: a wrong sum above all. Zeros behind the message make no
 * difference to it. r7: the mask; r9: the protocol. */
static void find_echo(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label miss)
{
    struct bpf_label ip6 = bpf_label(a), look = bpf_label(a), sum = bpf_label(a),
                     type6 = bpf_label(a);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_7, FAST_PATH_DST, miss);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, PROTOCOL_ICMP6, ip6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_9, PROTOCOL_ICMP, miss);
    bpf_load(a, BPF_H, BPF_REG_1, FP, KEY_AT(ethernet) + 12);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP4), miss);
    key_lengthen(a);
    copy_stack(a, KEY_AT(src), L3 + 12, 4);
    bpf_mov_imm(a, BPF_REG_7, ETHERNET_BYTES + 20);
    bpf_load(a, BPF_H, BPF_REG_8, FP, L3 + 2);
    bpf_swap_be(a, BPF_REG_8, 16);
    bpf_alu_imm(a, BPF_SUB, BPF_REG_8, 20);
    bpf_jump(a, look);
    bpf_here(a, ip6);
    bpf_load(a, BPF_H, BPF_REG_1, FP, KEY_AT(ethernet) + 12);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP6), miss);
    /* all of it is there already, which the verifier cannot know */
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES, L3, 40);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    key_lengthen(a);
    copy_stack(a, KEY_AT(dst), L3 + 24, 16);
    copy_stack(a, KEY_AT(src), L3 + 8, 16);
    bpf_mov_imm(a, BPF_REG_7, ETHERNET_BYTES + 40);
    bpf_load(a, BPF_H, BPF_REG_8, FP, L3 + 4);
    bpf_swap_be(a, BPF_REG_8, 16);
    bpf_here(a, look);
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_8, 8, miss);
    bpf_jump_if_imm(a, BPF_JGT, BPF_REG_8, MESSAGE_MOST, miss);
    bpf_store(a, BPF_W, FP, KEY_AT(proto_label), BPF_REG_9);
    bpf_store_imm(a, BPF_H, FP, KEY_AT(mask), FAST_PATH_ECHO);
    /* what lies behind the packet's end: the helper leaves zeros */
    call_on_skb(a, BPF_FUNC_skb_load_bytes, INT32_MAX, MESSAGE, MESSAGE_MOST);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov(a, BPF_REG_2, BPF_REG_7);
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, MESSAGE);
    bpf_mov(a, BPF_REG_4, BPF_REG_8);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    bpf_load(a, BPF_H, BPF_REG_2, FP, MESSAGE); /* type and code */
    bpf_mov_imm(a, BPF_REG_1, 0);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, PROTOCOL_ICMP6, type6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_2, htons(8 << 8), miss);
    bpf_jump(a, sum);
    bpf_here(a, type6);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_2, htons(128 << 8), miss);
    bpf_mov(a, BPF_REG_1, BPF_REG_8); /* IPv6: addresses, length and protocol are summed, too */
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, PROTOCOL_ICMP6);
    bpf_swap_be(a, BPF_REG_1, 16);
    sum_add(a, KEY_AT(dst), 32); /* and the source behind it */
    bpf_here(a, sum);
    sum_add(a, MESSAGE, MESSAGE_MOST);
    sum_fold(a);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, 0xffff, miss);
    map_find(a, b->flows_fd, KEY, miss);
}

/* Whether the flow in r0 takes a packet as long as this one, of protocol r9. Of one that the kernel
 * will cut, routed: as long as its segments will be. Uses r7 to r9. */
static void check_longest(struct bpf_asm *a, struct bpf_label miss)
{
    struct bpf_label whole = bpf_label(a), compare = bpf_label(a), udp = bpf_label(a),
                     done = bpf_label(a), ip4 = bpf_label(a);
    bpf_load(a, BPF_W, BPF_REG_7, BPF_REG_0, FLOW(longest));
    bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_0, FLOW(flags));
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
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_9, PROTOCOL_UDP, udp);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_9, PROTOCOL_TCP, miss);
    bpf_mov(a, BPF_REG_9, BPF_REG_2);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov(a, BPF_REG_2, BPF_REG_3);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_2, ETHERNET_BYTES + 12); /* TCP's data offset */
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, BYTE);
    bpf_mov_imm(a, BPF_REG_4, 1);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
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
    bpf_alu_imm(a, BPF_SUB, BPF_REG_2, ETHERNET_BYTES);
    bpf_here(a, compare);
    bpf_jump_if(a, BPF_JGT, BPF_REG_2, BPF_REG_7, miss);
    bpf_here(a, done);
}

/* r8: the number of the action for this packet. r7: the port's mask; r8: the device. */
static void find_flow(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label miss)
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
    bpf_load(a, BPF_W, BPF_REG_8, BPF_REG_0, FLOW(action));
    check_longest(a, miss);
    bpf_jump(a, end);
    bpf_here(a, echo);
    find_echo(a, b, miss);
    bpf_jump(a, found);
    bpf_here(a, end);
}

/* One packet in so many, while an earlier life still has the others. */
#define SAMPLE_MASK 255

/* Whether this packet is for the program of an earlier life, which is not told: none. r0: the port.
 * What that program never forwards is not for it: what is not IP, goes to groups, or belongs to
 * neighbour discovery. */
static void leave_to_held(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label miss,
                          struct bpf_label none)
{
    struct bpf_label decide = bpf_label(a), sample = bpf_label(a);
    bpf_load(a, BPF_B, BPF_REG_1, BPF_REG_0, PORT(held));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, decide);
    bpf_map_value(a, BPF_REG_1, b->control_fd, CONTROL(phase));
    bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_1, 0);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, AF_PACKET_BPF_ALONE, decide);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, AF_PACKET_BPF_WAITS, none);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(pkt_type));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PACKET_BROADCAST, miss);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PACKET_MULTICAST, miss);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(protocol));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, htons(ETHERTYPE_IP4), sample);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP6), miss);
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES + 6, BYTE, 1);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, BYTE);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PROTOCOL_ICMP6, miss);
    bpf_here(a, sample);
    bpf_call(a, BPF_FUNC_get_prandom_u32);
    bpf_alu_imm(a, BPF_AND, BPF_REG_0, SAMPLE_MASK);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, none);
    bpf_here(a, decide);
}

/* The filter of packet sockets. */
static int load_filter(struct bpf_asm *a, const struct af_packet_bpf *b, struct words w,
                       struct error *e)
{
    bpf_asm_begin(a);
    struct bpf_label miss = bpf_label(a), none = bpf_label(a);
    bpf_mov(a, SKB_REG, BPF_REG_1);
    /* what the host sends; a group shows it whatever its sockets asked for */
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(pkt_type));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PACKET_OUTGOING, none);
    find_port(a, b, miss);
    bpf_load(a, BPF_H, BPF_REG_7, BPF_REG_0, PORT(mask));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_7, 0, miss);
    if (b->holds)
        leave_to_held(a, b, miss, none);
    find_flow(a, b, miss);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[1]), BPF_REG_8);
    bpf_mov32_imm(a, BPF_REG_1, w.hit);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    bpf_here(a, none);
    bpf_exit_with(a, 0);
    bpf_here(a, miss);
    bpf_mov32_imm(a, BPF_REG_1, w.miss);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    bpf_mov32_imm(a, BPF_REG_0, UINT32_MAX); /* all of it */
    bpf_exit(a);
    return bpf_program_load(a, "fast_filter", BPF_PROG_TYPE_SOCKET_FILTER, 0, e);
}

/* r7: the action; INDEX: its number. */
static void count_packet(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label drop)
{
    struct bpf_label untagged = bpf_label(a);
    map_find(a, b->counts_fd, INDEX, drop);
    bpf_mov(a, BPF_REG_9, BPF_REG_0);
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(len));
    bpf_load(a, BPF_W, BPF_REG_3, SKB_REG, SKB(vlan_present));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_3, 0, untagged);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_2, VLAN_TAG_BYTES);
    bpf_here(a, untagged);
    bpf_mov_imm(a, BPF_REG_1, 1);
    bpf_atomic_add(a, BPF_REG_9, COUNT(bytes), BPF_REG_2); /* first: see fast_path_count */
    bpf_atomic_add(a, BPF_REG_9, COUNT(packets), BPF_REG_1);
}

/* One hop less for IPv4, whose TTL is at `at` + offset: its header's sum changes by as much. */
static void lose_hop4(struct bpf_asm *a, u32 at, i32 offset)
{
    struct bpf_label carried = bpf_label(a);
    bpf_load(a, BPF_B, BPF_REG_1, at, offset);
    bpf_alu_imm(a, BPF_SUB, BPF_REG_1, 1);
    bpf_store(a, BPF_B, at, offset, BPF_REG_1);
    bpf_load(a, BPF_H, BPF_REG_1, at, offset + 2);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, htons(0x0100));
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_1, 0xffff, carried);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, 1);
    bpf_here(a, carried);
    bpf_store(a, BPF_H, at, offset + 2, BPF_REG_1);
}

/* What routing changes of IPv4, where the packet lies: by helpers it costs more than all the rest.
 * To elsewhere, when it is something else, or the headers are not in one piece. r7: the action, r8:
 * its flags. */
static void route4(struct bpf_asm *a, struct bpf_label elsewhere)
{
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, FAST_PATH_TTL4);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, elsewhere);
    bpf_load(a, BPF_W, BPF_REG_4, SKB_REG, SKB(data));
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(data_end));
    bpf_mov(a, BPF_REG_1, BPF_REG_4);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, ETHERNET_BYTES + 12);
    bpf_jump_if(a, BPF_JGT, BPF_REG_1, BPF_REG_2, elsewhere);
    lose_hop4(a, BPF_REG_4, ETHERNET_BYTES + 8);
    for (i32 at = 0; at < 12; at += 2) {
        bpf_load(a, BPF_H, BPF_REG_1, BPF_REG_7, ACTION(macs) + at);
        bpf_store(a, BPF_H, BPF_REG_4, at, BPF_REG_1);
    }
}

/* One hop less; the sum of the packet as a whole, where the device made one, stays right. */
static void lose_hop(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label ip6 = bpf_label(a), none = bpf_label(a);
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_8, FAST_PATH_TTL6, ip6);
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, FAST_PATH_TTL4);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, none);
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES + 8, L3, 4);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    lose_hop4(a, FP, L3);
    bpf_mov_imm(a, BPF_REG_5, BPF_F_RECOMPUTE_CSUM);
    call_on_skb(a, BPF_FUNC_skb_store_bytes, ETHERNET_BYTES + 8, L3, 4);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_jump(a, none);
    bpf_here(a, ip6);
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES + 7, L3, 1);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_load(a, BPF_B, BPF_REG_1, FP, L3);
    bpf_alu_imm(a, BPF_SUB, BPF_REG_1, 1);
    bpf_store(a, BPF_B, FP, L3, BPF_REG_1);
    bpf_mov_imm(a, BPF_REG_5, BPF_F_RECOMPUTE_CSUM);
    call_on_skb(a, BPF_FUNC_skb_store_bytes, ETHERNET_BYTES + 7, L3, 1);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_here(a, none);
}

/* The first four bytes of the message at `at`: its type, and its sum by so much more, htons(more).
 */
static void answer_message(struct bpf_asm *a, i32 at, u8 type, u16 more, struct bpf_label drop)
{
    struct bpf_label carried = bpf_label(a);
    call_on_skb(a, BPF_FUNC_skb_load_bytes, at, L3, 4);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_store_imm(a, BPF_B, FP, L3, type);
    bpf_load(a, BPF_H, BPF_REG_1, FP, L3 + 2);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, htons(more));
    bpf_jump_if_imm(a, BPF_JLT, BPF_REG_1, 0xffff, carried);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_1, 1);
    bpf_here(a, carried);
    bpf_store(a, BPF_H, FP, L3 + 2, BPF_REG_1);
    bpf_mov_imm(a, BPF_REG_5, BPF_F_RECOMPUTE_CSUM);
    call_on_skb(a, BPF_FUNC_skb_store_bytes, at, L3, 4);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
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
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES, L3, 20);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
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
    bpf_mov_imm(a, BPF_REG_5, BPF_F_RECOMPUTE_CSUM);
    call_on_skb(a, BPF_FUNC_skb_store_bytes, ETHERNET_BYTES, L3, 20);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    answer_message(a, ETHERNET_BYTES + 20, 0, 8 << 8, drop);
}

static void answer_echo6(struct bpf_asm *a, struct bpf_label drop)
{
    call_on_skb(a, BPF_FUNC_skb_load_bytes, ETHERNET_BYTES, L3, 40);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_store_imm(a, BPF_B, FP, L3 + 7, 64);
    swap_stack(a, L3 + 8, L3 + 24, 16);
    bpf_mov_imm(a, BPF_REG_5, BPF_F_RECOMPUTE_CSUM);
    call_on_skb(a, BPF_FUNC_skb_store_bytes, ETHERNET_BYTES, L3, 40);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    answer_message(a, ETHERNET_BYTES + 40, 129, (u16) ~(1u << 8), drop);
}

/* r8: the action's flags. */
static void answer_echo(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label ip6 = bpf_label(a), none = bpf_label(a);
    bpf_jump_if_imm(a, BPF_JSET, BPF_REG_8, FAST_PATH_ECHO6, ip6);
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, FAST_PATH_ECHO4);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, none);
    answer_echo4(a, drop);
    bpf_jump(a, none);
    bpf_here(a, ip6);
    answer_echo6(a, drop);
    bpf_here(a, none);
}

static void change_addresses(struct bpf_asm *a, struct bpf_label drop)
{
    struct bpf_label none = bpf_label(a);
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, FAST_PATH_MACS);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, none);
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
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, FAST_PATH_POP);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, kept);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_call(a, BPF_FUNC_skb_vlan_pop);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_here(a, kept);
    bpf_mov(a, BPF_REG_1, BPF_REG_8);
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, FAST_PATH_PUSH);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, none);
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_load(a, BPF_H, BPF_REG_2, BPF_REG_7, ACTION(tpid));
    bpf_load(a, BPF_H, BPF_REG_3, BPF_REG_7, ACTION(tci));
    bpf_call(a, BPF_FUNC_skb_vlan_push);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, drop);
    bpf_here(a, none);
}

/* One that no filter of ours has decided about: counted where that cannot be; looked up where that
 * is so because the switch is gone. INDEX: its action. */
static void take_undecided(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label pass)
{
    struct bpf_label unwatched = bpf_label(a);
    find_port(a, b, pass);
    bpf_load(a, BPF_H, BPF_REG_7, BPF_REG_0, PORT(mask));
    bpf_load(a, BPF_B, BPF_REG_1, BPF_REG_0, PORT(watched));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, unwatched);
    bpf_map_value(a, BPF_REG_1, b->control_fd, CONTROL(undecided));
    bpf_mov_imm(a, BPF_REG_2, 1);
    bpf_atomic_add(a, BPF_REG_1, 0, BPF_REG_2);
    bpf_here(a, unwatched);
    if (!b->holds) {
        bpf_jump(a, pass);
        return;
    }
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_7, 0, pass);
    bpf_call(a, BPF_FUNC_ktime_get_coarse_ns);
    bpf_map_value(a, BPF_REG_1, b->control_fd, CONTROL(deadline_ns));
    bpf_load(a, BPF_DW, BPF_REG_1, BPF_REG_1, 0);
    bpf_jump_if(a, BPF_JGT, BPF_REG_0, BPF_REG_1, pass);
    find_flow(a, b, pass);
    bpf_store(a, BPF_W, FP, INDEX, BPF_REG_8);
}

/* The program at devices' ingress. */
static int load_ingress(struct bpf_asm *a, const struct af_packet_bpf *b, struct words w,
                        u32 expected_attach, struct error *e)
{
    bpf_asm_begin(a);
    struct bpf_label pass = bpf_label(a), act = bpf_label(a), missed = bpf_label(a),
                     drop = bpf_label(a), obey = bpf_label(a), elsewhere = bpf_label(a),
                     tags = bpf_label(a), send = bpf_label(a);
    bpf_mov(a, SKB_REG, BPF_REG_1);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(cb[0]));
    bpf_jump_if32_imm(a, BPF_JEQ, BPF_REG_1, w.hit, obey);
    bpf_jump_if32_imm(a, BPF_JEQ, BPF_REG_1, w.miss, missed);
    take_undecided(a, b, pass);
    if (b->holds)
        bpf_jump(a, act);
    bpf_here(a, missed);
    bpf_mov_imm(a, BPF_REG_1, 0);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    if (b->holds) {
        bpf_map_value(a, BPF_REG_1, b->control_fd, CONTROL(ends_chain));
        bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_1, 0);
        bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, pass);
        bpf_exit_with(a, BPF_INGRESS_PASS);
    }
    bpf_here(a, pass);
    bpf_exit_with(a, BPF_INGRESS_NEXT);
    bpf_here(a, obey);
    bpf_load(a, BPF_W, BPF_REG_2, SKB_REG, SKB(cb[1]));
    bpf_mov_imm(a, BPF_REG_1, 0);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    bpf_store(a, BPF_W, FP, INDEX, BPF_REG_2);
    bpf_here(a, act);
    map_find(a, b->actions_fd, INDEX, drop);
    bpf_mov(a, BPF_REG_7, BPF_REG_0);
    count_packet(a, b, drop);
    bpf_load(a, BPF_W, BPF_REG_8, BPF_REG_7, ACTION(flags));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_8, 0, send);
    route4(a, elsewhere);
    bpf_jump(a, tags);
    bpf_here(a, elsewhere);
    lose_hop(a, drop);
    answer_echo(a, drop);
    change_addresses(a, drop);
    bpf_here(a, tags);
    change_tag(a, drop);
    bpf_here(a, send);
    bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_7, ACTION(device));
    bpf_mov_imm(a, BPF_REG_2, 0);
    bpf_call(a, BPF_FUNC_redirect);
    bpf_exit(a);
    bpf_here(a, drop);
    bpf_exit_with(a, BPF_INGRESS_DROP);
    return bpf_program_load(a, "fast_ingress", BPF_PROG_TYPE_SCHED_CLS, expected_attach, e);
}

/* --- opening and closing --- */

/* An array that is our memory, too. */
static int array_new(const char *name, u32 value_bytes, u32 n, int *fd, void **memory,
                     struct error *e)
{
    *fd = bpf_map_new(name, BPF_MAP_TYPE_ARRAY, sizeof(u32), value_bytes, n, BPF_F_MMAPABLE, e);
    if (*fd < 0)
        return *fd;
    void *m = mmap(NULL, (size_t)value_bytes * n, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (m == MAP_FAILED)
        return error_errno(e, errno, "cannot map the BPF map %s", name);
    *memory = m;
    return 0;
}

static int make_bpf_maps(struct af_packet_bpf *b, struct error *e)
{
    void *m = NULL;
    int rc = array_new("fast_ports", sizeof(*b->ports), AF_PACKET_BPF_PORTS, &b->ports_fd, &m, e);
    if (rc)
        return rc;
    b->ports = m;
    rc = array_new("fast_control", sizeof(*b->control), 1, &b->control_fd, &m, e);
    if (rc)
        return rc;
    b->control = m;
    rc = array_new("fast_actions", sizeof(*b->actions), b->max, &b->actions_fd, &m, e);
    if (rc)
        return rc;
    b->actions = m;
    rc = array_new("fast_counts", sizeof(*b->counts), b->max, &b->counts_fd, &m, e);
    if (rc)
        return rc;
    b->counts = m;
    /* memory of entries as they come */
    b->flows_fd = bpf_map_new("fast_flows", BPF_MAP_TYPE_HASH, sizeof(struct fast_path_key),
                              sizeof(struct fast_path_flow), b->max, BPF_F_NO_PREALLOC, e);
    if (b->flows_fd < 0)
        return b->flows_fd;
    b->short_fd = bpf_map_new("fast_short", BPF_MAP_TYPE_HASH, AF_PACKET_BPF_SHORT_BYTES,
                              sizeof(struct fast_path_flow), b->max, BPF_F_NO_PREALLOC, e);
    return b->short_fd < 0 ? b->short_fd : 0;
}

int af_packet_bpf_map_of(const struct af_packet_bpf *b, const struct fast_path_key *k)
{
    bool ip4 = be16_is(load_be16(k->ethernet + 12), ETHERTYPE_IP4);
    bool is_short = k->mask == FAST_PATH_LINK || (k->mask == FAST_PATH_DST && ip4);
    return is_short ? b->short_fd : b->flows_fd;
}

static int make_bpf_programs(struct af_packet_bpf *b, u32 expected_attach, struct error *e)
{
    struct words w;
    if (getrandom(&w.hit, sizeof(w.hit), 0) != sizeof(w.hit))
        return error_errno(e, errno, "no random number");
    w.hit |= 0x101; /* what somebody else leaves there may be a small number, or 0 */
    w.miss = w.hit - 1;
    struct bpf_asm *a = mem_alloc(sizeof(*a));
    b->filter_fd = load_filter(a, b, w, e);
    if (b->filter_fd >= 0)
        b->ingress_fd = load_ingress(a, b, w, expected_attach, e);
    free(a);
    return b->filter_fd < 0 ? b->filter_fd : b->ingress_fd < 0 ? b->ingress_fd : 0;
}

int af_packet_bpf_open(struct af_packet_bpf *b, const struct af_packet_bpf_args *args,
                       struct error *e)
{
    *b = (struct af_packet_bpf){.ports_fd = -1,
                                .flows_fd = -1,
                                .short_fd = -1,
                                .actions_fd = -1,
                                .counts_fd = -1,
                                .control_fd = -1,
                                .filter_fd = -1,
                                .ingress_fd = -1,
                                .max = args->flows,
                                .holds = args->holds};
    int rc = make_bpf_maps(b, e);
    if (!rc)
        rc = make_bpf_programs(b, args->clsact ? 0 : BPF_INGRESS_PROGRAM, e);
    if (rc)
        af_packet_bpf_close(b);
    return rc;
}

static void array_free(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, bytes);
}

void af_packet_bpf_close(struct af_packet_bpf *b)
{
    const int fds[] = {b->short_fd,  b->ports_fd,   b->flows_fd,  b->actions_fd,
                       b->counts_fd, b->control_fd, b->filter_fd, b->ingress_fd};
    array_free(b->ports, sizeof(*b->ports) * AF_PACKET_BPF_PORTS);
    array_free(b->actions, sizeof(*b->actions) * b->max);
    array_free(b->counts, sizeof(*b->counts) * b->max);
    array_free(b->control, sizeof(*b->control));
    for (u32 i = 0; i < array_len(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
