/* Punt sockets: packets that are given to programs by datagrams of Unix sockets, and packets that
 * these give back.
 *
 *   ipX-udp-lookup ─► ipX-udp-punt-socket ──┐                 ┌──► the client's socket
 *   ipX-local      ─► ipX-proto-punt-socket ┼─ by its key ────┤
 *   ipX-icmp-error ─► exception-punt-socket ┘                 └──► ...
 *
 *   startup.conf's `punt { socket PATH }' ◄── clients
 *           └─► punt-socket-rx ─► X-output, ip4-lookup, ip6-lookup
 *
 * A datagram is a struct punt_packet, then for a client the Ethernet header, without tags, and the
 * packet; from a client the frame, or the packet alone. No data thread waits for a socket: a client
 * that does not read loses its own packets, counted. Source: VPP's messages, nodes and counters. */
#pragma once

#include <sys/un.h>

#include "control/api.h"
#include "control/module.h"
#include "engine/rx_queue.h"
#include "net/ip/punt/punt.h"

extern const struct module punt_socket_module;
extern const struct module punt_socket_api_module;
extern const char punt_socket_module_name[];

#define PUNT_SOCKET_HEADER_VERSION 1
#define PUNT_SOCKET_PATH_BYTES 108

enum punt_socket_kind { PUNT_SOCKET_L4, PUNT_SOCKET_PROTOCOL, PUNT_SOCKET_EXCEPTION };

/* Which packets. */
struct punt_socket_key {
    enum punt_socket_kind kind;
    enum ip_family family; /* not of an exception */
    u8 protocol;           /* of PUNT_SOCKET_L4 */
    u32 number;            /* port, protocol or reason (punt_reason) */
};

/* Gives them to the socket at `client`, instead of another one that has them. -EINVAL, -EOPNOTSUPP,
 * -EADDRINUSE: a node here takes them; -ENOSPC, -ENOTCONN: startup.conf has no socket. */
int punt_socket_register(struct piste *p, const struct punt_socket_key *k, const char *client,
                         struct error *e) MUST_CHECK;
/* -ENOENT: nobody has them. */
int punt_socket_deregister(struct piste *p, const struct punt_socket_key *k,
                           struct error *e) MUST_CHECK;
/* The first registration of k's kind that is not before *k, which becomes its key: its client; NULL:
 * there is none. From {kind} on, and k->number + 1 next, these are all of a kind. */
const char *punt_socket_from(const struct piste *p, struct punt_socket_key *k);
/* Where clients send; "": nowhere. */
const char *punt_socket_path(const struct piste *p);

/* --- for the nodes --- */

/* In front of what a datagram has, in the machine's order. */
struct punt_packet {
    u32 sw_if_index; /* that it came in by, or is to leave by */
    u32 action;      /* enum punt_action, from a client; else 0 */
};

enum punt_action { PUNT_L2, PUNT_IP4_ROUTED, PUNT_IP6_ROUTED };

#define PUNT_CLIENTS_MAX 256

struct punt_client {
    struct sockaddr_un to;
    int fd;    /* messages that it has not read are this one's, and keep none from others */
    u32 users; /* registrations; 0: the slot is free. Control thread */
};

struct punt_sockets {
    char path[PUNT_SOCKET_PATH_BYTES];
    struct rx_queue rx;
    u32 small, large; /* buffers for what comes, punt-socket-rx's; BUFFER_NONE */
    struct node_index node_udp[IP_FAMILY_N], node_proto[IP_FAMILY_N], node_exception;
    struct punt_client client[PUNT_CLIENTS_MAX];
    /* place in client[] + 1; 0: nobody */
    u16 by_port[IP_FAMILY_N][65536];
    u16 by_protocol[IP_FAMILY_N][256];
    u16 by_reason[PUNT_REASONS + 1];
};

enum punt_socket_error {
    PUNT_SOCKET_ERR_NONE,
    PUNT_SOCKET_ERR_UDP_PORT,
    PUNT_SOCKET_ERR_RX,
    PUNT_SOCKET_ERR_TX,
    PUNT_SOCKET_ERR_RX_ERROR,
    PUNT_SOCKET_ERR_TX_ERROR,
    PUNT_SOCKET_ERR_NO_BUFFERS,
    PUNT_SOCKET_ERR_READ,
    PUNT_SOCKET_ERR_ACTION,
    PUNT_SOCKET_ERR_N
};

enum { PUNT_SOCKET_RX_NEXT_DROP, PUNT_SOCKET_RX_NEXT_IP4, PUNT_SOCKET_RX_NEXT_IP6 };

struct punt_socket_trace {
    struct punt_packet packet;
    u32 client; /* its place; PUNT_CLIENTS_MAX: none */
};

/* --- for the records --- */
extern const struct cli_command punt_socket_commands[];
extern const struct api_handler punt_socket_api[];
/* Begins to receive at s->path. */
int punt_socket_open(struct piste *p, struct punt_sockets *s, struct error *e) MUST_CHECK;
void punt_socket_stop(struct piste *p, void *state);
void punt_socket_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
/* What startup.conf says. */
struct punt_socket_settings {
    char path[PUNT_SOCKET_PATH_BYTES];
};
