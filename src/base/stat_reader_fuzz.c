/* A stats segment with bytes changed anywhere: six bytes of input are an offset and four bytes to
 * put there. What is read of it can be looked at. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/stat_reader.h"
#include "base/stat_reader_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static u64 sum(const struct stat_item *item)
{
    u64 n = item->value + strlen(item->name);
    for (u32 row = 0; row < item->n_rows; row++)
        for (u32 i = 0; i < item->n[row]; i++)
            n += item->type == STAT_COMBINED ? item->combined[row][i].bytes : item->simple[row][i];
    for (u32 i = 0; item->names && i < item->n[0]; i++)
        n += item->names[i] ? strlen(item->names[i]) : 0;
    return n;
}

static volatile u64 result;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static u8 segment[SMALL_BYTES];
    struct stat_reader r;
    struct stat_items items;
    struct error e;
    small_segment(segment);
    for (; size >= 6; data += 6, size -= 6) {
        u32 at = (u32)(data[0] | data[1] << 8) % (SMALL_BYTES - 4);
        if (at > 20 && at < 32) /* "in progress" would be waited for */
            continue;
        memcpy(segment + at, data + 2, 4);
    }
    int fd = small_file(segment, sizeof(segment));
    if (fd < 0 || stat_reader_open(&r, fd, &e) ||
        stat_reader_read(&r, NULL, NULL, true, &items, &e)) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (u32 i = 0; i < items.n; i++)
        result += sum(&items.v[i]);
    stat_items_free(&items);
    close(fd);
    return 0;
}
