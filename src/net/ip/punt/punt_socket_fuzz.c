/* Datagrams of a hostile client of the punt sockets, and what becomes of them in the whole graph:
 * nothing crashes, no buffer is lost, and what leaves by routes is sound IP.
 *
 * An input is a series of records: options, a spare byte, length (big endian), then that many
 * bytes of a datagram: struct punt_packet, a frame or a packet. Options mend the checksum of IPv4's
 * header, so that mutations get behind it, and have the program's own socket registered, so that
 * packets come back to it. */
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ip/ip6/ip6_world.h"
#include "net/ip/punt/punt_socket.h"
#include "net/packet/l4_packet.h"

#define RECORD_BYTES 4

enum { OPT_FIX = 1 << 0, OPT_REGISTER = 1 << 1 };

static const struct module *const world_punt[] = {&ethernet_module,
                                                  &ip4_arcs_module,
                                                  &ip6_arcs_module,
                                                  &fib_module,
                                                  &address_module,
                                                  &ip4_module,
                                                  &ip4_input_module,
                                                  &ip4_frag_module,
                                                  &ip4_local_module,
                                                  &ip4_reass_module,
                                                  &icmp4_module,
                                                  &ip6_module,
                                                  &ip6_input_module,
                                                  &ip6_local_module,
                                                  &icmp6_module,
                                                  &mfib_module,
                                                  &neighbor_module,
                                                  &arp_module,
                                                  &nd_module,
                                                  &nd_proxy_module,
                                                  &ra_module,
                                                  &dad_module,
                                                  &mld_module,
                                                  &ip6_frag_module,
                                                  &ip6_reass_module,
                                                  &ip4_express_module,
                                                  &punt_module,
                                                  &punt_socket_module,
                                                  NULL};

static const u8 my_mac[6] = {2, 0, 0, 0, 0, 1}, host_mac[6] = {2, 0, 0, 0, 0, 2};
static int client;
static char client_path[PUNT_SOCKET_PATH_BYTES];

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Who is connected reaches the socket also when its name is gone. */
static void open_sockets(void)
{
    struct punt_sockets *s = module_state(&world.p, punt_socket_module_name);
    struct sockaddr_un to = {.sun_family = AF_UNIX}, from = {.sun_family = AF_UNIX};
    struct error e = {0};
    snprintf(s->path, sizeof(s->path), "/tmp/piste-punt-fuzz-%d", (int)getpid());
    snprintf(client_path, sizeof(client_path), "/tmp/piste-client-fuzz-%d", (int)getpid());
    strcpy(to.sun_path, s->path);
    strcpy(from.sun_path, client_path);
    if (punt_socket_open(&world.p, s, &e))
        panic("%s", e.text);
    client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    world_must(client >= 0 && !bind(client, (struct sockaddr *)&from, sizeof(from)) &&
               !connect(client, (struct sockaddr *)&to, sizeof(to)));
    unlink(s->path);
}

static void end_world(void)
{
    unlink(client_path);
    close(client);
    world_close();
}

static void open_world(void)
{
    struct error e = {0};
    struct ip_prefix a = {world_ip6_address(0, 1), IP_FAMILY_6, 64, {0}};

    world_open(world_punt);
    world_interface("local0", NULL);
    struct if_index in0 = world_interface("in0", my_mac), out0 = world_interface("out0", my_mac);
    world_must(!ip_address_add(&world.p, in0, a, &e));
    world_must(!ip_address_add(&world.p, in0, ip4_prefix(be32_from_host(0x0a000001), 24), &e));
    world_must(!ip_address_add(&world.p, out0, ip4_prefix(be32_from_host(0x0a000101), 24), &e));
    world_neighbor(out0, be32_from_host(0x0a000102), host_mac);
    world_ip6_neighbor(in0, world_ip6_address(0, 2), host_mac);
    world_must(!interface_set_mtu(&world.p, out0, IF_MTU_IP4, 300, &e));
    open_sockets();
    atexit(end_world);
    engine_round(world.p.engine, 1);
    world_free_caught(); /* announcements */
}

