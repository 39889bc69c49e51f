/* Packet sockets: their options, rings and groups. See af_packet_internal.h.
 *
 * A socket that shall take another one's place comes up without losing or doubling a packet: it is
 * bound with a filter that lets nothing pass, joins the other one's fanout group, which does not
 * choose it, and loses the filter. Then the group's program chooses it, in one step of the kernel.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "host/host_aside.h"
#include "ports/af_packet/af_packet_internal.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
/* Linux 6.0: a group takes no notice of what its sockets ignore, and has a flag of its own */
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

#define SOCKET_BUFFER_BYTES (8 << 20)
#define RING_FRAME_BYTES 2048
#define RING_BLOCK_BYTES 65536

static struct log_class log_class = {"af-packet", "socket"};

static int socket_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int socket_error(struct error *e, const char *host, const char *what)
{
    return error_errno(e, errno, "%s: %s", host, what);
}

/* Queue space: as much as asked for with CAP_NET_ADMIN, else what the system allows. */
static void set_buffers(int fd)
{
    if (socket_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES))
        socket_option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    if (socket_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES))
        socket_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
}

/* One that receives nothing until it is bound to a protocol. */
static int open_plain(const char *host, struct error *e)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 && (errno == EPERM || errno == EACCES))
        return error_errno(
            e, errno, "%s: cannot open a packet socket, which needs the capability CAP_NET_RAW",
            host);
    if (fd < 0)
        return socket_error(e, host, "cannot open a packet socket");
    if (socket_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1)) {
        socket_error(e, host, "the kernel gives no virtio headers (PACKET_VNET_HDR)");
        close(fd);
        return -e->code;
    }
    set_buffers(fd);
    return fd;
}

static int bind_to(int fd, const struct af_packet_socket_args *a, int protocol, struct error *e)
{
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons((u16)protocol),
        .sll_ifindex = a->host_index,
    };
    return bind(fd, (struct sockaddr *)&to, sizeof(to))
               ? socket_error(e, a->host_name, "cannot bind a packet socket")
               : 0;
}

/* side: PACKET_RX_RING or PACKET_TX_RING. A ring has as many frames as are wanted, up to whole
 * blocks. The kernel waits here. */
static int make_ring(struct af_packet_socket *s, const struct af_packet_socket_args *a, int side,
                     struct error *e)
{
    u32 per_block = RING_BLOCK_BYTES / RING_FRAME_BYTES;
    struct tpacket_req req = {
        .tp_block_size = RING_BLOCK_BYTES,
        .tp_block_nr = (a->frames + per_block - 1) / per_block,
        .tp_frame_size = RING_FRAME_BYTES,
    };
    req.tp_frame_nr = req.tp_block_nr * per_block;
    if (socket_option(s->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2) ||
        setsockopt(s->fd, SOL_PACKET, side, &req, sizeof(req)))
        return socket_error(e, a->host_name, "cannot make a ring of frames");
    size_t bytes = (size_t)req.tp_block_size * req.tp_block_nr;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED)
        return socket_error(e, a->host_name, "cannot map a ring of frames");
    s->ring = (struct af_packet_ring){
        .map = map, .bytes = bytes, .n_frames = req.tp_frame_nr, .frame_bytes = req.tp_frame_size};
    return 0;
}

void af_packet_socket_give_up(struct af_packet_socket *s)
{
    if (s->ring.map)
        munmap(s->ring.map, s->ring.bytes);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct af_packet_socket){.fd = -1};
}

void af_packet_socket_close(struct piste *p, struct af_packet_socket *s)
{
    if (s->ring.map)
        munmap(s->ring.map, s->ring.bytes);
    host_close(p, s->fd);
    *s = (struct af_packet_socket){.fd = -1};
}

