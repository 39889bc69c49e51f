/* Any datagram at all as netlink messages. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "host/host_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool x)
{
    if (!x)
        abort();
}

static void on_event(void *arg, const struct host_event *ev)
{
    u32 *n = arg;
    ++*n;
    switch (ev->kind) {
    case HOST_LINK:
        must(ev->link.index > 0 && memchr(ev->link.name, 0, sizeof(ev->link.name)) &&
             memchr(ev->link.kind, 0, sizeof(ev->link.kind)));
        break;
    case HOST_ADDRESS:
        must(ev->address.index > 0 && ev->address.prefix_len <= 128);
        break;
    case HOST_NEIGHBOR:
        must(ev->neighbor.index > 0);
        break;
    case HOST_ROUTE:
        must(ev->route.n_hops <= HOST_HOPS_MAX && ev->route.dst_len <= 128);
        break;
    default:
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u32 n = 0;
    if (size > 4096)
        return 0;
    /* as it comes from the kernel: aligned, and padded to 4 bytes */
    u8 *copy = calloc(1, (size + 3) & ~(size_t)3);
    if (!copy && size)
        return 0;
    if (size)
        memcpy(copy, data, size);
    host_events_parse(copy, size, on_event, &n);
    must(n <= size / 16);
    free(copy);
    return 0;
}
