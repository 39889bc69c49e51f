/* What the files of the fast path's BPF programs share: where a program has what it knows, and the
 * steps that several take. All of these add instructions to a program; what a helper of the kernel
 * returns is in r0, and r1 to r5 are lost by calling one. */
#pragma once

#include "host/bpf/bpf.h"
#include "net/packet/ethernet_packet.h"
#include "ports/af_packet/af_packet_bpf.h"

/* Where things lie on the stack, from the frame pointer down: all aligned as they are read. */
#define KEY (-64)
#define INDEX (-72)      /* of a port */
#define FLOW_WORDS INDEX /* then: the first two of a flow: its entry, its action */
#define L3 (-112)        /* the first 40 bytes of the IP header */
#define BYTE (-120)
#define LEFT (-116)    /* to an old socket */
#define MESSAGE (-376) /* of ICMP, and zeros behind it */
#define KEY_AT(member) (KEY + (i32)offsetof(struct fast_path_key, member))
#define ACTION(member) ((i32)offsetof(struct fast_path_action, member))
#define COUNT(member) ((i32)offsetof(struct fast_path_count, member))
#define FLOW(member) ((i32)offsetof(struct fast_path_flow, member))
#define PORT(member) ((i32)offsetof(struct af_packet_bpf_port, member))
#define CONTROL(member) ((u32)offsetof(struct af_packet_bpf_control, member))
#define SKB(member) ((i32)offsetof(struct __sk_buff, member))

/* Shorter: the frame pointer, and the packet in a register that calls leave alone. */
#define FP BPF_REG_10
#define SKB_REG BPF_REG_6

/* Bytes of the packet from offset on, in r1 to r4 for a helper: to the stack, or from there. */
static inline void skb_arguments(struct bpf_asm *a, i32 offset, i32 stack, i32 bytes)
{
    bpf_mov(a, BPF_REG_1, SKB_REG);
    bpf_mov_imm(a, BPF_REG_2, offset);
    bpf_mov(a, BPF_REG_3, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_3, stack);
    bpf_mov_imm(a, BPF_REG_4, bytes);
}

/* Copies them to the stack; where they are not there, the program goes on at none. */
static inline void skb_load(struct bpf_asm *a, i32 offset, i32 to, i32 bytes, struct bpf_label none)
{
    skb_arguments(a, offset, to, bytes);
    bpf_call(a, BPF_FUNC_skb_load_bytes);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, none);
}

/* The value of a key on the stack in r0; NULL goes to none. */
static inline void map_find(struct bpf_asm *a, int map, i32 key, struct bpf_label none)
{
    bpf_map(a, BPF_REG_1, map);
    bpf_mov(a, BPF_REG_2, FP);
    bpf_alu_imm(a, BPF_ADD, BPF_REG_2, key);
    bpf_call(a, BPF_FUNC_map_lookup_elem);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_0, 0, none);
}

/* Adds what lies on the stack to the sum in r1, by words of 32 bits. */
static inline void sum_add(struct bpf_asm *a, i32 from, i32 bytes)
{
    for (i32 at = 0; at < bytes; at += 4) {
        bpf_load(a, BPF_W, BPF_REG_2, FP, from + at);
        bpf_alu(a, BPF_ADD, BPF_REG_1, BPF_REG_2);
    }
}

/* r1: the sum's 16 bits. */
static inline void sum_fold(struct bpf_asm *a)
{
    for (u32 fold = 0; fold < 3; fold++) {
        bpf_mov(a, BPF_REG_2, BPF_REG_1);
        bpf_alu_imm(a, BPF_RSH, BPF_REG_2, 16);
        bpf_alu_imm(a, BPF_AND, BPF_REG_1, 0xffff);
        bpf_alu(a, BPF_ADD, BPF_REG_1, BPF_REG_2);
    }
}

/* --- af_packet_bpf_find.c --- */

/* r0: the port that received it, r8: the device; none: it has no entries. */
void af_packet_bpf_find_port(struct bpf_asm *a, const struct af_packet_bpf *b,
                             struct bpf_label none);
/* r8: the first words of the flow for this packet: FLOW_WORDS. Before: r7: the port's mask, r8: the
 * device. */
void af_packet_bpf_find_flow(struct bpf_asm *a, const struct af_packet_bpf *b,
                             struct bpf_label miss);

/* --- af_packet_bpf_change.c --- */

/* The packet becomes what the action in r7 says. r8 is lost. */
void af_packet_bpf_change(struct bpf_asm *a, struct bpf_label drop);
