#include "vpp/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/privilege.h"
#include "vpp/restart.h"

static struct log_class process_log = {.name = "process"};

static int ready_fd = -1; /* to the process that waits for us; -1: none */

/* --- background
 * ----------------------------------------------------------------------------------- */

static NORETURN void wait_for_child(int fd)
{
    char ok = 0;
    ssize_t n;
    while ((n = read(fd, &ok, 1)) < 0 && errno == EINTR)
        ;
    _exit(n == 1 && ok ? 0 : 1);
}

int process_daemonise(const struct startup *s, struct error *e)
{
    int fds[2];
    if (s->unix_.interactive || s->unix_.nodaemon || s->unix_.nosyslog || restart_is_running())
        return 0;
    if (pipe2(fds, O_CLOEXEC))
        return error_errno(e, errno, "pipe");
    pid_t pid = fork();
    if (pid < 0)
        return error_errno(e, errno, "fork");
    if (pid) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    setsid();
    ready_fd = fds[1];
    return 0;
}

/* Sends one assignment to the service manager: systemd's sd_notify(3), which is one datagram. */
static void process_notify(const char *what)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (*path == '@')
        to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (sendto(fd, what, strlen(what), MSG_NOSIGNAL, (struct sockaddr *)&to, len) < 0)
        log_warn(&process_log, "cannot tell the service manager: %s", strerror(errno));
    close(fd);
}

void process_ready(void)
{
    process_notify("READY=1");
    if (ready_fd < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (write(ready_fd, "\1", 1) != 1)
        log_warn(&process_log, "nobody waited for the daemon");
    close(ready_fd);
    ready_fd = -1;
}

void process_stopping(void)
{
    process_notify("STOPPING=1");
}

/* --- folder, group, files, limits
 * ----------------------------------------------------------------- */

static int find_group(const char *name, gid_t *gid, struct error *e)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (*name && !*end && number < UINT32_MAX) {
        *gid = (gid_t)number;
        return 0;
    }
    const struct group *g = getgrnam(name);
    if (!g)
        return error_set(e, ENOENT, "unix_config: group %s does not exist", name);
    *gid = g->gr_gid;
    return 0;
}

/* The folder is for the user and the group that the daemon will be. */
static int give_folder(const struct startup *s, const char *dir, gid_t gid, struct error *e)
{
    uid_t uid = (uid_t)-1;
    int rc = s->unix_.user ? privilege_find_user(s->unix_.user, &uid, NULL, e) : 0;
    if (rc || s->unix_.use_current_dir || (uid == (uid_t)-1 && gid == (gid_t)-1))
        return rc;
    /* in this order: what is another's needs a capability more */
    if ((gid != (gid_t)-1 && chmod(dir, 0775)) || chown(dir, uid, gid))
        log_warn(&process_log, "cannot give %s to user %s and group %s%s: %s", dir,
                 s->unix_.user ? s->unix_.user : "-", s->unix_.gid ? s->unix_.gid : "-",
                 PRIVILEGE_HINT(errno, "CAP_CHOWN"), strerror(errno));
    return 0;
}

static int prepare_folder(const struct startup *s, struct error *e)
{
    const char *dir = startup_runtime_dir(s);
    gid_t gid = (gid_t)-1;
    int rc = file_make_dirs(dir, 0755, e);
    if (!rc && s->unix_.gid)
        rc = find_group(s->unix_.gid, &gid, e);
    if (!rc)
        rc = give_folder(s, dir, gid, e);
    if (rc)
        return rc;
    if (s->unix_.gid && setegid(gid))
        return error_errno(e, errno, "cannot take group %s%s", s->unix_.gid,
                           PRIVILEGE_HINT(errno, "CAP_SETGID"));
    if (s->unix_.gid)
        prctl(PR_SET_DUMPABLE, 1); /* another group makes the kernel withhold core dumps */
    rc = s->unix_.user ? privilege_become(s->unix_.user, gid, e) : 0;
    if (rc)
        return rc;
    return chdir(dir) ? error_errno(e, errno, "cannot use folder %s", dir) : 0;
}

static int limit_core_dumps(const struct startup *s, struct error *e)
{
    if (s->unix_.has_coredump_size) {
        u64 size = s->unix_.coredump_size;
        struct rlimit r = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        if (size != UINT64_MAX)
            r.rlim_cur = r.rlim_max = (rlim_t)size;
        if (setrlimit(RLIMIT_CORE, &r))
            return error_errno(e, errno, "cannot set coredump-size");
    }
    if (s->unix_.full_coredump) {
        /* core(5): all kinds of pages, shared and huge ones too */
        FILE *f = fopen("/proc/self/coredump_filter", "we");
        if (!f || fputs("0x3ff", f) < 0)
            log_warn(&process_log, "cannot set full-coredump: %s", strerror(errno));
        if (f)
            fclose(f);
    }
    return 0;
}

/* Clients and ports are descriptors: as many as the system lets this process have. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r))
        return;
    r.rlim_cur = r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r))
        log_warn(&process_log, "cannot raise the limit of descriptors: %s", strerror(errno));
}

int process_prepare(const struct startup *s, struct error *e)
{
    int rc = prepare_folder(s, e);
    if (!rc)
        rc = limit_core_dumps(s, e);
    raise_descriptor_limit();
    return rc;
}

int process_write_pidfile(const struct startup *s, struct error *e)
{
    char pid[24];
    if (!s->unix_.pidfile)
        return 0;
    int n = snprintf(pid, sizeof(pid), "%d", (int)getpid());
    return file_write_atomic(s->unix_.pidfile, pid, (size_t)n, e);
}

/* --- place
 * ---------------------------------------------------------------------------------------- */

/* The n-th CPU of a set; -1 when it has not as many. */
static int nth_cpu(const cpu_set_t *set, int n)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) && !n--)
            return cpu;
    return -1;
}

int process_schedule(const struct startup *s, struct error *e)
{
    int policy = s->cpu.scheduler_policy;
    struct sched_param param = {0};
    if (policy < 0)
        return 0;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        param.sched_priority = (int)s->cpu.scheduler_priority;
    /* by the system call: musl's function refuses, as a process is not a thread to it */
    if (syscall(SYS_sched_setscheduler, 0, policy, &param))
        return error_errno(e, errno, "cpu_config: cannot set scheduler-policy with priority %d",
                           param.sched_priority);
    return 0;
}

int process_pin(const struct startup *s, struct error *e)
{
    static const struct sched_param normal = {0};
    char name[16];
    if (s->cpu.scheduler_policy >= 0 && syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &normal))
        return error_errno(e, errno, "sched_setscheduler");
    snprintf(name, sizeof(name), "%s_main", s->cpu.thread_prefix);
    prctl(PR_SET_NAME, name);
    if (s->cpu.main_core < 0)
        return 0;
    cpu_set_t set;
    int cpu = s->cpu.main_core;
    if (s->cpu.relative) {
        if (sched_getaffinity(0, sizeof(set), &set))
            return error_errno(e, errno, "sched_getaffinity");
        cpu = nth_cpu(&set, cpu);
    }
    CPU_ZERO(&set);
    if (cpu >= 0 && cpu < CPU_SETSIZE)
        CPU_SET(cpu, &set);
    if (cpu < 0 || sched_setaffinity(0, sizeof(set), &set))
        return error_set(e, EINVAL, "cpu_config: main-core: cpu %d is not available",
                         s->cpu.main_core);
    return 0;
}
