/* ICMP for IPv4: what is sent to this switch, and errors that it sends.
 *
 *   ip4-local ─► ip4-icmp-input ─┬─► ip4-icmp-echo-request ─► ip4-load-balance
 *                                ├─► nodes that other modules register by type
 *                                └─► ip4-punt
 *   any node  ─► ip4-icmp-error ─┬─► ip4-punt: exceptions that are asked for; else
 *                                ├─► the error message: ip4-lookup
 *                                └─► the packet that it is about: error-drop, for the reason it
 * came with
 *
 * Source: RFC 792, RFC 1122 3.2.2, RFC 1812 4.3. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"
#include "engine/node.h"
#include "net/ip/icmp/icmp_exception.h"
#include "net/ip/icmp/icmp_rate.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_errors.h"

struct module;
struct piste;
struct thread;

extern const struct module icmp4_module;
extern const char icmp4_module_name[];

/* Messages of that type go to `node`, their current header IPv4's, l4_start the ICMP header.
 * Control thread. */
void icmp4_register_type(struct piste *p, u8 type, struct node_index node);
/* Back to nobody. */
void icmp4_unregister_type(struct piste *p, u8 type);

/* Packets of these kinds (enum icmp_exception, as bits) go to ip4-punt. Control thread. */
void icmp4_punt_exceptions(struct piste *p, u32 exceptions);
/* Counts them, punted or taken, at first + the number of the kind's bit. NULL: no more. */
void icmp4_count_exceptions(struct piste *p, const struct counter_vec *counts, u32 first);
/* Packets of these go to `node`, always the same one: their scratch says which error it would be.
 * Control thread. */
void icmp4_take_exceptions(struct piste *p, u32 exceptions, struct node_index node);

/* --- for the nodes --- */

struct icmp4 {
    u16 next_by_type[256];        /* of ip4-icmp-input */
    struct node_index input_node; /* counts what its siblings answer */
    struct icmp_exceptions exceptions;
};

enum {
    ICMP4_INPUT_NEXT_PUNT,
    ICMP4_INPUT_NEXT_DROP,
    ICMP4_INPUT_NEXT_ECHO_REQUEST,
    ICMP4_INPUT_N_NEXT
};

/* Longest message that is sent: RFC 1812 4.3.2.3. */
#define ICMP4_ERROR_BYTES_MAX 576

/* Whether an error may be sent about b, whose current header is IPv4's: ICMP4_ERROR_NONE or the
 * reason why not. */
enum icmp4_error icmp4_error_allowed(const struct buffer *b);

/* Writes into `to`, an empty buffer, the message that b's scratch asks for, from address src. */
void icmp4_error_build(struct buffer *to, const struct buffer *b, be32 src, u16 id);
