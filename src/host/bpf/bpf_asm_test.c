/* Programs run by a small interpreter of what the assembler makes, which knows the instructions by
 * their numbers in RFC 9669, not by the names that the assembler uses. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "base/byteorder.h"
#include "host/bpf/bpf_asm.h"

#define STEPS_MAX 1000

/* --- the interpreter --- */

struct machine {
    u64 r[11];
    u8 stack[512], memory[64]; /* memory: what r1 points to at the start */
};

static u64 machine_load(u8 code, u64 address)
{
    const void *p = (const void *)(uintptr_t)address;
    switch (code & 0x18) {
    case 0x10:
        return *(const u8 *)p;
    case 0x08:
        return load_u16(p);
    case 0x00:
        return load_u32(p);
    default:
        return load_u64(p);
    }
}

static void machine_store(u8 code, u64 address, u64 v)
{
    void *p = (void *)(uintptr_t)address;
    switch (code & 0x18) {
    case 0x10:
        *(u8 *)p = (u8)v;
        break;
    case 0x08:
        memcpy(p, &(u16){(u16)v}, 2);
        break;
    case 0x00:
        memcpy(p, &(u32){(u32)v}, 4);
        break;
    default:
        memcpy(p, &v, 8);
    }
}

static u64 machine_alu(u8 code, u64 a, u64 b)
{
    switch (code >> 4) {
    case 0x0:
        return a + b;
    case 0x1:
        return a - b;
    case 0x4:
        return a | b;
    case 0x5:
        return a & b;
    case 0x6:
        return a << (b & 63);
    case 0x7:
        return a >> (b & 63);
    case 0xa:
        return a ^ b;
    case 0xb:
        return b;
    default:
        fail_msg("operation %x", code);
        return 0;
    }
}

static bool machine_jumps(u8 code, u64 a, u64 b)
{
    switch (code >> 4) {
    case 0x0:
        return true;
    case 0x1:
        return a == b;
    case 0x2:
        return a > b;
    case 0x3:
        return a >= b;
    case 0x4:
        return a & b;
    case 0x5:
        return a != b;
    case 0xa:
        return a < b;
    case 0xb:
        return a <= b;
    default:
        fail_msg("jump %x", code);
        return false;
    }
}

static u64 machine_run(struct machine *m, const struct bpf_asm *a)
{
    memset(m->r, 0, sizeof(m->r));
    m->r[1] = (u64)(uintptr_t)m->memory;
    m->r[10] = (u64)(uintptr_t)(m->stack + sizeof(m->stack));
    i64 pc = 0;
    for (u32 steps = 0; steps < STEPS_MAX; steps++) {
        assert_in_range(pc, 0, a->n - 1);
        const struct bpf_insn *i = &a->insn[pc++];
        u64 *dst = &m->r[i->dst_reg], value = i->code & 8 ? m->r[i->src_reg] : (u64)(i64)i->imm;
        u64 here = *dst + (u64)(i64)i->off;
        switch (i->code & 7) {
        case 0: /* a constant of 64 bits, in two instructions */
            *dst = (u32)i->imm | (u64)(u32)a->insn[pc++].imm << 32;
            break;
        case 1:
            *dst = machine_load(i->code, m->r[i->src_reg] + (u64)(i64)i->off);
            break;
        case 2:
            machine_store(i->code, here, (u64)(i64)i->imm);
            break;
        case 3:
            if ((i->code & 0xe0) == 0xc0)
                value = machine_load(i->code, here) + m->r[i->src_reg];
            else
                value = m->r[i->src_reg];
            machine_store(i->code, here, value);
            break;
        case 4:
            if (i->code == 0xdc)
                *dst = i->imm == 16 ? be16_to_host((be16){(u16)*dst})
                                    : be32_to_host((be32){(u32)*dst});
            else
                *dst = (u32)machine_alu(i->code, (u32)*dst, (u32)value);
            break;
        case 5:
            if (i->code == 0x95)
                return m->r[0];
            if (machine_jumps(i->code, *dst, value))
                pc += i->off;
            break;
        case 6:
            if (machine_jumps(i->code, (u32)*dst, (u32)value))
                pc += i->off;
            break;
        default:
            *dst = machine_alu(i->code, *dst, value);
        }
    }
    fail_msg("does not end");
    return 0;
}

static u64 assemble_and_run(struct machine *m, struct bpf_asm *a)
{
    struct error e = {0};
    assert_int_equal(bpf_asm_end(a, &e), 0);
    return machine_run(m, a);
}

/* --- tests --- */

static struct bpf_asm a;