/* All that may be given to a program. */
static void register_all(bool on)
{
    struct error e = {0};
    for (enum ip_family f = 0; f < IP_FAMILY_N; f++) {
        const struct punt_socket_key port = {PUNT_SOCKET_L4, f, IP_PROTOCOL_UDP, 4000};
        const struct punt_socket_key ospf = {PUNT_SOCKET_PROTOCOL, f, 0, 89};
        const struct punt_socket_key *const keys[] = {&port, &ospf};
        for (u32 i = 0; i < array_len(keys); i++)
            world_must(on ? !punt_socket_register(&world.p, keys[i], client_path, &e)
                          : punt_socket_deregister(&world.p, keys[i], &e) <= 0);
    }
    for (u32 i = 1; i <= PUNT_REASONS; i++) {
        const struct punt_socket_key k = {.kind = PUNT_SOCKET_EXCEPTION, .number = i};
        world_must(on ? !punt_socket_register(&world.p, &k, client_path, &e)
                      : punt_socket_deregister(&world.p, &k, &e) <= 0);
    }
}

static void fix_checksum(u8 *datagram, u32 n)
{
    struct ip4_header *h = (struct ip4_header *)(datagram + sizeof(struct punt_packet));
    if (n >= sizeof(struct punt_packet) + sizeof(*h) && ip4_header_bytes(h) >= sizeof(*h) &&
        ip4_header_bytes(h) <= n - sizeof(struct punt_packet))
        ip4_set_checksum(h);
}

/* What leaves by an interface is whole; of what leaves by routes, the lengths are right. */
static void check_sent(bool by_routes)
{
    static u8 frame[1 << 17];
    for (u32 i = 0; i < world.n_caught; i++) {
        u32 n = buffer_copy_out(buffer_at(world.caught[i].bi), 0, frame, sizeof(frame));
        const struct ip4_header *h = (const struct ip4_header *)(frame + ETHERNET_HEADER_BYTES);
        world_must(n == buffer_packet_len(buffer_at(world.caught[i].bi)) &&
                   n >= ETHERNET_HEADER_BYTES);
        if (by_routes && get_be16(frame + 12) == ETHERTYPE_IP4)
            world_must(ip4_length(h) == n - ETHERNET_HEADER_BYTES && ip4_checksum_is_right(h));
    }
    world_free_caught();
}

/* What came to the program has a head. */
static void take_given(void)
{
    static u8 datagram[1 << 17];
    ssize_t got;
    while ((got = recv(client, datagram, sizeof(datagram), 0)) >= 0)
        world_must((size_t)got > sizeof(struct punt_packet) + ETHERNET_HEADER_BYTES);
}

/* Until the datagram is read, and a frame of it, which waits for the next round, has left. */
static void run_rounds(void)
{
    int unread = 1;
    while (unread) {
        engine_round(world.p.engine, 1);
        world_must(!ioctl(client, SIOCOUTQ, &unread));
    }
    engine_round(world.p.engine, 1);
    engine_round(world.p.engine, 1);
}

static void one_record(u8 options, const u8 *bytes, u32 n)
{
    static u8 datagram[1 << 16];
    struct punt_packet packet = {0};
    memcpy(datagram, bytes, n);
    memcpy(&packet, datagram, min_u64(n, sizeof(packet)));
    register_all(options & OPT_REGISTER);
    if (options & OPT_FIX)
        fix_checksum(datagram, n);
    world_must(send(client, datagram, n, 0) == (ssize_t)n);
    run_rounds();
    check_sent(packet.action != PUNT_L2);
    take_given();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!world.p.engine)
        open_world();
    while (size > RECORD_BYTES) {
        u32 n = (u32)min_u64(get_be16(data + 2), size - RECORD_BYTES);
        one_record(data[0], data + RECORD_BYTES, n);
        data += RECORD_BYTES + n;
        size -= RECORD_BYTES + n;
    }
    loop_once(world.p.loop, 0); /* events, and what the control thread does about them */
    engine_round(world.p.engine, 1);
    check_sent(false);
    /* what may wait: packets whose neighbours are asked for, fragments */
    world_must(world_buffers_used() < reass_get(&world.p, REASS_FULL, IP_FAMILY_4).max_buffers +
                                          reass_get(&world.p, REASS_FULL, IP_FAMILY_6).max_buffers +
                                          2048);
    return 0;
}
