/* Text within `data { }`: whatever it says, a packet that comes of it stays within its bounds, and
 * its IPv4 header's sum is right when it is constant and the text gave none. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/features/pg/pg_packet.h"

#define SIZE_MAX_BYTES 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make(struct pg_packet *k, u32 size, struct pg_random *r)
{
    static u8 packet[PG_PACKET_MAX_BYTES + PG_HEADERS_MAX_BYTES];
    memcpy(packet, k->bytes, size);
    packet[size] = 0xa5;
    pg_fields_write(k, packet, size, r);
    pg_sums_write(k, packet, size);
    if (packet[size] != 0xa5)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pg_packet k;
    struct error e;
    struct pg_random r = {.state = 1};
    if (size < 3)
        return 0;
    u32 max_bytes = 1 + (data[0] | (u32)data[1] << 8) % SIZE_MAX_BYTES;
    char *text = malloc(size - 2);
    memcpy(text, data + 3, size - 3);
    text[size - 3] = '\0';
    if (pg_packet_parse(&k, data[2] % (PG_START_MPLS + 1), text, max_bytes, &e) == 0) {
        if (k.max_bytes < k.header_bytes || k.max_bytes < max_bytes)
            abort();
        for (u32 i = 0; i < 3; i++)
            make(&k, k.max_bytes, &r);
        pg_packet_set_sizes(&k, k.header_bytes, k.max_bytes + 99);
        make(&k, k.header_bytes, &r);
        make(&k, k.max_bytes, &r);
        pg_packet_leave_l4_sum(&k);
        make(&k, k.max_bytes - 1, &r);
        pg_packet_free(&k);
    }
    free(text);
    return 0;
}