static void test_values(void **state)
{
    struct machine m = {.memory = {1, 2, 3, 4, 5, 6, 7, 8}};
    bpf_asm_begin(&a);
    bpf_load(&a, BPF_W, BPF_REG_2, BPF_REG_1, 0);
    bpf_swap_be(&a, BPF_REG_2, 32);
    bpf_load(&a, BPF_H, BPF_REG_3, BPF_REG_1, 4);
    bpf_swap_be(&a, BPF_REG_3, 16);
    bpf_alu_imm(&a, BPF_LSH, BPF_REG_2, 16);
    bpf_alu(&a, BPF_OR, BPF_REG_2, BPF_REG_3);
    bpf_store(&a, BPF_DW, BPF_REG_10, -8, BPF_REG_2);
    bpf_store_imm(&a, BPF_B, BPF_REG_1, 0, 9);
    bpf_load(&a, BPF_DW, BPF_REG_0, BPF_REG_10, -8);
    bpf_mov_imm(&a, BPF_REG_4, -1);
    bpf_mov32_imm(&a, BPF_REG_5, 0x80000000u);
    bpf_atomic_add(&a, BPF_REG_1, 8, BPF_REG_5);
    bpf_atomic_add(&a, BPF_REG_1, 8, BPF_REG_5);
    bpf_exit(&a);
    assert_int_equal(assemble_and_run(&m, &a), 0x010203040506);
    assert_int_equal(m.memory[0], 9);
    assert_int_equal(m.r[4], UINT64_MAX);
    assert_int_equal(load_u64(m.memory + 8), 0x100000000);
}

/* Forward and backward: adds 1 to 10. */
static void test_jumps(void **state)
{
    struct machine m = {0};
    bpf_asm_begin(&a);
    struct bpf_label again = bpf_label(&a), end = bpf_label(&a);
    bpf_mov_imm(&a, BPF_REG_2, 10);
    bpf_here(&a, again);
    bpf_jump_if_imm(&a, BPF_JEQ, BPF_REG_2, 0, end);
    bpf_alu(&a, BPF_ADD, BPF_REG_0, BPF_REG_2);
    bpf_alu_imm(&a, BPF_SUB, BPF_REG_2, 1);
    bpf_jump(&a, again);
    bpf_here(&a, end);
    bpf_exit(&a);
    assert_int_equal(assemble_and_run(&m, &a), 55);
}

/* A word whose upper half differs is the same in its lower half. */
static void test_half_words(void **state)
{
    struct machine m = {0};
    bpf_asm_begin(&a);
    struct bpf_label equal = bpf_label(&a), half = bpf_label(&a);
    bpf_mov_imm(&a, BPF_REG_2, -2);
    bpf_mov32_imm(&a, BPF_REG_3, 0xfffffffeu);
    bpf_jump_if(&a, BPF_JEQ, BPF_REG_2, BPF_REG_3, equal);
    bpf_jump_if32_imm(&a, BPF_JEQ, BPF_REG_2, 0xfffffffeu, half);
    bpf_exit_with(&a, 1);
    bpf_here(&a, half);
    bpf_exit_with(&a, 2);
    bpf_here(&a, equal);
    bpf_exit_with(&a, 3);
    assert_int_equal(assemble_and_run(&m, &a), 2);
}

static void test_maps(void **state)
{
    struct error e = {0};
    bpf_asm_begin(&a);
    bpf_map(&a, BPF_REG_1, 7);
    bpf_map_value(&a, BPF_REG_2, 8, 24);
    bpf_call(&a, BPF_FUNC_map_lookup_elem);
    bpf_exit(&a);
    assert_int_equal(bpf_asm_end(&a, &e), 0);
    const struct bpf_insn want[] = {
        {0x18, 1, 1, 0, 7}, {0}, {0x18, 2, 2, 0, 8}, {0, 0, 0, 0, 24}, {0x85, 0, 0, 0, 1}, {0x95},
    };
    assert_int_equal(a.n, array_len(want));
    assert_memory_equal(a.insn, want, sizeof(want));
}

static void check_fault(const char *says)
{
    struct error e = {0};
    assert_int_equal(bpf_asm_end(&a, &e), -EINVAL);
    assert_non_null(strstr(e.text, says));
}

static void test_faults(void **state)
{
    bpf_asm_begin(&a);
    struct bpf_label l = bpf_label(&a);
    bpf_jump(&a, l);
    bpf_exit(&a);
    check_fault("to where nothing is");
    bpf_here(&a, l); /* behind the last instruction */
    check_fault("to where nothing is");

    bpf_asm_begin(&a);
    l = bpf_label(&a);
    bpf_here(&a, l);
    bpf_exit(&a);
    bpf_here(&a, l);
    check_fault("in two places");

    bpf_asm_begin(&a);
    for (u32 i = 0; i <= BPF_ASM_INSNS_MAX; i++)
        bpf_jump(&a, bpf_label(&a));
    check_fault("too many");

    bpf_asm_begin(&a);
    bpf_load(&a, BPF_B, BPF_REG_0, BPF_REG_1, 40000);
    check_fault("16 bits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_half_words), cmocka_unit_test(test_maps),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