static int socket_filter(int fd, const struct sock_filter *code, u16 n)
{
    struct sock_fprog program = {.len = n, .filter = (struct sock_filter *)code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int let_nothing_pass(int fd)
{
    static const struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    return socket_filter(fd, nothing, array_len(nothing));
}

/* Older kernels take the flag and do not act by it. */
static bool groups_ignore_outgoing(void)
{
    struct utsname u;
    return !uname(&u) && atoi(u.release) >= 6;
}

/* What was sent is dropped by the socket itself. */
static int let_incoming_pass(int fd)
{
    static const struct sock_filter incoming[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (u32)SKF_AD_OFF + SKF_AD_PKTTYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    return socket_filter(fd, incoming, array_len(incoming));
}

int af_packet_socket_listen(int fd, struct error *e)
{
    int rc = groups_ignore_outgoing() ? socket_option(fd, SOL_SOCKET, SO_DETACH_FILTER, 0)
                                      : let_incoming_pass(fd);
    return rc ? error_errno(e, -rc, "cannot change the filter of a packet socket") : 0;
}

static int set_up_rx(struct af_packet_socket *s, const struct af_packet_socket_args *a, bool silent,
                     struct error *e)
{
    struct packet_mreq all = {.mr_ifindex = a->host_index, .mr_type = PACKET_MR_PROMISC};
    if (socket_option(s->fd, SOL_PACKET, PACKET_AUXDATA, 1))
        return socket_error(e, a->host_name, "no PACKET_AUXDATA");
    if (socket_option(s->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1))
        return socket_error(e, a->host_name,
                            "no PACKET_IGNORE_OUTGOING: Linux 4.20 or later is needed");
    /* a frame that is longer than a slot comes whole, by the socket */
    if (a->frames && socket_option(s->fd, SOL_PACKET, PACKET_COPY_THRESH, 1))
        return socket_error(e, a->host_name, "no PACKET_COPY_THRESH");
    int rc = a->frames ? make_ring(s, a, PACKET_RX_RING, e) : 0;
    if (rc)
        return rc;
    if (silent && let_nothing_pass(s->fd))
        return socket_error(e, a->host_name, "cannot filter a packet socket");
    rc = bind_to(s->fd, a, ETH_P_ALL, e);
    if (!rc && setsockopt(s->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
        rc = socket_error(e, a->host_name, "cannot make the device promiscuous");
    return rc;
}

void af_packet_socket_wait(void)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd); /* by closing one, for all of them */
    else
        nanosleep(&(struct timespec){0, 100 * NS_PER_MSEC}, NULL);
}

int af_packet_socket_rx(const struct af_packet_socket_args *a, bool silent,
                        struct af_packet_socket *out, struct error *e)
{
    *out = (struct af_packet_socket){.fd = open_plain(a->host_name, e)};
    int rc = out->fd < 0 ? out->fd : set_up_rx(out, a, silent, e);
    if (rc)
        af_packet_socket_give_up(out);
    return rc;
}

int af_packet_socket_tx(const struct af_packet_socket_args *a, struct af_packet_socket *out,
                        struct error *e)
{
    *out = (struct af_packet_socket){.fd = open_plain(a->host_name, e)};
    if (out->fd < 0)
        return -e->code;
    if (a->qdisc_bypass && socket_option(out->fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1))
        log_warn(&log_class, "%s: qdisc-bypass is not possible: %s", a->host_name, strerror(errno));
    int rc = bind_to(out->fd, a, 0, e); /* protocol 0: it receives nothing */
    if (!rc && a->frames)
        rc = make_ring(out, a, PACKET_TX_RING, e);
    if (rc)
        af_packet_socket_give_up(out);
    return rc;
}

/* --- groups --- */

int af_packet_group_join(int fd, int with, enum af_packet_group kind, struct error *e)
{
    /* Fragments go with their addresses, so that all of a datagram are together: the kernel need
     * not put them together, and would hand up packets that are too long for the next link. */
    u32 mode = kind == AF_PACKET_GROUP_FLOWS ? PACKET_FANOUT_HASH : PACKET_FANOUT_CBPF;
    u32 flags = PACKET_FANOUT_FLAG_UNIQUEID | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    u32 group = (mode | flags) << 16;
    socklen_t len = sizeof(group);
    int rc = 0;
    if (with >= 0)
        rc = getsockopt(with, SOL_PACKET, PACKET_FANOUT, &group, &len) ? -errno : 0;
    if (!rc)
        rc = socket_option(fd, SOL_PACKET, PACKET_FANOUT, (int)group);
    return rc ? error_errno(e, -rc, "cannot join a fanout group") : 0;
}

int af_packet_group_choose(int fd, u32 member, struct error *e)
{
    const struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, member)};
    struct sock_fprog program = {.len = 1, .filter = (struct sock_filter *)code};
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program))
               ? error_errno(e, errno, "cannot choose within a fanout group")
               : 0;
}
