/* Who has which packets; see punt_socket.h. */
#include "net/ip/punt/punt_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "control/cli.h"
#include "control/listen.h"
#include "engine/thread.h"
#include "net/ip/icmp/icmp4.h"
#include "net/ip/icmp/icmp6.h"
#include "net/ip/ip4/ip4_local.h"
#include "net/ip/ip6/ip6_local.h"
#include "net/packet/ip6_packet.h"
#include "net/packet/l4_packet.h"

const char punt_socket_module_name[] = "punt-socket";

static struct punt_sockets *punt_sockets_of(const struct piste *p)
{
    return module_state(p, punt_socket_module_name);
}

const char *punt_socket_path(const struct piste *p)
{
    return punt_sockets_of(p)->path;
}

/* --- clients --- */

static int punt_client_check(const struct punt_sockets *s, const char *path, struct error *e)
{
    if (!*s->path)
        return error_set(e, ENOTCONN, "socket is not configured");
    if (!cli_is_plain_word(path) || strlen(path) >= PUNT_SOCKET_PATH_BYTES ||
        !strcmp(path, s->path))
        return error_set(e, EINVAL, "Punt socket: Invalid client path: %s", path);
    return 0;
}

static u32 punt_client_place(const struct punt_sockets *s, const char *path)
{
    u32 place = PUNT_CLIENTS_MAX;
    for (u32 i = 0; i < PUNT_CLIENTS_MAX; i++) {
        if (s->client[i].users && !strcmp(s->client[i].to.sun_path, path))
            return i;
        if (!s->client[i].users && place == PUNT_CLIENTS_MAX)
            place = i;
    }
    return place;
}

/* One more registration of the client there; its place + 1 in *out. */
static int punt_client_get(struct punt_sockets *s, const char *path, u16 *out, struct error *e)
{
    u32 i = punt_client_place(s, path);
    if (i == PUNT_CLIENTS_MAX)
        return error_set(e, ENOSPC, "there are %u clients of punt sockets already", i);
    struct punt_client *c = &s->client[i];
    if (!c->users) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
            return error_errno(e, errno, "socket");
        c->fd = fd;
        c->to = (struct sockaddr_un){.sun_family = AF_UNIX};
        strcpy(c->to.sun_path, path);
    }
    c->users++;
    *out = (u16)(i + 1);
    return 0;
}

/* No packet is given to it by the registration that had it. */
static void punt_client_put(struct piste *p, u16 word)
{
    struct punt_client *c = &punt_sockets_of(p)->client[word - 1];
    if (c->users > 1) {
        c->users--;
        return;
    }
    engine_synchronize(engine_of(p));
    close(c->fd);
    c->users = 0;
}

/* --- where packets are taken --- */

static const struct {
    int (*udp)(struct piste *p, u16 port, struct node_index node);
    void (*udp_not)(struct piste *p, u16 port);
    bool (*has_protocol)(const struct piste *p, u8 protocol);
    void (*protocol)(struct piste *p, u8 protocol, struct node_index node);
    void (*protocol_not)(struct piste *p, u8 protocol);
    void (*take_exceptions)(struct piste *p, u32 exceptions, struct node_index node);
} hooks[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {ip4_udp_register, ip4_udp_unregister, ip4_local_has, ip4_local_register,
                     ip4_local_unregister, icmp4_take_exceptions},
    [IP_FAMILY_6] = {ip6_udp_register, ip6_udp_unregister, ip6_local_has, ip6_local_register,
                     ip6_local_unregister, icmp6_take_exceptions},
};

static int punt_socket_check(const struct punt_socket_key *k, struct error *e)
{
    switch (k->kind) {
    case PUNT_SOCKET_L4:
        if (k->protocol != IP_PROTOCOL_UDP)
            return error_set(e, EOPNOTSUPP, "only UDP protocol (%d) is supported, got %u",
                             IP_PROTOCOL_UDP, k->protocol);
        return k->number < PUNT_PORT_REST ? 0 : error_set(e, EINVAL, "UDP port number required");
    case PUNT_SOCKET_PROTOCOL:
        if (k->number > 255)
            return error_set(e, EINVAL, "no IP protocol %u", k->number);
        return k->family == IP_FAMILY_6 && ip6_is_extension((u8)k->number)
                   ? error_set(e, EINVAL, "IPv6 packets go by what is behind header %u", k->number)
                   : 0;
    default:
        return punt_reason(k->number) ? 0 : error_set(e, ENOENT, "no punt reason %u", k->number);
    }
}

static u16 *punt_socket_word(struct punt_sockets *s, const struct punt_socket_key *k)
{
    return k->kind == PUNT_SOCKET_L4         ? &s->by_port[k->family][k->number]
           : k->kind == PUNT_SOCKET_PROTOCOL ? &s->by_protocol[k->family][k->number]
                                             : &s->by_reason[k->number];
}

/* Of all that are registered. */
static void punt_socket_take_exceptions(struct piste *p)
{
    const struct punt_sockets *s = punt_sockets_of(p);
    u32 wanted = 0;
    for (u32 i = 1; i <= PUNT_REASONS; i++)
        wanted |= (u32) !!s->by_reason[i] << i;
    for (enum ip_family f = 0; f < IP_FAMILY_N; f++)
        hooks[f].take_exceptions(p, punt_exceptions_of(f, wanted), s->node_exception);
}

