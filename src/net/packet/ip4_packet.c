/* See ip4_packet.h. */
#include "net/packet/ip4_packet.h"

const u8 ip4_special_bytes[256] = {[0] = 1, [127] = 1, [224 ... 255] = 1};
