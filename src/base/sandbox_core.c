/* What all parts need of the system. */
#include <sys/socket.h>

#include "base/sandbox.h"

const struct need sandbox_core_needs[] = {
#include "sandbox_core_calls.h" /* of sandbox_calls.txt */
    NEEDS_SOCKET(AF_UNIX, "clients"),
    NEEDS_SOCKET(AF_INET, "clients, and questions about devices"),
    NEEDS_SOCKET(AF_INET6, "clients"),
    NEEDS_READ("/usr", "libraries and plugins"),
    NEEDS_READ("/lib", "libraries"),
    NEEDS_READ("/lib64", "libraries"),
    NEEDS_READ("/proc", "this process and its host"),
    NEEDS_READ("/sys", "this host"),
    NEEDS_READ("/dev/random", "random numbers"),
    NEEDS_READ("/dev/urandom", "random numbers"),
    NEEDS_WRITE("/dev/null", "the daemon's terminal"),
    NEEDS_READ("/etc/passwd", "names of users"),
    NEEDS_READ("/etc/group", "names of groups"),
    NEEDS_READ("/etc/nsswitch.conf", "names"),
    NEEDS_READ("/etc/hosts", "names"),
    NEEDS_READ("/etc/resolv.conf", "names"),
    NEEDS_READ("/etc/localtime", "time"),
    NEEDS_READ("/etc/ld.so.cache", "libraries"),
    NEEDS_READ("/etc/ld.so.preload", "libraries"),
    NEEDS_WRITE("/proc/self/coredump_filter", "unix { full-coredump }"),
    NEEDS_WRITE("/tmp", "captures and traces: VPP's place for them"),
    {0},
};
