/* capset by hand: libcap would be a library for three calls. */
#include "base/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/capability.h of old kernels does not have it. */
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

struct caps {
    struct __user_cap_data_struct word[2];
};

#define CAP_BIT(cap) (1ull << (cap))

/* In effect all the time. Sockets of other users' programs (vhost-user, memif) are reached with
 * DAC_OVERRIDE; created ones are given to a group with CHOWN and FOWNER. */
#define KEEP                                                                                       \
    (CAP_BIT(CAP_NET_ADMIN) | CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_NET_BIND_SERVICE) |               \
     CAP_BIT(CAP_BPF) | CAP_BIT(CAP_IPC_LOCK) | CAP_BIT(CAP_SYS_NICE) |                            \
     CAP_BIT(CAP_SYS_RESOURCE) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_CHOWN) |                  \
     CAP_BIT(CAP_FOWNER))
#define WITHIN_REACH (CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_SYS_PTRACE))

static int caps_get(struct caps *c)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &h, c->word) ? -errno : 0;
}

static int caps_set(const struct caps *c)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capset, &h, c->word) ? -errno : 0;
}

int privilege_drop(struct error *e)
{
    struct caps c;
    int rc = caps_get(&c);
    for (u32 i = 0; i < 2 && !rc; i++) {
        u32 keep = (u32)(KEEP >> (32 * i)), reach = (u32)(WITHIN_REACH >> (32 * i));
        c.word[i].permitted &= keep | reach;
        c.word[i].effective = c.word[i].permitted & keep;
        c.word[i].inheritable = 0;
    }
    if (!rc)
        rc = caps_set(&c);
    return rc ? error_errno(e, -rc, "cannot drop capabilities") : 0;
}

static void set_within_reach(bool on)
{
    struct caps c;
    if (caps_get(&c))
        return;
    for (u32 i = 0; i < 2; i++) {
        u32 reach = (u32)(WITHIN_REACH >> (32 * i));
        if (on)
            c.word[i].effective |= c.word[i].permitted & reach;
        else
            c.word[i].effective &= ~reach;
    }
    caps_set(&c); /* only within what is permitted: cannot fail */
}

void privilege_raise(enum privilege p)
{
    set_within_reach(true);
}

void privilege_lower(enum privilege p)
{
    set_within_reach(false);
}
