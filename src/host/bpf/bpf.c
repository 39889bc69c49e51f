#include "host/bpf/bpf.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/privilege.h"

#ifndef SO_ATTACH_BPF
#define SO_ATTACH_BPF 50
#endif
#define LOG_BYTES (256u << 10)
#define LOG_LINES 20
#define BEFORE (1u << 3) /* BPF_F_BEFORE, Linux 6.6 */

static struct log_class log_class = {"bpf", NULL};

static int bpf_do(int command, union bpf_attr *attr)
{
    long rc = syscall(SYS_bpf, command, attr, sizeof(*attr));
    return rc < 0 ? -errno : (int)rc;
}

static u64 bpf_address(const void *p)
{
    return (u64)(uintptr_t)p;
}

int bpf_map_new(const char *name, enum bpf_map_type type, u32 key_bytes, u32 value_bytes,
                u32 entries, u32 flags, struct error *e)
{
    union bpf_attr x = {
        .map_type = type,
        .key_size = key_bytes,
        .value_size = value_bytes,
        .max_entries = entries,
        .map_flags = flags,
    };
    snprintf(x.map_name, sizeof(x.map_name), "%s", name);
    int fd = bpf_do(BPF_MAP_CREATE, &x);
    return fd < 0 ? error_errno(e, -fd, "cannot make the BPF map %s%s", name,
                                PRIVILEGE_HINT(-fd, "CAP_BPF"))
                  : fd;
}

int bpf_map_set(int fd, const void *key, const void *value)
{
    union bpf_attr x = {.map_fd = (u32)fd, .key = bpf_address(key), .value = bpf_address(value)};
    return bpf_do(BPF_MAP_UPDATE_ELEM, &x);
}

int bpf_map_add(int fd, const void *key, const void *value)
{
    union bpf_attr x = {.map_fd = (u32)fd,
                        .key = bpf_address(key),
                        .value = bpf_address(value),
                        .flags = BPF_NOEXIST};
    return bpf_do(BPF_MAP_UPDATE_ELEM, &x);
}

int bpf_map_get(int fd, const void *key, void *value)
{
    union bpf_attr x = {.map_fd = (u32)fd, .key = bpf_address(key), .value = bpf_address(value)};
    return bpf_do(BPF_MAP_LOOKUP_ELEM, &x);
}

int bpf_map_del(int fd, const void *key)
{
    union bpf_attr x = {.map_fd = (u32)fd, .key = bpf_address(key)};
    return bpf_do(BPF_MAP_DELETE_ELEM, &x);
}

/* What receives a packet does it in one section of RCU: this waits for all that there are. A kernel
 * that leaves processors without ticks has no such call; no packet is under way for so long there
 * either. */
void bpf_wait_for_packets(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
        usleep(50000);
}

/* The last lines of a text. */
static char *last_lines(char *text, u32 n)
{
    char *at = text + strlen(text);
    while (at > text && n)
        if (*--at == '\n' && at[1])
            n--;
    return at;
}

/* What the verifier has against it, line by line: the end of what it says. */
static void log_verdict(const char *name, union bpf_attr *x)
{
    char *log = mem_alloc(LOG_BYTES), *save = NULL;
    x->log_buf = bpf_address(log);
    x->log_size = LOG_BYTES;
    x->log_level = 1;
    int fd = bpf_do(BPF_PROG_LOAD, x);
    if (fd >= 0)
        close(fd);
    for (char *line = strtok_r(last_lines(log, LOG_LINES), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        log_error(&log_class, "%s: %s", name, line);
    free(log);
}

int bpf_program_load(struct bpf_asm *a, const char *name, enum bpf_prog_type type,
                     u32 expected_attach, u32 flags, struct error *e)
{
    int rc = bpf_asm_end(a, e);
    if (rc)
        return rc;
    union bpf_attr x = {
        .prog_type = type,
        .expected_attach_type = expected_attach,
        .prog_flags = flags,
        .insn_cnt = a->n,
        .insns = bpf_address(a->insn),
        .license = bpf_address("GPL"), /* some helpers are for such programs only */
    };
    snprintf(x.prog_name, sizeof(x.prog_name), "%s", name);
    int fd = bpf_do(BPF_PROG_LOAD, &x);
    if (fd >= 0)
        return fd;
    if (fd == -EPERM)
        return error_errno(e, -fd,
                           "cannot load the BPF program %s, which needs the capabilities CAP_BPF "
                           "and CAP_NET_ADMIN",
                           name);
    log_verdict(name, &x);
    return error_errno(e, -fd, "the kernel refuses the BPF program %s", name);
}

int bpf_attach_socket(int socket, int program)
{
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) ? -errno : 0;
}

int bpf_attach_ingress(int device, int program, struct error *e)
{
    union bpf_attr x = {0};
    x.link_create.prog_fd = (u32)program;
    x.link_create.target_fd = (u32)device;
    x.link_create.attach_type = BPF_INGRESS_PROGRAM;
    x.link_create.flags = BEFORE;
    int fd = bpf_do(BPF_LINK_CREATE, &x);
    return fd < 0 ? error_errno(e, -fd, "cannot attach a BPF program to device %d%s", device,
                                PRIVILEGE_HINT(-fd, "CAP_NET_ADMIN"))
                  : fd;
}
