#include "control/listen.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privilege.h"
#include "control/cli_internal.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
    } sa;
    socklen_t len;
    char netns[64]; /* file of the namespace, "" for ours */
};

/* --- addresses --- */

static int bad_address(const char *rest, struct error *e)
{
    struct text t = {0};
    cli_rest(&t, rest);
    int rc = error_set(e, EINVAL, "unknown input `%s'", text_str(&t));
    text_free(&t);
    return rc;
}

static int parse_path(const char *path, struct address *a, struct error *e)
{
    for (const char *p = path; *p; p++)
        if (!isalnum((u8)*p) && !strchr("/-._", *p))
            return bad_address(p, e);
    if (strlen(path) >= sizeof(a->sa.un.sun_path))
        return error_set(e, ENAMETOOLONG, "socket path is too long: `%s'", path);
    a->sa.un.sun_family = AF_UNIX;
    strcpy(a->sa.un.sun_path, path);
    a->len = sizeof(a->sa.un);
    return 0;
}

static int parse_abstract(const char *s, struct address *a, struct error *e)
{
    size_t n = strcspn(s, ",");
    const char *option = s[n] ? s + n + 1 : NULL;
    if (n == 0 || n + 1 > sizeof(a->sa.un.sun_path))
        return bad_address(s, e);
    a->sa.un.sun_family = AF_UNIX;
    memcpy(a->sa.un.sun_path + 1, s, n);
    a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    if (!option)
        return 0;
    int len;
    if (strncmp(option, "netns_name=", 11) == 0 && option[11] && !strchr(option + 11, '/'))
        len = snprintf(a->netns, sizeof(a->netns), "/var/run/netns/%s", option + 11);
    else if (strncmp(option, "netns_pid=", 10) == 0 && option[10] &&
             !option[10 + strspn(option + 10, "0123456789")])
        len = snprintf(a->netns, sizeof(a->netns), "/proc/%s/ns/net", option + 10);
    else
        return bad_address(option, e);
    return len < (int)sizeof(a->netns) ? 0 : bad_address(option, e);
}

static int parse_tcp(const char *s, struct address *a, struct error *e)
{
    char host[256];
    size_t n = 0;
    while (isalnum((u8)s[n]) || s[n] == '-' || s[n] == '.')
        n++;
    if (n == 0 || n >= sizeof(host) || (s[n] && s[n] != ':'))
        return bad_address(s + n, e);
    memcpy(host, s, n);
    host[n] = '\0';
    unsigned long port = 0;
    if (s[n] == ':') {
        const char *digits = s + n + 1;
        char *end;
        port = isdigit((u8)*digits) ? strtoul(digits, &end, 10) : 0;
        if (port < 1 || port > 65535 || *end)
            return bad_address(digits, e);
    }
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc)
        return error_set(e, EADDRNOTAVAIL, "host `%s': %s", host, gai_strerror(rc));
    memcpy(&a->sa.in, found->ai_addr, sizeof(a->sa.in));
    freeaddrinfo(found);
    a->sa.in.sin_port = htons((u16)port);
    a->len = sizeof(a->sa.in);
    return 0;
}

static int listen_parse_address(const char *s, struct address *a, struct error *e)
{
    memset(a, 0, sizeof(*a));
    if (*s == '/')
        return parse_path(s, a, e);
    if (strncmp(s, "abstract:", 9) == 0)
        return parse_abstract(s + 9, a, e);
    return parse_tcp(strncmp(s, "tcp:", 4) == 0 ? s + 4 : s, a, e);
}

/* --- sockets --- */

/* A socket that nobody listens on any more is taken away; anything else at that place is an error.
 */
static int clear_path(const struct address *a, int type, struct error *e)
{
    const char *path = a->sa.un.sun_path;
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(e, errno, "`%s'", path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(e, EEXIST, "File '%s' already exists", path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(e, errno, "socket");
    int rc = connect(fd, &a->sa.any, a->len) < 0 ? errno : 0;
    close(fd);
    if (rc != ECONNREFUSED)
        return error_set(e, EADDRINUSE, "Active listener on '%s'", path);
    return unlink(path) < 0 ? error_errno(e, errno, "unlink `%s'", path) : 0;
}

/* Folders below /run are made: they are lost at each boot. */
static int make_folder(const char *path, struct error *e)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    if (strncmp(path, "/run/", 5) != 0)
        return 0;
    strcpy(folder, path);
    for (char *p = folder + 5; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return error_errno(e, errno, "mkdir `%s'", folder);
    }
    return 0;
}

/* A socket in the namespace whose file is given; the thread comes back to its own. */
static int socket_in(const char *netns, int family, int type, struct error *e)
{
    type |= SOCK_CLOEXEC | SOCK_NONBLOCK;
    int home = -1, there = -1, fd = -1;
    if (!*netns) {
        fd = socket(family, type, 0);
        return fd < 0 ? error_errno(e, errno, "socket") : fd;
    }
    home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    privilege_raise(PRIVILEGE_NAMESPACES);
    there = open(netns, O_RDONLY | O_CLOEXEC);
    if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0) {
        fd = error_errno(e, errno, "network namespace `%s'", netns);
    } else {
        fd = socket(family, type, 0);
        if (fd < 0)
            fd = error_errno(e, errno, "socket");
        if (setns(home, CLONE_NEWNET) < 0)
            panic("cannot go back to the own network namespace: %s", strerror(errno));
    }
    privilege_lower(PRIVILEGE_NAMESPACES);
    if (home >= 0)
        close(home);
    if (there >= 0)
        close(there);
    return fd;
}

