/* Sends small UDP datagrams, paced or as fast as it can, for bench/run.
 *
 *   udp-load ADDRESS PORT RATE SECONDS      RATE in packets a second; 0: as fast as it can
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

static int open_flow(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        fprintf(stderr, "udp-load: %s is no IPv4 address\n", address);
        exit(1);
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
        die("udp-load: connect");
    return fd;
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
    static char payload[PAYLOAD_BYTES];
    struct iovec iov = {payload, sizeof(payload)};
    struct mmsghdr m[BATCH];
    int fds[FLOWS];
    if (argc != 5) {
        fprintf(stderr, "usage: udp-load ADDRESS PORT RATE SECONDS\n");
        return 1;
    }
    double rate = atof(argv[3]), length = atof(argv[4]);
    memset(m, 0, sizeof(m));
    for (int i = 0; i < BATCH; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
    for (int i = 0; i < FLOWS; i++)
        fds[i] = open_flow(argv[1], argv[2]);

    double begin = seconds(CLOCK_MONOTONIC), now = begin;
    unsigned long long sent = 0, due;
    for (unsigned flow = 0; now - begin < length; flow++, now = seconds(CLOCK_MONOTONIC)) {
        due = rate > 0 ? (unsigned long long)((now - begin) * rate) : sent + BATCH;
        if (due > sent)
            sent += send_some(fds[flow % FLOWS], m, (unsigned)(due - sent));
        if (rate > 0)
            nanosleep(&(struct timespec){0, PACE_NS}, NULL);
    }
    printf("{\"sent\": %llu, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", sent, now - begin,
           seconds(CLOCK_PROCESS_CPUTIME_ID));
    return 0;
}
