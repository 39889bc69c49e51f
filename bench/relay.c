/* Moves frames between two Linux devices through packet sockets and does nothing else, for
 * bench/run: the least that a program which stands between two devices can take.
 *
 *   relay DEVICE DEVICE      until it is killed; prints "ready" first */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define SOCKET_BUFFER_BYTES (8 << 20)
#define FRAME_BYTES                                                                                \
    (10 + 14 + 8 + 65536) /* virtio header, Ethernet with two tags, a whole packet */
#define BATCH 64

static int die(const char *what)
{
    fprintf(stderr, "relay: ");
    perror(what);
    exit(1);
}

static void set(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof(value)))
        die("setsockopt");
}

static int open_device(const char *name)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = {.sll_family = AF_PACKET,
                            .sll_protocol = htons(ETH_P_ALL),
                            .sll_ifindex = (int)if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = a.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (fd < 0)
        die("socket");
    set(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
    set(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES);
    set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
        die(name);
    return fd;
}

/* What waits, a batch at most; what the other device does not take is lost. */
static void move_frames(int from, int to)
{
    static char frame[FRAME_BYTES];
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = recv(from, frame, sizeof(frame), MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != ENETDOWN)
            die("recv");
        if (n < 0)
            return;
        if (send(to, frame, (size_t)n, MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != ENOBUFS)
            die("send");
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: relay DEVICE DEVICE\n");
        return 1;
    }
    struct pollfd fds[2];
    for (int i = 0; i < 2; i++)
        fds[i] = (struct pollfd){.fd = open_device(argv[1 + i]), .events = POLLIN};
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            die("poll");
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                move_frames(fds[i].fd, fds[!i].fd);
    }
}
