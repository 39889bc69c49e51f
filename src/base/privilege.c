/* capset by hand: libcap would be a library for a few calls. */
#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPS_MOST 64

struct caps {
    struct __user_cap_data_struct word[2];
};

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

static u64 privilege_permitted(const struct caps *c)
{
    return c->word[0].permitted | (u64)c->word[1].permitted << 32;
}

/* --- who we are --- */

int privilege_find_user(const char *name, u32 *uid, u32 *gid, struct error *e)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    const struct passwd *pw = getpwnam(name);
    if (!pw && (!*name || *end || number >= UINT32_MAX))
        return error_set(e, ENOENT, "unix_config: user %s does not exist", name);
    *uid = pw ? pw->pw_uid : (u32)number;
    if (gid)
        *gid = pw ? pw->pw_gid : (u32)number;
    return 0;
}

int privilege_become(const char *user, u32 gid, struct error *e)
{
    u32 uid, own_gid;
    struct caps before;
    int rc = privilege_find_user(user, &uid, &own_gid, e);
    if (rc)
        return rc;
    if (gid == UINT32_MAX)
        gid = own_gid;
    if (uid == geteuid() && uid == getuid())
        return 0;
    rc = caps_get(&before);
    if (rc)
        return error_errno(e, -rc, "cannot read capabilities");
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (setgroups(1, &gid) || setresgid(gid, gid, gid))
        rc = error_errno(e, errno, "cannot take the groups of user %s%s", user,
                         PRIVILEGE_HINT(errno, "CAP_SETGID"));
    else if (setresuid(uid, uid, uid))
        rc = error_errno(e, errno, "cannot become user %s%s", user,
                         PRIVILEGE_HINT(errno, "CAP_SETUID"));
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (!rc && caps_set(&before))
        rc = error_errno(e, errno, "cannot keep capabilities as user %s", user);
    /* another user makes the kernel withhold core dumps, and hide /proc/self from us */
    prctl(PR_SET_DUMPABLE, 1);
    return rc;
}

/* --- what we may --- */

/* What no program that is executed gets; fails without CAP_SETPCAP, and then no_new_privs says it.
 */
static void drop_bounding(u64 keep)
{
    for (u32 cap = 0; cap < CAPS_MOST; cap++)
        if (!(keep & PRIVILEGE_BIT(cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int privilege_drop(u64 keep, u64 at_times, u64 *missing, struct error *e)
{
    struct caps c;
    int rc = caps_get(&c);
    if (rc)
        return error_errno(e, -rc, "cannot read capabilities");
    if (missing)
        *missing = (keep | at_times) & ~privilege_permitted(&c);
    drop_bounding(keep | at_times);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (u32 i = 0; i < 2; i++) {
        c.word[i].permitted &= (u32)((keep | at_times) >> (32 * i));
        c.word[i].effective = c.word[i].permitted & (u32)(keep >> (32 * i));
        c.word[i].inheritable = 0;
    }
    rc = caps_set(&c);
    if (rc)
        return error_errno(e, -rc, "cannot drop capabilities");
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? error_errno(e, errno, "no-new-privileges") : 0;
}

void privilege_keep_over_exec(void)
{
    struct caps c;
    if (caps_get(&c))
        return;
    for (u32 i = 0; i < 2; i++)
        c.word[i].inheritable = c.word[i].permitted;
    if (caps_set(&c))
        return;
    for (u32 cap = 0; cap < CAPS_MOST; cap++)
        if (privilege_permitted(&c) & PRIVILEGE_BIT(cap))
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

static void set_within_reach(enum privilege p, bool on)
{
    static const u64 caps[] = {
        [PRIVILEGE_NAMESPACES] = PRIVILEGE_BIT(CAP_SYS_ADMIN) | PRIVILEGE_BIT(CAP_SYS_PTRACE),
        [PRIVILEGE_XDP] =
            PRIVILEGE_BIT(CAP_BPF) | PRIVILEGE_BIT(CAP_IPC_LOCK) | PRIVILEGE_BIT(CAP_SYS_ADMIN),
    };
    struct caps c;
    if (caps_get(&c))
        return;
    for (u32 i = 0; i < 2; i++) {
        u32 reach = (u32)(caps[p] >> (32 * i));
        if (on)
            c.word[i].effective |= c.word[i].permitted & reach;
        else
            c.word[i].effective &= ~reach;
    }
    caps_set(&c); /* only within what is permitted: cannot fail */
}

void privilege_raise(enum privilege p)
{
    set_within_reach(p, true);
}

void privilege_lower(enum privilege p)
{
    set_within_reach(p, false);
}