static int bind_path(int fd, const struct address *a, struct error *e)
{
    const char *path = a->sa.un.sun_path;
    struct stat st;
    if (bind(fd, &a->sa.any, a->len) < 0)
        return error_errno(e, errno, "bind `%s'", path);
    if (stat(path, &st) < 0 || chmod(path, (st.st_mode & 0775) | S_IWGRP) < 0)
        return error_errno(e, errno, "chmod `%s'", path);
    return 0;
}

static int open_listener(const struct address *a, int type, int backlog, struct error *e)
{
    bool is_path = a->sa.any.sa_family == AF_UNIX && a->sa.un.sun_path[0];
    int rc, on = 1;
    if (is_path && ((rc = make_folder(a->sa.un.sun_path, e)) || (rc = clear_path(a, type, e))))
        return rc;
    int fd = socket_in(a->netns, a->sa.any.sa_family, type, e);
    if (fd < 0)
        return fd;
    if (a->sa.any.sa_family == AF_INET)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (is_path)
        rc = bind_path(fd, a, e);
    else
        rc = bind(fd, &a->sa.any, a->len) < 0 ? error_errno(e, errno, "bind") : 0;
    if (rc == 0 && type != SOCK_DGRAM && listen(fd, backlog) < 0)
        rc = error_errno(e, errno, "listen");
    if (rc) {
        close(fd);
        return rc;
    }
    return fd;
}

int listen_open(const char *address, int type, int backlog, bool *local, struct error *e)
{
    struct address a;
    int rc = listen_parse_address(address, &a, e);
    if (rc)
        return rc;
    *local = a.sa.any.sa_family == AF_UNIX;
    return open_listener(&a, type, backlog, e);
}

int listen_check(const char *address, struct error *e)
{
    struct address a;
    return listen_parse_address(address, &a, e);
}

int listen_connect(const char *address, int type, struct error *e)
{
    struct address a;
    int rc = listen_parse_address(address, &a, e);
    if (!rc && a.sa.any.sa_family != AF_UNIX)
        rc = error_set(e, EINVAL, "`%s' is no unix socket", address);
    int fd = rc ? rc : socket_in(a.netns, AF_UNIX, type, e);
    if (fd >= 0 && connect(fd, &a.sa.any, a.len) < 0) {
        /* not error_errno: who waits for a peer tries again and again */
        rc = error_set(e, errno, "connect `%s': %s", address, strerror(errno));
        close(fd);
        return rc;
    }
    return fd;
}

/* --- who may use them --- */

static int find_uid(const char *name, uid_t *uid, struct error *e)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    const struct passwd *pw = *end ? getpwnam(name) : NULL;
    if (*end && !pw)
        return error_set(e, EINVAL, "api-segment: no user `%s'", name);
    *uid = pw ? pw->pw_uid : (uid_t)number;
    return 0;
}

static int find_gid(const char *name, gid_t *gid, struct error *e)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    const struct group *gr = *end ? getgrnam(name) : NULL;
    if (*end && !gr)
        return error_set(e, EINVAL, "api-segment: no group `%s'", name);
    *gid = gr ? gr->gr_gid : (gid_t)number;
    return 0;
}

int listen_give(const char *address, const struct startup *st, struct error *e)
{
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    int rc = 0;
    if (st->api_segment.uid)
        rc = find_uid(st->api_segment.uid, &uid, e);
    if (!rc && st->api_segment.gid)
        rc = find_gid(st->api_segment.gid, &gid, e);
    if (rc || *address != '/' || (uid == (uid_t)-1 && gid == (gid_t)-1))
        return rc;
    return chown(address, uid, gid) < 0 ? error_errno(e, errno, "chown `%s'", address) : 0;
}
