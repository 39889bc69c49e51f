/* What functions return, as the numbers that API clients know. */
#pragma once

#include "base/types.h"

/* retval of replies: those that handlers use by name. */
enum {
    API_OK = 0,
    API_UNSPECIFIED = -1,
    API_INVALID_SW_IF_INDEX = -2,
    API_NO_SUCH_FIB = -3,
    API_NO_SUCH_ENTRY = -6,
    API_INVALID_VALUE = -7,
    API_INVALID_VALUE_2 = -8,
    API_UNIMPLEMENTED = -9,
    API_INVALID_SW_IF_INDEX_2 = -10,
    API_SYSCALL_ERROR_1 = -11,
    API_FEATURE_DISABLED = -30,
    API_INVALID_REGISTRATION = -31,
    API_NEXT_HOP_NOT_IN_FIB = -50,
    API_NO_PATHS_IN_ROUTE = -52,
    API_NO_MATCHING_INTERFACE = -54,
    API_ADDRESS_NOT_FOUND_FOR_INTERFACE = -60,
    API_NO_SUCH_NODE = -63,
    API_NO_SUCH_NODE_2 = -64,
    API_NO_SUCH_TABLE = -65,
    API_INVALID_WORKER = -89,
    API_INVALID_ADDRESS_FAMILY = -97,
    API_ADDRESS_IN_USE = -105,
    API_ENTRY_ALREADY_EXISTS = -116,
    API_INVALID_QUEUE = -125,
    API_UNSUPPORTED = -126,
    API_DUPLICATE_IF_ADDRESS = -127,
    API_INSTANCE_IN_USE = -147,
    API_NON_ETHERNET = -151,
    API_RSRC_IN_USE = -155,
    API_ENDIAN_FAILED = -159,
    API_LIMIT_EXCEEDED = -162,
    API_EAGAIN = -165,
    API_BUG = -168,
    API_INVALID_PREFIX_LENGTH = -171,
};

/* rc: 0 or -errno. */
i32 api_retval(int rc);
