/* Sends the same 60-byte UDP frame out of a device, as fast as Linux can, for bench/run: a BPF
 * program that the kernel runs on frames of its own redirects them there. The peer of a veth needs
 * GRO for it (ethtool -K PEER gro on).
 *
 *   xdp-flood DEVICE SECONDS
 *
 * Prints what it did as one line of JSON: {"sent": frames, "seconds": s}. Source: Linux
 * Documentation/bpf/bpf_prog_run.rst (5.18 or later). */
#include <linux/bpf.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define FRAMES_A_CALL (1 << 14)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const char *what)
{
    perror(what);
    exit(1);
}

/* r0 = bpf_redirect(device, 0) */
static int load(unsigned device)
{
    struct bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = (int)device},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr a;
    memset(&a, 0, sizeof(a));
    a.prog_type = BPF_PROG_TYPE_XDP;
    a.insns = (uintptr_t)code;
    a.insn_cnt = sizeof(code) / sizeof(code[0]);
    a.license = (uintptr_t) "GPL";
    long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
    return fd < 0 ? die("xdp-flood: load") : (int)fd;
}

int main(int argc, char **argv)
{
    static const unsigned char frame[60] = {2,    0, 0,  0,  0, 1, 2, 0, 0,  0,  0,    2,    8,  0,
                                            0x45, 0, 0,  46, 0, 0, 0, 0, 64, 17, 0x66, 0xab, 10, 9,
                                            0,    1, 10, 9,  0, 2, 4, 0, 0,  9,  0,    26,   0,  0};
    unsigned device = argc == 3 ? if_nametoindex(argv[1]) : 0;
    if (!device) {
        fprintf(stderr, "usage: xdp-flood DEVICE SECONDS\n");
        return 1;
    }
    int fd = load(device);
    double begin = now(), end = begin + atof(argv[2]);
    unsigned long long sent = 0;
    while (now() < end) {
        union bpf_attr a;
        memset(&a, 0, sizeof(a));
        a.test.prog_fd = (unsigned)fd;
        a.test.data_in = (uintptr_t)frame;
        a.test.data_size_in = sizeof(frame);
        a.test.repeat = FRAMES_A_CALL;
        a.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
        a.test.batch_size = BATCH;
        if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &a, sizeof(a)))
            die("xdp-flood: run");
        sent += FRAMES_A_CALL;
    }
    printf("{\"sent\": %llu, \"seconds\": %.6f}\n", sent, now() - begin);
    return 0;
}
