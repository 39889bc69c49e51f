/* ICMP for IPv6: what is sent to this switch, and errors that it sends.
 *
 *   ip6-local ─► ip6-icmp-input ─┬─► ip6-icmp-echo-request ─► ip6-lookup
 *                                ├─► nodes that other modules register by type
 *                                └─► ip6-punt
 *   any node  ─► ip6-icmp-error ─┬─► ip6-punt: exceptions that are asked for; else
 *                                ├─► the error message: ip6-lookup
 *                                └─► the packet that it is about: error-drop, for the reason it
 *                                    came with
 *
 * Source: RFC 4443. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/node.h"
#include "net/ip/icmp/icmp6_data.h"
#include "net/ip/icmp/icmp_exception.h"
#include "net/ip/icmp/icmp_rate.h"
#include "net/ip/ip6/ip6.h"
#include "net/ip/ip6/ip6_errors.h"

struct module;
struct piste;
struct thread;

extern const struct module icmp6_module;
extern const char icmp6_module_name[];

/* Messages of that type go to `node`: their current header is IPv6's, l4_start the ICMP header;
 * hop limit, code and shortest length of neighbour discovery's are right. Control thread. */
void icmp6_register_type(struct piste *p, u8 type, struct node_index node);
/* Back to nobody. */
void icmp6_unregister_type(struct piste *p, u8 type);
/* Counts what its siblings do with messages. */
struct node_index icmp6_input_node(const struct piste *p);

/* Packets of these kinds (enum icmp_exception, as bits) go to ip6-punt. Control thread. */
void icmp6_punt_exceptions(struct piste *p, u32 exceptions);
/* Counts them, punted or taken, at first + the number of the kind's bit. NULL: no more. */
void icmp6_count_exceptions(struct piste *p, const struct counter_vec *counts, u32 first);
/* Packets of these go to `node`, always the same one: their scratch says which error it would be.
 * Control thread. */
void icmp6_take_exceptions(struct piste *p, u32 exceptions, struct node_index node);

/* For who translates addresses: errors about packets that it translated are passed to fn first;
 * NULL: to nobody. Who ends waits for the data threads, before fn goes. Control thread. */
void icmp6_set_undo(icmp6_undo_fn *fn);

/* --- for the nodes --- */

struct icmp6 {
    u16 next_by_type[256]; /* of ip6-icmp-input */
    struct node_index input_node;
    struct icmp_exceptions exceptions;
};

enum {
    ICMP6_INPUT_NEXT_PUNT,
    ICMP6_INPUT_NEXT_DROP,
    ICMP6_INPUT_NEXT_ECHO_REQUEST,
    ICMP6_INPUT_N_NEXT
};

/* Longest message that is sent: RFC 4443 2.4 (c). */
#define ICMP6_ERROR_BYTES_MAX IP6_MIN_MTU_BYTES

/* Whether the error that b's scratch asks for may be sent about b, whose current header is IPv6's:
 * ICMP6_ERROR_NONE or the reason why not. */
enum icmp6_error icmp6_error_allowed(const struct buffer *b);

/* Writes into `to`, an empty buffer, the message that b's scratch asks for, from address src. */
void icmp6_error_build(struct buffer *to, const struct buffer *b, const struct ip_address *src);
