/* The XDP program of an AF_XDP interface: frames of queue i go to the socket that is in place i of
 * a map, or on to the kernel where there is none. It is attached by a link, which goes with its
 * descriptor: however the switch ends, the device is as before. Source: bpf(2), Linux
 * Documentation/bpf/map_xskmap.rst. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privilege.h"
#include "host/bpf/bpf.h"
#include "plugins/af_xdp/af_xdp_internal.h"

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1u << 5) /* Linux 5.18 */
#endif

static struct log_class log_class = {"af_xdp", "program"};

/* CAP_BPF is what it takes, only here. Returns a descriptor, 0, or -errno. */
static int call_bpf(int command, union bpf_attr *a)
{
    privilege_raise(PRIVILEGE_XDP);
    long rc = syscall(SYS_bpf, command, a, sizeof(*a));
    int code = errno;
    privilege_lower(PRIVILEGE_XDP);
    return rc < 0 ? -code : (int)rc;
}

static int bpf_error(struct error *e, const struct af_xdp *port, const char *what, int rc)
{
    return error_errno(e, -rc, "%s: cannot %s%s", port->args.host_name, what,
                       PRIVILEGE_HINT(-rc, "CAP_BPF or CAP_NET_ADMIN"));
}

/* bpf_redirect_map(map, ctx->rx_queue_index, XDP_PASS) */
static int program_load(int map_fd, bool in_pieces, struct error *e)
{
    struct bpf_asm *a = mem_alloc(sizeof(*a));
    bpf_asm_begin(a);
    bpf_load(a, BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, rx_queue_index));
    bpf_map(a, BPF_REG_1, map_fd);
    bpf_mov_imm(a, BPF_REG_3, XDP_PASS);
    bpf_call(a, BPF_FUNC_redirect_map);
    bpf_exit(a);
    int fd = bpf_program_load(a, "piste_xsk", BPF_PROG_TYPE_XDP, 0,
                              in_pieces ? BPF_F_XDP_HAS_FRAGS : 0, e);
    free(a);
    return fd;
}

/* --- somebody's own --- */

static int info_of(int fd, void *info, u32 bytes)
{
    union bpf_attr a;
    memset(&a, 0, sizeof(a));
    a.info.bpf_fd = (u32)fd;
    a.info.info_len = bytes;
    a.info.info = (u64)(uintptr_t)info;
    return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &a);
}

/* The map of sockets among those that the program uses: a descriptor; -ENOENT. */
static int map_of_program(int program)
{
    u32 ids[64];
    struct bpf_prog_info info = {.nr_map_ids = array_len(ids), .map_ids = (u64)(uintptr_t)ids};
    int rc = info_of(program, &info, sizeof(info));
    for (u32 i = 0; !rc && i < info.nr_map_ids && i < array_len(ids); i++) {
        struct bpf_map_info map = {0};
        union bpf_attr a;
        memset(&a, 0, sizeof(a));
        a.map_id = ids[i];
        int fd = call_bpf(BPF_MAP_GET_FD_BY_ID, &a);
        if (fd >= 0 && !info_of(fd, &map, sizeof(map)) && map.type == BPF_MAP_TYPE_XSKMAP)
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return rc ? rc : -ENOENT;
}

/* The program that is pinned at the path, and its map. */
static int take_pinned(struct af_xdp *port, int *program, struct error *e)
{
    union bpf_attr a;
    memset(&a, 0, sizeof(a));
    a.pathname = (u64)(uintptr_t)port->args.program;
    a.file_flags = 0;
    *program = call_bpf(BPF_OBJ_GET, &a);
    if (*program < 0)
        return error_errno(
            e, -*program, "%s: no XDP program is pinned there (bpftool prog load FILE %s)%s",
            port->args.program, "/sys/fs/bpf/NAME", PRIVILEGE_HINT(-*program, "CAP_BPF"));
    port->map_fd = map_of_program(*program);
    if (port->map_fd >= 0)
        return 0;
    close(*program);
    return port->map_fd == -ENOENT
               ? error_set(e, ENOENT, "%s: the program has no map of AF_XDP sockets",
                           port->args.program)
               : error_errno(e, -port->map_fd, "%s: cannot find the program's map%s",
                             port->args.program, PRIVILEGE_HINT(-port->map_fd, "CAP_SYS_ADMIN"));
}

static int make_own(struct af_xdp *port, int *program, struct error *e)
{
    privilege_raise(PRIVILEGE_XDP);
    port->map_fd = bpf_map_new("xsks_map", BPF_MAP_TYPE_XSKMAP, sizeof(u32), sizeof(u32),
                               AF_XDP_QUEUES_MAX, 0, e);
    *program = port->map_fd < 0 ? port->map_fd : program_load(port->map_fd, port->in_pieces, e);
    privilege_lower(PRIVILEGE_XDP);
    if (*program >= 0)
        return 0;
    if (port->map_fd >= 0)
        close(port->map_fd);
    return *program;
}

/* --- attaching --- */

static int link_create(const struct af_xdp *port, int program, u32 flags)
{
    union bpf_attr a;
    memset(&a, 0, sizeof(a));
    a.link_create.prog_fd = (u32)program;
    a.link_create.target_ifindex = (u32)port->host_index;
    a.link_create.attach_type = BPF_XDP;
    a.link_create.flags = flags;
    return call_bpf(BPF_LINK_CREATE, &a);
}

int af_xdp_program_attach(struct af_xdp *port, struct error *e)
{
    int program = -1, rc;
    rc = *port->args.program ? take_pinned(port, &program, e) : make_own(port, &program, e);
    if (rc) {
        port->map_fd = -1;
        return rc;
    }
    port->native = !port->args.generic;
    port->link_fd = port->native ? link_create(port, program, XDP_FLAGS_DRV_MODE) : -EOPNOTSUPP;
    if (port->link_fd == -EOPNOTSUPP || port->link_fd == -EINVAL) {
        if (port->native)
            log_notice(&log_class, "%s: the driver knows no XDP, the generic way is taken",
                       port->args.host_name);
        port->native = false;
        port->link_fd = link_create(port, program, XDP_FLAGS_SKB_MODE);
    }
    close(program);
    if (port->link_fd >= 0)
        return 0;
    rc = port->link_fd;
    close(port->map_fd);
    port->map_fd = port->link_fd = -1;
    if (rc == -EBUSY)
        return error_set(e, EBUSY, "%s: another XDP program is attached to the device",
                         port->args.host_name);
    if (rc == -ERANGE)
        return error_set(e, ERANGE, "%s: the MTU is too large for XDP%s", port->args.host_name,
                         *port->args.program ? ", unless the program takes frames in pieces" : "");
    return bpf_error(e, port, "attach an XDP program", rc);
}

void af_xdp_program_detach(struct af_xdp *port)
{
    if (port->link_fd >= 0)
        close(port->link_fd);
    if (port->map_fd >= 0)
        close(port->map_fd);
    port->link_fd = port->map_fd = -1;
}

int af_xdp_program_direct(const struct af_xdp *port, bool to_sockets, struct error *e)
{
    int rc = 0;
    privilege_raise(PRIVILEGE_XDP);
    for (u32 i = 0; i < port->n_rx && !rc; i++) {
        u32 fd = (u32)port->queue[i].fd;
        rc = to_sockets ? bpf_map_set(port->map_fd, &i, &fd) : bpf_map_del(port->map_fd, &i);
        if (rc == -ENOENT && !to_sockets)
            rc = 0; /* it was not there */
    }
    privilege_lower(PRIVILEGE_XDP);
    return rc ? bpf_error(e, port, "change the map of sockets", rc) : 0;
}
