/* A small assembler of BPF programs: instructions and labels, put together at run time. Whoever
 * loads programs by it (bpf.h) needs no compiler for BPF, no library and no type information of the
 * kernel.
 *
 *     struct bpf_asm a;
 *     bpf_asm_begin(&a);
 *     struct bpf_label miss = bpf_label(&a);
 *     bpf_load(&a, BPF_W, BPF_R2, BPF_R1, offsetof(struct __sk_buff, len));
 *     bpf_jump_if_imm(&a, BPF_JLT, BPF_R2, 60, miss);
 *     ...
 *     bpf_here(&a, miss);
 *     bpf_exit_with(&a, 0);
 *
 * One that does not fit, or jumps to where nothing is, is told when it ends. Registers are
 * linux/bpf.h's BPF_REG_*, sizes its BPF_B, BPF_H, BPF_W, BPF_DW. Source: RFC 9669. */
#pragma once

#include <linux/bpf.h>

#include "base/error.h"
#include "base/types.h"

#define BPF_ASM_INSNS_MAX 1024
#define BPF_ASM_LABELS_MAX 96

struct bpf_label {
    u32 i;
};

struct bpf_asm {
    u32 n, n_labels, n_jumps;
    const char *fault;                /* the first one; static */
    i32 label_at[BPF_ASM_LABELS_MAX]; /* -1: nowhere yet */
    struct {
        u32 insn;
        struct bpf_label to;
    } jump[BPF_ASM_INSNS_MAX];
    struct bpf_insn insn[BPF_ASM_INSNS_MAX];
};

void bpf_asm_begin(struct bpf_asm *a);
/* Fills in where jumps go. -E2BIG, -EINVAL: with what is wrong. */
int bpf_asm_end(struct bpf_asm *a, struct error *e) MUST_CHECK;

struct bpf_label bpf_label(struct bpf_asm *a);
void bpf_here(struct bpf_asm *a, struct bpf_label l);

/* dst = src; of 64 bits. The second forgets the upper half of a value and extends no sign. */
void bpf_mov(struct bpf_asm *a, u32 dst, u32 src);
void bpf_mov_imm(struct bpf_asm *a, u32 dst, i32 value);
void bpf_mov32_imm(struct bpf_asm *a, u32 dst, u32 value);
/* dst = dst op src; op: BPF_ADD, BPF_AND ... */
void bpf_alu(struct bpf_asm *a, u32 op, u32 dst, u32 src);
void bpf_alu_imm(struct bpf_asm *a, u32 op, u32 dst, i32 value);
/* The lower 16 or 32 bits, from the network's order into the host's, or back. */
void bpf_swap_be(struct bpf_asm *a, u32 dst, u32 bits);
/* dst = *(src + offset), *(dst + offset) = src; the same of a constant. */
void bpf_load(struct bpf_asm *a, u32 size, u32 dst, u32 src, i32 offset);
void bpf_store(struct bpf_asm *a, u32 size, u32 dst, i32 offset, u32 src);
void bpf_store_imm(struct bpf_asm *a, u32 size, u32 dst, i32 offset, i32 value);
/* *(dst + offset) += src, in one step for all CPUs; of 64 bits. */
void bpf_atomic_add(struct bpf_asm *a, u32 dst, i32 offset, u32 src);

void bpf_call(struct bpf_asm *a, i32 helper);
void bpf_exit(struct bpf_asm *a);
void bpf_exit_with(struct bpf_asm *a, i32 value);
void bpf_jump(struct bpf_asm *a, struct bpf_label to);
/* op: BPF_JEQ, BPF_JGT, BPF_JSET ... */
void bpf_jump_if(struct bpf_asm *a, u32 op, u32 dst, u32 src, struct bpf_label to);
void bpf_jump_if_imm(struct bpf_asm *a, u32 op, u32 dst, i32 value, struct bpf_label to);
/* Of the lower 32 bits. */
void bpf_jump_if32_imm(struct bpf_asm *a, u32 op, u32 dst, u32 value, struct bpf_label to);
void bpf_jump_if32(struct bpf_asm *a, u32 op, u32 dst, u32 src, struct bpf_label to);

/* dst: the map, for helpers; or the address within the first value of an array, which costs no
 * lookup. */
void bpf_map(struct bpf_asm *a, u32 dst, int map_fd);
void bpf_map_value(struct bpf_asm *a, u32 dst, int map_fd, u32 offset);
