/* The two programs, and their maps. See af_packet_bpf.h. */
#include "ports/af_packet/af_packet_bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/mem.h"
#include "net/packet/l4_packet.h"
#include "ports/af_packet/af_packet_bpf_internal.h"

/* Actions are what a neighbour, or a port, has of its own: many flows have the same. */
#define FLOWS_AN_ACTION 4

/* Words of the filter to the program, in cb[0]; cb[2] and cb[3] are the flow's first words. */
struct words {
    u32 hit, miss;
};

/* --- the filter of packet sockets --- */

/* One packet in so many, while an earlier life still has the others. */
#define SAMPLE_MASK 255

/* Whether this packet is for the program of an earlier life, which is not told: none. r0: the port.
 * What that program never forwards is not for it: what is not IP, goes to groups, or belongs to
 * neighbour discovery. */
static void leave_to_held(struct bpf_asm *a, struct bpf_label miss, struct bpf_label none)
{
    struct bpf_label decide = bpf_label(a), sample = bpf_label(a);
    bpf_load(a, BPF_B, BPF_REG_1, BPF_REG_0, PORT(phase));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, AF_PACKET_BPF_ALONE, decide);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, AF_PACKET_BPF_WAITS, none);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(pkt_type));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PACKET_BROADCAST, miss);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PACKET_MULTICAST, miss);
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(protocol));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, htons(ETHERTYPE_IP4), sample);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_1, htons(ETHERTYPE_IP6), miss);
    skb_load(a, ETHERNET_HEADER_BYTES + 6, BYTE, 1, miss);
    bpf_load(a, BPF_B, BPF_REG_1, FP, BYTE);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, IP_PROTOCOL_ICMP6, miss);
    bpf_here(a, sample);
    bpf_call(a, BPF_FUNC_get_prandom_u32);
    bpf_alu_imm(a, BPF_AND, BPF_REG_0, SAMPLE_MASK);
    bpf_jump_if_imm(a, BPF_JNE, BPF_REG_0, 0, none);
    bpf_here(a, decide);
}

/* Nothing is looked for where the port has no entry of the present generation. r9: the port. */
static void unless_entered(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label miss)
{
    bpf_load(a, BPF_B, BPF_REG_1, BPF_REG_9, PORT(generation));
    bpf_map_value(a, BPF_REG_2, b->control_fd, CONTROL(generation));
    bpf_load(a, BPF_W, BPF_REG_2, BPF_REG_2, 0);
    bpf_alu_imm(a, BPF_AND, BPF_REG_2, UINT8_MAX);
    bpf_jump_if32(a, BPF_JNE, BPF_REG_1, BPF_REG_2, miss);
}

/* What the filter of a new socket leaves to the old one of the port in r0 when it is a miss, on the
 * stack: all, or nothing. */
static void left_to_old(struct bpf_asm *a)
{
    struct bpf_label old = bpf_label(a);
    bpf_load(a, BPF_B, BPF_REG_1, BPF_REG_0, PORT(flags));
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, AF_PACKET_BPF_TURNED);
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, 0, old);
    bpf_store_imm(a, BPF_W, FP, LEFT, 0);
    bpf_here(a, old);
}

/* The old socket gets as much of the packet as r7 says. */
static void leave_to_old(struct bpf_asm *a, const struct af_packet_bpf *b)
{
    struct bpf_label none = bpf_label(a);
    bpf_store_imm(a, BPF_W, FP, INDEX, 0);
    map_find(a, b->left_fd, INDEX, none);
    bpf_store(a, BPF_W, BPF_REG_0, 0, BPF_REG_7);
    bpf_here(a, none);
}

