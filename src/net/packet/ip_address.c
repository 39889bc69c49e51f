/* Text of addresses; see ip_address.h. */
#include "net/packet/ip_address.h"

#include <stdio.h>

/* The longest row of zero words, from the first of them on: `*n` is 0 when none has two. */
static u32 longest_zeros(const struct ip_address *a, u32 *n)
{
    u32 best = 0;
    *n = 0;
    for (u32 i = 0; i < 8; i++) {
        u32 run = 0;
        while (i + run < 8 && !get_be16(&a->bytes[2 * (i + run)]))
            run++;
        if (run > *n && run > 1) {
            *n = run;
            best = i;
        }
        i += run;
    }
    return best;
}

static void ip6_text(const struct ip_address *a, char *out)
{
    u32 n, zeros = longest_zeros(a, &n);
    for (u32 i = 0; i < 8;) {
        if (n && i == zeros) {
            out += sprintf(out, "::");
            i += n;
            continue;
        }
        bool first = !i || (n && i == zeros + n);
        out += sprintf(out, "%s%x", first ? "" : ":", get_be16(&a->bytes[2 * i]));
        i++;
    }
}

const char *ip_address_text(enum ip_family f, const struct ip_address *a,
                            char out[IP_ADDRESS_TEXT_BYTES])
{
    const u8 *b = a->bytes;
    if (f == IP_FAMILY_4)
        snprintf(out, IP_ADDRESS_TEXT_BYTES, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    else
        ip6_text(a, out);
    return out;
}

const char *ip_prefix_text(const struct ip_prefix *p, char out[IP_PREFIX_TEXT_BYTES])
{
    char address[IP_ADDRESS_TEXT_BYTES];
    ip_address_text((enum ip_family)p->family, &p->addr, address);
    snprintf(out, IP_PREFIX_TEXT_BYTES, "%s/%u", address, p->len);
    return out;
}

const char *ip_family_name(enum ip_family f)
{
    return f == IP_FAMILY_4 ? "ip4" : "ip6";
}
