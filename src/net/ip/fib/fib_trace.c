/* See fib_trace.h. */
#include "net/ip/fib/fib_trace.h"

#include <inttypes.h>

#include "base/text.h"
#include "net/ip/fib/fib.h"
#include "net/ip/fib/fib_data.h"

/* The packet's words behind its hop. */
static const struct ip_scratch *fib_trace_words(const struct trace_record *r)
{
    return (const struct ip_scratch *)(const void *)r->meta.scratch;
}

void fib_format_forward(const struct trace_record *r, struct text *out)
{
    const struct ip_scratch *s = fib_trace_words(r);
    text_add(out, "  fib:%" PRIu32 " adj:%" PRIu32 " flow:0x%08" PRIx32 "\n", fib_number(s->fib),
             s->adj.i, s->flow_hash);
}

void fib_format_lookup(const struct trace_record *r, struct text *out)
{
    const struct ip_scratch *s = fib_trace_words(r);
    text_add(out, "fib %u dpo-idx %u flow hash: 0x%08x\n", fib_number(s->fib), s->adj.i,
             s->flow_hash);
}

void fib_format_rewrite(struct piste *p, const struct trace_record *r, enum ip_family family,
                        const char *index_word, u32 n, struct text *out)
{
    const struct ip_scratch *s = fib_trace_words(r);
    text_add(out, "tx_sw_if_index %d %s %u : ", (int)r->meta.tx_if.i, index_word, s->adj.i);
    if (adj_is_used(fib_of(p), s->adj))
        adj_describe(fib_of(p), s->adj, family, out);
    text_add(out, " flow hash: 0x%08x\n", s->flow_hash);
    text_hex_lines(out, r->data, r->data_len < n ? r->data_len : n, 0);
}