/* is_new: for a socket that shall take another one's place. */
static int load_filter(struct bpf_asm *a, const struct af_packet_bpf *b, struct words w,
                       bool is_new, struct error *e)
{
    bpf_asm_begin(a);
    struct bpf_label miss = bpf_label(a), none = bpf_label(a);
    bpf_mov(a, SKB_REG, BPF_REG_1);
    if (is_new)
        bpf_store_imm(a, BPF_W, FP, LEFT, -1);
    /* what the host sends; a group shows it whatever its sockets asked for */
    bpf_load(a, BPF_W, BPF_REG_1, SKB_REG, SKB(pkt_type));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_1, PACKET_OUTGOING, none);
    af_packet_bpf_find_port(a, b, miss);
    if (is_new)
        left_to_old(a);
    bpf_mov(a, BPF_REG_9, BPF_REG_0);
    bpf_load(a, BPF_B, BPF_REG_7, BPF_REG_0, PORT(mask));
    bpf_jump_if_imm(a, BPF_JEQ, BPF_REG_7, 0, miss);
    if (b->holds)
        leave_to_held(a, miss, none);
    unless_entered(a, b, miss);
    af_packet_bpf_find_flow(a, b, miss);
    bpf_store(a, BPF_DW, SKB_REG, SKB(cb[2]), BPF_REG_8);
    bpf_mov32_imm(a, BPF_REG_1, w.hit);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    bpf_here(a, none);
    if (is_new) {
        bpf_mov_imm(a, BPF_REG_7, 0);
        leave_to_old(a, b);
    }
    bpf_exit_with(a, 0);
    bpf_here(a, miss);
    bpf_mov32_imm(a, BPF_REG_1, w.miss);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    if (is_new) {
        bpf_load(a, BPF_W, BPF_REG_7, FP, LEFT);
        leave_to_old(a, b);
    }
    bpf_mov32_imm(a, BPF_REG_0, UINT32_MAX); /* all of it */
    if (is_new)
        bpf_alu(a, BPF_SUB, BPF_REG_0, BPF_REG_7);
    bpf_exit(a);
    return bpf_program_load(a, is_new ? "fast_new" : "fast_filter", BPF_PROG_TYPE_SOCKET_FILTER, 0,
                            0, e);
}

/* The filter of a socket whose place is taken: it gets what the new one's leaves, and has no words
 * of its own. */
static int load_old_filter(struct bpf_asm *a, const struct af_packet_bpf *b, struct error *e)
{
    bpf_asm_begin(a);
    struct bpf_label none = bpf_label(a);
    bpf_store_imm(a, BPF_W, FP, INDEX, 0);
    map_find(a, b->left_fd, INDEX, none);
    bpf_load(a, BPF_W, BPF_REG_0, BPF_REG_0, 0);
    bpf_exit(a);
    bpf_here(a, none);
    bpf_exit_with(a, 0);
    return bpf_program_load(a, "fast_old", BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, e);
}

/* --- the program at devices' ingress --- */

