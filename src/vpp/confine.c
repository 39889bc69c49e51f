#include "vpp/confine.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/privilege.h"
#include "base/sandbox.h"
#include "control/module.h"
#include "control/socket_listener.h"
#include "control/startup.h"
#include "vpp/restart.h"

static struct log_class confine_log = {.name = "sandbox"};

/* --- what is needed --- */

static void add_module(const struct module *m, const char *file, void *arg)
{
    sandbox_add(m->system);
}

/* path may be NULL. The root folder would be everything: a file there is none for the sandbox. */
static void add_folder_of(enum need_kind kind, const char *path, const char *why)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!path || slash == path)
        return;
    char *folder = slash ? mem_printf("%.*s", (int)(slash - path), path) : mem_strdup(".");
    sandbox_add_path(kind, folder, why);
    free(folder);
}

static void add_socket(const struct startup *s, const char *name, const char *otherwise)
{
    char *address = socket_listener_address(s, name, otherwise);
    if (*address == '/')
        add_folder_of(NEED_WRITE, address, "sockets");
    free(address);
}

static void add_plugins(const struct startup *s)
{
    char *path = plugin_path(&s->plugins), *save = NULL;
    for (char *folder = strtok_r(path, ":", &save); folder; folder = strtok_r(NULL, ":", &save))
        sandbox_add_path(NEED_READ, folder, "plugins");
    free(path);
}

/* musl's /lib/ld-musl-ARCH.so.1 reads in /etc/ld-musl-ARCH.path where libraries are, if it is
 * there.
 */
static void add_musl_path(const char *linker)
{
    const char *name = strrchr(linker, '/'), *end = strstr(linker, ".so.");
    if (!end || strncmp(name, "/ld-musl-", 9) != 0)
        return;
    char *path = mem_printf("/etc%.*s.path", (int)(end - name), name);
    sandbox_add_path(NEED_READ, path, "libraries");
    free(path);
}

/* What `restart' executes: the program, the linker that the kernel starts with it, and where the
 * libraries are that it finds. */
static int add_object(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP) {
            const char *linker = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            sandbox_add_path(NEED_EXECUTE, linker, "`restart'");
            add_musl_path(linker);
        }
    if (info->dlpi_name && *info->dlpi_name == '/')
        add_folder_of(NEED_READ, info->dlpi_name, "libraries");
    return 0;
}

static void add_program(void)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n > 0) {
        program[n] = 0;
        sandbox_add_path(NEED_EXECUTE, program, "`restart'");
        add_folder_of(NEED_READ, program, "the program");
    }
    dl_iterate_phdr(add_object, NULL);
}

static void add_paths(const struct startup *s)
{
    add_program();
    add_plugins(s);
    sandbox_add_path(NEED_WRITE, startup_runtime_dir(s), "runtime folder");
    add_folder_of(NEED_WRITE, s->unix_.running_config, "running config");
    add_folder_of(s->unix_.running_config ? NEED_READ : NEED_WRITE, s->unix_.startup_config,
                  "startup-config");
    if (s->source && *s->source == '/')
        add_folder_of(NEED_READ, s->source, "startup.conf");
    if (s->unix_.log)
        sandbox_add_path(NEED_WRITE, s->unix_.log, "unix { log }");
    if (s->unix_.cli_listen && *s->unix_.cli_listen == '/')
        add_folder_of(NEED_WRITE, s->unix_.cli_listen, "sockets");
    add_socket(s, s->socksvr.socket_name, "api.sock");
    add_socket(s, s->statseg.socket_name, "stats.sock");
    for (u32 i = 0; i < s->unix_.sandbox_read.n; i++)
        sandbox_add_path(NEED_READ, s->unix_.sandbox_read.v[i], "unix { sandbox-read }");
    for (u32 i = 0; i < s->unix_.sandbox_write.n; i++)
        sandbox_add_path(NEED_WRITE, s->unix_.sandbox_write.v[i], "unix { sandbox-write }");
}

/* --- giving up the rest --- */

static void tell_missing(const struct need *need, void *arg)
{
    u64 missing = *(const u64 *)arg;
    if ((need->kind == NEED_CAP || need->kind == NEED_CAP_AT_TIMES) &&
        (missing & PRIVILEGE_BIT(need->number)))
        log_notice(&confine_log, "the capability %s is missing, which is for %s", need->name,
                   need->why);
}

static void tell_state(void)
{
    struct sandbox_state s = sandbox_state();
    if (!s.calls)
        log_warn(&confine_log, "system calls are not filtered: %s", s.no_calls);
    if (!s.files)
        log_warn(&confine_log, "files are not confined: %s", s.no_files);
}

int confine_process(struct piste *p, struct error *e)
{
    u64 missing = 0;
    sandbox_add(sandbox_core_needs);
    modules_each(p->modules, add_module, NULL);
    add_paths(p->startup);
    int rc = privilege_drop(sandbox_caps(NEED_CAP), sandbox_caps(NEED_CAP_AT_TIMES), &missing, e);
    if (rc)
        return rc;
    sandbox_each(tell_missing, &missing);
    bool calls, files;
    restart_sandbox(&calls, &files);
    if (calls || files)
        sandbox_inherited(calls, files); /* there is no way out */
    else if (p->startup->unix_.sandbox)
        rc = sandbox_enter(e);
    if (!rc && p->startup->unix_.sandbox)
        tell_state();
    return rc;
}
