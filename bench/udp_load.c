/* Sends small UDP datagrams, paced or as fast as it can, for bench/run.
 *
 *   udp-load ADDRESS PORT RATE SECONDS [N]   RATE in packets a second; 0: as fast as it can
 *
 * With N, each packet goes to the next of so many addresses, from ADDRESS on.
 * Each payload begins with the packet's number, 8 bytes, little endian.
 *
 * Prints what it did as one line of JSON: {"sent": packets, "seconds": s, "cpu_seconds": its own}.
 * What the kernel does for a packet before sendmmsg returns, routing it onward for example, is in
 * that. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS 16
#define BATCH 64
#define PAYLOAD_BYTES 18 /* frames of 60 bytes, 64 on a real wire */
#define PACE_NS 1000000

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        fprintf(stderr, "udp-load: %s is no IPv4 address\n", address);
        exit(1);
    }
    return to;
}

static int open_flow(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || (to && connect(fd, (const struct sockaddr *)to, sizeof(*to))))
        die("udp-load: connect");
    return fd;
}

/* The addresses of the next packets, the first of which has the number. */
static void name_next(struct sockaddr_in to[BATCH], const struct sockaddr_in *first,
                      unsigned long long number, unsigned n_addresses)
{
    for (unsigned i = 0; i < BATCH; i++) {
        to[i] = *first;
        to[i].sin_addr.s_addr =
            htonl(ntohl(first->sin_addr.s_addr) + (unsigned)((number + i) % n_addresses));
    }
}

static void number_next(char payload[BATCH][PAYLOAD_BYTES], unsigned long long number)
{
    for (unsigned i = 0; i < BATCH; i++)
        for (unsigned k = 0; k < 8; k++)
            payload[i][k] = (char)((number + i) >> 8 * k);
}

/* Returns how many were sent; that a queue is full or nobody listens is no error here. */
static unsigned send_some(int fd, struct mmsghdr *m, unsigned n)
{
    unsigned sent = 0;
    while (sent < n) {
        int rc = sendmmsg(fd, m, n - sent < BATCH ? n - sent : BATCH, 0);
        if (rc > 0)
            sent += (unsigned)rc;
        else if (errno != ECONNREFUSED && errno != ENOBUFS && errno != EINTR)
            die("udp-load: sendmmsg");
        else if (errno == ENOBUFS)
            break;
    }
    return sent;
}

int main(int argc, char **argv)
{
    static char payload[BATCH][PAYLOAD_BYTES];
    struct iovec iov[BATCH];
    struct mmsghdr m[BATCH];
    struct sockaddr_in to[BATCH], first;
    int fds[FLOWS];
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: udp-load ADDRESS PORT RATE SECONDS [N]\n");
        return 1;
    }
    double rate = atof(argv[3]), length = atof(argv[4]);
    unsigned n_addresses = argc == 6 ? (unsigned)atoi(argv[5]) : 0;
    first = address_of(argv[1], argv[2]);
    memset(m, 0, sizeof(m));
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){payload[i], PAYLOAD_BYTES};
        m[i].msg_hdr = (struct msghdr){.msg_name = n_addresses ? &to[i] : NULL,
                                       .msg_namelen = n_addresses ? sizeof(to[i]) : 0,
                                       .msg_iov = &iov[i],
                                       .msg_iovlen = 1};
    }
    for (int i = 0; i < FLOWS; i++)
        fds[i] = open_flow(n_addresses ? NULL : &first);

    double begin = seconds(CLOCK_MONOTONIC), now = begin;
    unsigned long long sent = 0, due;
    for (unsigned flow = 0; now - begin < length; flow++, now = seconds(CLOCK_MONOTONIC)) {
        due = rate > 0 ? (unsigned long long)((now - begin) * rate) : sent + BATCH;
        for (int fd = fds[flow % FLOWS]; due > sent;) {
            unsigned n = due - sent < BATCH ? (unsigned)(due - sent) : BATCH, done;
            number_next(payload, sent);
            if (n_addresses)
                name_next(to, &first, sent, n_addresses);
            done = send_some(fd, m, n);
            sent += done;
            if (done < n)
                break;
        }
        if (rate > 0)
            nanosleep(&(struct timespec){0, PACE_NS}, NULL);
    }
    printf("{\"sent\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", sent, now - begin,
           seconds(CLOCK_PROCESS_CPUTIME_ID));
    return 0;
}
