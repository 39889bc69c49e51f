/* A file of any content: every record that is told of lies within it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "engine/pcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pcap_reader r;
    struct pcap_record record;
    struct error e;
    size_t records = 0;
    if (pcap_read_start(&r, data, size, &e))
        return 0;
    while (pcap_read_next(&r, &record, &e) == 1) {
        if (record.data < data || record.data + record.incl_bytes > data + size)
            abort();
        if (++records > size / PCAP_RECORD_HEADER_BYTES)
            abort();
    }
    return 0;
}
