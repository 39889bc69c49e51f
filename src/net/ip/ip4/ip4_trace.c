/* Trace text that is about more than the packet's bytes. */
#include <inttypes.h>

#include "base/text.h"
#include "engine/trace.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_forward.h"
#include "net/packet/ip4_format.h"

void ip4_format_forward_trace(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct ip_scratch *s = (const struct ip_scratch *)r->meta.scratch;
    text_add(out, "  fib:%" PRIu32 " adj:%" PRIu32 " flow:0x%08" PRIx32 "\n", fib_number(s->fib),
             s->adj.i, s->flow_hash);
    ip4_format_trace(p, r, out);
}
