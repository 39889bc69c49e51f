#include "host/bpf/bpf_asm.h"

#include <errno.h>
#include <string.h>

void bpf_asm_begin(struct bpf_asm *a)
{
    a->n = a->n_labels = a->n_jumps = 0;
    a->fault = NULL;
}

static void asm_fault(struct bpf_asm *a, const char *what)
{
    if (!a->fault)
        a->fault = what;
}

static void asm_emit(struct bpf_asm *a, u32 code, u32 dst, u32 src, i32 offset, i32 imm)
{
    if (a->n == BPF_ASM_INSNS_MAX) {
        asm_fault(a, "too many instructions");
        return;
    }
    if (offset != (i16)offset)
        asm_fault(a, "an offset of more than 16 bits");
    a->insn[a->n++] = (struct bpf_insn){
        .code = (u8)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (i16)offset, .imm = imm};
}

struct bpf_label bpf_label(struct bpf_asm *a)
{
    if (a->n_labels == BPF_ASM_LABELS_MAX) {
        asm_fault(a, "too many labels");
        return (struct bpf_label){0};
    }
    a->label_at[a->n_labels] = -1;
    return (struct bpf_label){a->n_labels++};
}

void bpf_here(struct bpf_asm *a, struct bpf_label l)
{
    if (a->label_at[l.i] >= 0)
        asm_fault(a, "a label in two places");
    a->label_at[l.i] = (i32)a->n;
}

int bpf_asm_end(struct bpf_asm *a, struct error *e)
{
    for (u32 i = 0; i < a->n_jumps && !a->fault; i++) {
        u32 at = a->jump[i].insn;
        i32 to = a->label_at[a->jump[i].to.i];
        if (to < 0 || to >= (i32)a->n)
            asm_fault(a, "a jump to where nothing is");
        else
            a->insn[at].off = (i16)(to - (i32)at - 1);
    }
    return a->fault ? error_set(e, EINVAL, "a BPF program cannot be put together: %s", a->fault)
                    : 0;
}

void bpf_mov(struct bpf_asm *a, u32 dst, u32 src)
{
    asm_emit(a, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void bpf_mov_imm(struct bpf_asm *a, u32 dst, i32 value)
{
    asm_emit(a, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

void bpf_mov32_imm(struct bpf_asm *a, u32 dst, u32 value)
{
    asm_emit(a, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, (i32)value);
}

void bpf_alu(struct bpf_asm *a, u32 op, u32 dst, u32 src)
{
    asm_emit(a, BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

void bpf_alu_imm(struct bpf_asm *a, u32 op, u32 dst, i32 value)
{
    asm_emit(a, BPF_ALU64 | op | BPF_K, dst, 0, 0, value);
}

void bpf_swap_be(struct bpf_asm *a, u32 dst, u32 bits)
{
    asm_emit(a, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, (i32)bits);
}

void bpf_load(struct bpf_asm *a, u32 size, u32 dst, u32 src, i32 offset)
{
    asm_emit(a, BPF_LDX | BPF_MEM | size, dst, src, offset, 0);
}

void bpf_store(struct bpf_asm *a, u32 size, u32 dst, i32 offset, u32 src)
{
    asm_emit(a, BPF_STX | BPF_MEM | size, dst, src, offset, 0);
}

void bpf_store_imm(struct bpf_asm *a, u32 size, u32 dst, i32 offset, i32 value)
{
    asm_emit(a, BPF_ST | BPF_MEM | size, dst, 0, offset, value);
}

void bpf_atomic_add(struct bpf_asm *a, u32 dst, i32 offset, u32 src)
{
    /* BPF_ATOMIC, which older headers call BPF_XADD */
    asm_emit(a, BPF_STX | 0xc0 | BPF_DW, dst, src, offset, BPF_ADD);
}

void bpf_call(struct bpf_asm *a, i32 helper)
{
    asm_emit(a, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void bpf_exit(struct bpf_asm *a)
{
    asm_emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void bpf_exit_with(struct bpf_asm *a, i32 value)
{
    bpf_mov_imm(a, BPF_REG_0, value);
    bpf_exit(a);
}

static void asm_jump(struct bpf_asm *a, u32 code, u32 dst, u32 src, i32 imm, struct bpf_label to)
{
    if (a->n < BPF_ASM_INSNS_MAX) {
        a->jump[a->n_jumps].insn = a->n;
        a->jump[a->n_jumps++].to = to;
    }
    asm_emit(a, code, dst, src, 0, imm);
}

void bpf_jump(struct bpf_asm *a, struct bpf_label to)
{
    asm_jump(a, BPF_JMP | BPF_JA, 0, 0, 0, to);
}

void bpf_jump_if(struct bpf_asm *a, u32 op, u32 dst, u32 src, struct bpf_label to)
{
    asm_jump(a, BPF_JMP | op | BPF_X, dst, src, 0, to);
}

void bpf_jump_if_imm(struct bpf_asm *a, u32 op, u32 dst, i32 value, struct bpf_label to)
{
    asm_jump(a, BPF_JMP | op | BPF_K, dst, 0, value, to);
}

void bpf_jump_if32_imm(struct bpf_asm *a, u32 op, u32 dst, u32 value, struct bpf_label to)
{
    asm_jump(a, BPF_JMP32 | op | BPF_K, dst, 0, (i32)value, to);
}

void bpf_jump_if32(struct bpf_asm *a, u32 op, u32 dst, u32 src, struct bpf_label to)
{
    asm_jump(a, BPF_JMP32 | op | BPF_X, dst, src, 0, to);
}

void bpf_map(struct bpf_asm *a, u32 dst, int map_fd)
{
    asm_emit(a, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, map_fd);
    asm_emit(a, 0, 0, 0, 0, 0);
}

void bpf_map_value(struct bpf_asm *a, u32 dst, int map_fd, u32 offset)
{
    asm_emit(a, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_VALUE, 0, map_fd);
    asm_emit(a, 0, 0, 0, 0, (i32)offset);
}
