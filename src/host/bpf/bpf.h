/* BPF maps and programs of this process, by bpf(2). Making them needs CAP_BPF, programs of network
 * devices CAP_NET_ADMIN too; using, changing and attaching what was made needs its descriptor only.
 * Context: any thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "host/bpf/bpf_asm.h"

/* A descriptor, or -errno. name: at most 15 characters; flags: BPF_F_* of BPF_MAP_CREATE. */
int bpf_map_new(const char *name, enum bpf_map_type type, u32 key_bytes, u32 value_bytes,
                u32 entries, u32 flags, struct error *e) MUST_CHECK;
/* 0 or -errno. */
int bpf_map_set(int fd, const void *key, const void *value);
/* -EEXIST: the key has a value already. */
int bpf_map_add(int fd, const void *key, const void *value);
int bpf_map_get(int fd, const void *key, void *value);
int bpf_map_del(int fd, const void *key);

/* Returns when all packets that were in programs have left them, and the next programs of their
 * device: those that come read what was changed before. Some hundredths of a second. */
void bpf_wait_for_packets(void);

/* Ends the program and loads it: a descriptor, or -errno with what the kernel's verifier says. */
int bpf_program_load(struct bpf_asm *a, const char *name, enum bpf_prog_type type,
                     u32 expected_attach, u32 flags, struct error *e) MUST_CHECK;

/* For the socket's packets; instead of any filter before. */
int bpf_attach_socket(int socket, int program) MUST_CHECK;
/* For what a device receives, in front of all other programs there; ends with the descriptor that
 * this returns, or with the device. -errno: -EINVAL before Linux 6.6. */
int bpf_attach_ingress(int device, int program, struct error *e) MUST_CHECK;
#define BPF_INGRESS_PROGRAM 46 /* expected_attach of one: BPF_TCX_INGRESS */
#define BPF_INGRESS_NEXT (-1)  /* what it returns: the next program's turn, */
#define BPF_INGRESS_PASS 0     /* or the stack's at once */
#define BPF_INGRESS_DROP 2
