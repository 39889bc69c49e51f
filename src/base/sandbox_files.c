/* The sandbox's half of files, by Landlock (landlock(7)): what is not granted below a path cannot
 * be opened any more; what is open stays so. The calls have no functions in a libc, and their
 * constants come one by one with headers of newer kernels than the one that this is built with. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { CREATE_VERSION = 1, RULE_PATH_BENEATH = 1 };

/* Rights, by bit. */
enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    TRUNCATE = 1 << 14,  /* ABI 3 */
    IOCTL_DEV = 1 << 15, /* ABI 5 */
};
#define OF_FILES ((u64)EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define TO_READ ((u64)READ_FILE | READ_DIR)
#define TO_WRITE                                                                                   \
    (TO_READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK |           \
     TRUNCATE | IOCTL_DEV)

/* Signals to processes outside. */
enum { SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
    u64 rights, net, scope;
};

struct path_beneath {
    u64 rights;
    i32 fd;
} __attribute__((packed));

int sandbox_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    return abi > 0 ? (int)abi : 0;
}

/* All that a kernel of that ABI can refuse. */
static u64 known_rights(int abi)
{
    u32 bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
    return (1ull << bits) - 1;
}

struct grants {
    int ruleset;
    u64 known;
    int rc;
};

static void sandbox_files_grant(const struct need *need, void *arg)
{
    struct grants *g = arg;
    u64 rights = need->kind == NEED_READ      ? TO_READ
                 : need->kind == NEED_WRITE   ? TO_WRITE
                 : need->kind == NEED_EXECUTE ? TO_READ | EXECUTE
                                              : 0;
    struct stat st;
    if (!rights)
        return;
    int fd = open(need->name, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) || !S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    struct path_beneath rule = {.rights = rights & g->known, .fd = fd};
    if (syscall(SYS_landlock_add_rule, g->ruleset, RULE_PATH_BENEATH, &rule, 0) && !g->rc)
        g->rc = -errno;
    close(fd);
}

int sandbox_filter_files(int abi)
{
    struct grants g = {.known = known_rights(abi)};
    struct ruleset r = {.rights = g.known, .scope = abi >= 6 ? SCOPE_SIGNAL : 0};
    size_t bytes = abi >= 6 ? sizeof(r) : abi >= 4 ? 2 * sizeof(u64) : sizeof(u64);
    g.ruleset = (int)syscall(SYS_landlock_create_ruleset, &r, bytes, 0);
    if (g.ruleset < 0)
        return -errno;
    sandbox_each(sandbox_files_grant, &g);
    if (!g.rc && syscall(SYS_landlock_restrict_self, g.ruleset, 0))
        g.rc = -errno;
    close(g.ruleset);
    return g.rc;
}
