/* Frames of any bytes: the hash stays within them, and is the same in both directions where the
 * first byte says so. */
#include <stdlib.h>
#include <string.h>

#include "net/packet/flow_hash.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!size || size > 2048)
        return 0;
    u8 *copy = malloc(size); /* so that a byte too far is seen */
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    u32 hash = flow_hash(copy, (u32)size - 1, data[0] & 1,
                         data[0] & 2 ? FLOW_HASH_SYMMETRIC : FLOW_HASH_ONE_WAY);
    if (!hash)
        abort();
    free(copy);
    return 0;
}
