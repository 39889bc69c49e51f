#include "control/api_errno.h"

#include <errno.h>

static const struct {
    int code;
    i32 retval;
} table[] = {
    {EINVAL, API_INVALID_VALUE},
    {ENOENT, API_NO_SUCH_ENTRY},
    {ENODEV, API_INVALID_SW_IF_INDEX},
    {ENXIO, API_INVALID_SW_IF_INDEX},
    {EEXIST, API_ENTRY_ALREADY_EXISTS},
    {EADDRINUSE, API_ADDRESS_IN_USE},
    {EADDRNOTAVAIL, API_ADDRESS_NOT_FOUND_FOR_INTERFACE},
    {EAFNOSUPPORT, API_INVALID_ADDRESS_FAMILY},
    {EOPNOTSUPP, API_UNSUPPORTED},
    {ENOSYS, API_UNIMPLEMENTED},
    {EBUSY, API_RSRC_IN_USE},
    {ENOSPC, API_LIMIT_EXCEEDED},
    {ENOMEM, API_LIMIT_EXCEEDED},
    {ENOBUFS, API_LIMIT_EXCEEDED},
    {ERANGE, API_INVALID_VALUE},
    {E2BIG, API_INVALID_VALUE},
    {EMSGSIZE, API_INVALID_VALUE},
    {EPERM, API_SYSCALL_ERROR_1},
    {EACCES, API_SYSCALL_ERROR_1},
    {EAGAIN, API_EAGAIN},
};

i32 api_retval(int rc)
{
    if (rc >= 0)
        return API_OK;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == -rc)
            return table[i].retval;
    return API_UNSPECIFIED;
}
