#include "base/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/privilege.h"
#include "base/vec.h"

/* The process's own, as its capabilities are. */
static struct {
    VEC(struct need) needs;
    struct sandbox_state state;
} sandbox;

void sandbox_add(const struct need *table)
{
    for (; table && table->kind; table++)
        vec_add(&sandbox.needs, *table);
}

void sandbox_add_path(enum need_kind kind, const char *path, const char *why)
{
    char folder[PATH_MAX];
    struct need n = {.kind = kind, .why = why};
    if (*path == '/')
        n.name = mem_strdup(path);
    else if (getcwd(folder, sizeof(folder)))
        n.name = mem_printf("%s/%s", folder, path);
    else
        return;
    for (u32 i = 0; i < sandbox.needs.n; i++)
        if (sandbox.needs.v[i].kind == kind && !strcmp(sandbox.needs.v[i].name, n.name)) {
            free((char *)(uintptr_t)n.name);
            return;
        }
    vec_add(&sandbox.needs, n);
}

void sandbox_each(void (*fn)(const struct need *need, void *arg), void *arg)
{
    for (u32 i = 0; i < sandbox.needs.n; i++)
        fn(&sandbox.needs.v[i], arg);
}

u64 sandbox_caps(enum need_kind kind)
{
    u64 caps = 0;
    for (u32 i = 0; i < sandbox.needs.n; i++)
        if (sandbox.needs.v[i].kind == kind)
            caps |= PRIVILEGE_BIT(sandbox.needs.v[i].number);
    return caps;
}

int sandbox_enter(struct error *e)
{
    struct sandbox_state *s = &sandbox.state;
    if (s->calls || s->files)
        return 0;
    s->landlock_abi = sandbox_landlock_abi();
    /* files first: afterwards nobody needs the calls that do it */
    int rc = s->landlock_abi ? sandbox_filter_files(s->landlock_abi) : -EOPNOTSUPP;
    if (rc && rc != -EOPNOTSUPP)
        return error_errno(e, -rc, "sandbox: landlock");
    s->files = !rc;
    s->no_files = rc ? "this kernel has no Landlock" : NULL;
    rc = sandbox_filter_calls();
    if (rc && rc != -EOPNOTSUPP && rc != -EINVAL)
        return error_errno(e, -rc, "sandbox: seccomp");
    s->calls = !rc;
    s->no_calls = rc ? "this kernel has no seccomp filters" : NULL;
    return 0;
}

struct sandbox_state sandbox_state(void)
{
    return sandbox.state;
}

void sandbox_inherited(bool calls, bool files)
{
    sandbox.state = (struct sandbox_state){.calls = calls, .files = files};
    sandbox.state.no_calls = sandbox.state.no_files = "as before the restart";
}