/* Packets with that key come to our node from now on. */
static int punt_socket_hook(struct piste *p, const struct punt_socket_key *k, struct error *e)
{
    const struct punt_sockets *s = punt_sockets_of(p);
    if (k->kind == PUNT_SOCKET_L4)
        return hooks[k->family].udp(p, (u16)k->number, s->node_udp[k->family])
                   ? error_set(e, EADDRINUSE, "UDP port %u is taken here", k->number)
                   : 0;
    if (k->kind == PUNT_SOCKET_PROTOCOL) {
        if (hooks[k->family].has_protocol(p, (u8)k->number))
            return error_set(e, EADDRINUSE, "IP protocol %u is taken here", k->number);
        hooks[k->family].protocol(p, (u8)k->number, s->node_proto[k->family]);
        return 0;
    }
    punt_socket_take_exceptions(p);
    return 0;
}

static void punt_socket_unhook(struct piste *p, const struct punt_socket_key *k)
{
    if (k->kind == PUNT_SOCKET_L4)
        hooks[k->family].udp_not(p, (u16)k->number);
    else if (k->kind == PUNT_SOCKET_PROTOCOL)
        hooks[k->family].protocol_not(p, (u8)k->number);
    else
        punt_socket_take_exceptions(p);
}

/* --- registrations --- */

int punt_socket_register(struct piste *p, const struct punt_socket_key *k, const char *client,
                         struct error *e)
{
    struct punt_sockets *s = punt_sockets_of(p);
    u16 now = 0;
    int rc = punt_client_check(s, client, e);
    if (!rc)
        rc = punt_socket_check(k, e);
    if (!rc)
        rc = punt_client_get(s, client, &now, e);
    if (rc)
        return rc;
    u16 *word = punt_socket_word(s, k), was = *word;
    __atomic_store_n(word, now, __ATOMIC_RELEASE);
    if (was) {
        punt_client_put(p, was);
        return 0;
    }
    rc = punt_socket_hook(p, k, e);
    if (rc) {
        *word = 0;
        punt_client_put(p, now);
    }
    return rc;
}

int punt_socket_deregister(struct piste *p, const struct punt_socket_key *k, struct error *e)
{
    struct punt_sockets *s = punt_sockets_of(p);
    int rc = punt_socket_check(k, e);
    if (rc)
        return rc;
    u16 *word = punt_socket_word(s, k), was = *word;
    if (!was)
        return error_set(e, ENOENT, "no punt socket is registered for that");
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
    punt_socket_unhook(p, k);
    punt_client_put(p, was);
    return 0;
}

/* Numbers of a kind are below that. */
static u32 punt_socket_numbers(enum punt_socket_kind kind)
{
    static const u32 numbers[] = {
        [PUNT_SOCKET_L4] = PUNT_PORT_REST,
        [PUNT_SOCKET_PROTOCOL] = 256,
        [PUNT_SOCKET_EXCEPTION] = PUNT_REASONS + 1,
    };
    return numbers[kind];
}

const char *punt_socket_from(const struct piste *p, struct punt_socket_key *k)
{
    struct punt_sockets *s = punt_sockets_of(p);
    k->protocol = IP_PROTOCOL_UDP;
    for (;; k->number++) {
        if (k->number >= punt_socket_numbers(k->kind)) {
            if (k->kind == PUNT_SOCKET_EXCEPTION || k->family == IP_FAMILY_6)
                return NULL;
            k->family = IP_FAMILY_6;
            k->number = 0;
        }
        u16 word = *punt_socket_word(s, k);
        if (word)
            return s->client[word - 1].to.sun_path;
    }
}

/* --- life --- */

static void punt_socket_free_kept(struct thread *t, struct punt_sockets *s)
{
    u32 *kept[] = {&s->small, &s->large};
    for (u32 i = 0; i < array_len(kept); i++) {
        if (*kept[i] != BUFFER_NONE)
            buffer_free_one(t, *kept[i]);
        *kept[i] = BUFFER_NONE;
    }
}

static bool punt_socket_arm(struct thread *t, struct rx_queue *q)
{
    punt_socket_free_kept(t, q->port);
    return true;
}

static const struct rx_queue_ops rx_ops = {.arm = punt_socket_arm};

/* A program that is executed anew in the sandbox makes the socket again. */
static void punt_socket_keep_folder(const struct punt_sockets *s)
{
    char folder[PUNT_SOCKET_PATH_BYTES];
    strcpy(folder, s->path);
    *strrchr(folder, '/') = 0;
    if (*folder)
        sandbox_add_path(NEED_WRITE, folder, "sockets");
}

int punt_socket_open(struct piste *p, struct punt_sockets *s, struct error *e)
{
    bool local;
    s->rx.ops = &rx_ops;
    s->rx.fd = listen_open(s->path, SOCK_DGRAM, 0, &local, e);
    if (s->rx.fd < 0)
        return s->rx.fd;
    int rc = rx_queue_add(engine_of(p), &s->rx, UINT32_MAX, e);
    if (rc)
        close(s->rx.fd);
    else
        rx_queue_enable(engine_of(p), &s->rx, true);
    punt_socket_keep_folder(s);
    return rc;
}

void punt_socket_stop(struct piste *p, void *state)
{
    struct punt_sockets *s = state;
    if (s->rx.fd >= 0) {
        rx_queue_delete(engine_of(p), &s->rx);
        close(s->rx.fd);
    }
    for (u32 i = 0; i < PUNT_CLIENTS_MAX; i++)
        if (s->client[i].users)
            close(s->client[i].fd);
    punt_socket_free_kept(engine_main_thread(engine_of(p)), s);
    free(s);
}
