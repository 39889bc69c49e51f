/* What traces of the nodes that forward say of a packet's way: the lines that IPv4 and IPv6 have in
 * common. Control thread. */
#pragma once

#include "engine/trace.h"
#include "net/packet/ip_address.h"

struct piste;
struct text;

/* Table, adjacency and flow, for a line in front of the header. */
void fib_format_forward(const struct trace_record *r, struct text *out);
/* The same in the words of lookup nodes. */
void fib_format_lookup(const struct trace_record *r, struct text *out);
/* How it leaves, and its first bytes, n at most. index_word: what the adjacency's number is
 * called. */
void fib_format_rewrite(struct piste *p, const struct trace_record *r, enum ip_family family,
                        const char *index_word, u32 n, struct text *out);
