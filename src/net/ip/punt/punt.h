/* Packets that are handed on to ip4-punt or ip6-punt, where they would have been refused: datagrams
 * and segments for this switch that nobody here takes, and packets that an ICMP error would be the
 * answer to (an exception, by its reason). What becomes of them there is the matter of the
 * features of those nodes.
 *
 * Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "net/packet/ip_address.h"

struct module;
struct piste;

extern const struct module punt_module;
extern const struct module punt_api_module;

#define PUNT_PORT_REST 65535 /* all that nobody takes */

/* UDP (one port, or PUNT_PORT_REST) and TCP (PUNT_PORT_REST). -EADDRINUSE: a node here takes the
 * port; -EOPNOTSUPP. What stands so already is no fault. */
int punt_l4(struct piste *p, enum ip_family f, u8 protocol, u16 port, bool on,
            struct error *e) MUST_CHECK;

/* Reasons have numbers from 1 on. */
#define PUNT_REASONS 8

/* -ENOENT. */
int punt_exception(struct piste *p, u32 reason, bool on, struct error *e) MUST_CHECK;
/* Its name; NULL behind the last. */
const char *punt_reason(u32 reason);
/* By its name; 0: none. */
u32 punt_reason_find(const char *name);
/* The kinds (enum icmp_exception, as bits) of a protocol of these reasons (bits 1 and on). */
u32 punt_exceptions_of(enum ip_family f, u32 wanted);
/* The reason of one kind; 0: none. */
u32 punt_reason_of(enum ip_family f, u32 exception);