/* r7: the action; FLOW_WORDS: its flow's. */
static void count_packet(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label drop)
{
    struct bpf_label untagged = bpf_label(a);
    map_find(a, b->counts_fd, FLOW_WORDS + FLOW(entry), drop);
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

/* One that no filter of ours has decided about: counted where that cannot be; looked up where that
 * is so because the switch is gone. FLOW_WORDS: its flow's. */
static void take_undecided(struct bpf_asm *a, const struct af_packet_bpf *b, struct bpf_label pass)
{
    struct bpf_label unwatched = bpf_label(a);
    af_packet_bpf_find_port(a, b, pass);
    bpf_load(a, BPF_B, BPF_REG_7, BPF_REG_0, PORT(mask));
    bpf_load(a, BPF_B, BPF_REG_1, BPF_REG_0, PORT(flags));
    bpf_alu_imm(a, BPF_AND, BPF_REG_1, AF_PACKET_BPF_WATCHED);
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
    af_packet_bpf_find_flow(a, b, pass);
    bpf_store(a, BPF_DW, FP, FLOW_WORDS, BPF_REG_8);
}

static int load_ingress(struct bpf_asm *a, const struct af_packet_bpf *b, struct words w,
                        u32 expected_attach, struct error *e)
{
    bpf_asm_begin(a);
    struct bpf_label pass = bpf_label(a), act = bpf_label(a), missed = bpf_label(a),
                     drop = bpf_label(a), obey = bpf_label(a);
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
    bpf_load(a, BPF_DW, BPF_REG_2, SKB_REG, SKB(cb[2]));
    bpf_mov_imm(a, BPF_REG_1, 0);
    bpf_store(a, BPF_W, SKB_REG, SKB(cb[0]), BPF_REG_1);
    bpf_store(a, BPF_DW, FP, FLOW_WORDS, BPF_REG_2);
    bpf_here(a, act);
    map_find(a, b->actions_fd, FLOW_WORDS + FLOW(action), drop);
    bpf_mov(a, BPF_REG_7, BPF_REG_0);
    count_packet(a, b, drop);
    af_packet_bpf_change(a, drop);
    bpf_load(a, BPF_W, BPF_REG_1, BPF_REG_7, ACTION(device));
    bpf_mov_imm(a, BPF_REG_2, 0);
    bpf_call(a, BPF_FUNC_redirect);
    bpf_exit(a);
    bpf_here(a, drop);
    bpf_exit_with(a, BPF_INGRESS_DROP);
    return bpf_program_load(a, "fast_ingress", BPF_PROG_TYPE_SCHED_CLS, expected_attach, 0, e);
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
    rc = array_new("fast_actions", sizeof(*b->actions), b->max_actions, &b->actions_fd, &m, e);
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
    b->short_fd = bpf_map_new("fast_short", BPF_MAP_TYPE_HASH, FAST_PATH_SHORT_BYTES,
                              sizeof(struct fast_path_flow), b->max, BPF_F_NO_PREALLOC, e);
    if (b->short_fd < 0)
        return b->short_fd;
    b->left_fd =
        bpf_map_new("fast_left", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(u32), 1, 0, e);
    return b->left_fd < 0 ? b->left_fd : 0;
}

int af_packet_bpf_map_of(const struct af_packet_bpf *b, const struct fast_path_key *k)
{
    return fast_path_key_is_short(k) ? b->short_fd : b->flows_fd;
}

static int make_bpf_programs(struct af_packet_bpf *b, u32 expected_attach, struct error *e)
{
    struct words w;
    if (getrandom(&w.hit, sizeof(w.hit), 0) != sizeof(w.hit))
        return error_errno(e, errno, "no random number");
    w.hit |= 0x101; /* what somebody else leaves there may be a small number, or 0 */
    w.miss = w.hit - 1;
    struct bpf_asm *a = mem_alloc(sizeof(*a));
    int rc = b->filter_fd = load_filter(a, b, w, false, e);
    if (rc >= 0)
        rc = b->new_filter_fd = load_filter(a, b, w, true, e);
    if (rc >= 0)
        rc = b->old_filter_fd = load_old_filter(a, b, e);
    if (rc >= 0)
        rc = b->ingress_fd = load_ingress(a, b, w, expected_attach, e);
    free(a);
    return rc < 0 ? rc : 0;
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
                                .left_fd = -1,
                                .filter_fd = -1,
                                .ingress_fd = -1,
                                .new_filter_fd = -1,
                                .old_filter_fd = -1,
                                .max = args->flows,
                                .max_actions = args->flows / FLOWS_AN_ACTION,
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
    const int fds[] = {b->short_fd,   b->ports_fd,      b->flows_fd,     b->actions_fd,
                       b->counts_fd,  b->control_fd,    b->left_fd,      b->filter_fd,
                       b->ingress_fd, b->new_filter_fd, b->old_filter_fd};
    array_free(b->ports, sizeof(*b->ports) * AF_PACKET_BPF_PORTS);
    array_free(b->actions, sizeof(*b->actions) * b->max_actions);
    array_free(b->counts, sizeof(*b->counts) * b->max);
    array_free(b->control, sizeof(*b->control));
    for (u32 i = 0; i < array_len(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
