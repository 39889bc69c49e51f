/* Sockets of memif, by number: names that slaves connect to and masters listen on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/log.h"
#include "control/cli.h"
#include "control/listen.h"
#include "control/socket_listener.h"
#include "plugins/memif/memif_internal.h"

#define BACKLOG 64
#define FILENAME_BYTES 108

static struct log_class log_class = {"memif", "socket"};

struct memif_socket *memif_socket_find(const struct memif_state *s, u32 id)
{
    for (u32 i = 0; i < s->sockets.n; i++)
        if (s->sockets.v[i]->id == id)
            return s->sockets.v[i];
    return NULL;
}

static void socket_new(struct memif_state *s, u32 id, char *filename)
{
    struct memif_socket *k = mem_alloc(sizeof(*k));
    u32 at = 0;
    *k = (struct memif_socket){.id = id, .filename = filename, .all = s};
    while (at < s->sockets.n && s->sockets.v[at]->id < id)
        at++;
    vec_add(&s->sockets, k);
    memmove(s->sockets.v + at + 1, s->sockets.v + at,
            (s->sockets.n - 1 - at) * sizeof(s->sockets.v[0]));
    s->sockets.v[at] = k;
}

static void memif_socket_free(struct memif_socket *k)
{
    free(k->filename);
    free(k);
}

/* Folders of a relative name are made in the runtime folder. */
static int make_folder_of(const char *path, struct error *e)
{
    char folder[FILENAME_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    return file_make_dirs(folder, 0755, e);
}

static int socket_address(const struct memif_state *s, const char *filename, char **out,
                          struct error *e)
{
    bool relative = *filename != '/' && strncmp(filename, "abstract:", 9) != 0;
    const struct startup *startup = s->piste->startup; /* NULL in unit tests */
    char *address =
        relative ? mem_printf("%s/%s", startup ? startup_runtime_dir(startup) : "/tmp", filename)
                 : mem_strdup(filename);
    int rc = strlen(address) >= FILENAME_BYTES
                 ? error_set(e, EINVAL, "Invalid argument (socket filename is too long)")
                 : listen_check(address, e);
    if (!rc && relative && make_folder_of(address, e))
        rc = -EACCES;
    if (rc)
        free(address);
    else
        *out = address;
    return rc;
}

static u32 memif_free_id(const struct memif_state *s)
{
    u32 id = 1;
    while (memif_socket_find(s, id))
        id++;
    return id;
}

int memif_socket_add(struct piste *p, u32 *id, const char *filename, struct error *e)
{
    struct memif_state *s = memif_state_of(p);
    char *address;
    if (*id == 0)
        return error_set(e, EINVAL, "Invalid socket id");
    if (!filename || !*filename)
        return error_set(e, EINVAL, "Invalid socket filename");
    int rc = cli_check_word(filename, "socket filename", e);
    if (!rc)
        rc = socket_address(s, filename, &address, e);
    if (rc)
        return rc;
    if (*id == UINT32_MAX)
        *id = memif_free_id(s);
    const struct memif_socket *there = memif_socket_find(s, *id);
    if (!there) {
        socket_new(s, *id, address);
        return 0;
    }
    bool same = !strcmp(there->filename, address);
    free(address);
    return same ? 0 : error_set(e, EEXIST, "Entry already exists (entry already exists)");
}

int memif_socket_del(struct piste *p, u32 id, struct error *e)
{
    struct memif_state *s = memif_state_of(p);
    struct memif_socket *k = memif_socket_find(s, id);
    if (!k)
        return error_set(e, ENOENT, "Invalid argument (socket file with id %u does not exist)", id);
    if (k->n_ports)
        return error_set(e, EBUSY, "Unexpected interface state (socket file '%s' is in use)",
                         k->filename);
    if (!id)
        return error_set(e, EINVAL, "Invalid socket id");
    for (u32 i = 0; i < s->sockets.n; i++)
        if (s->sockets.v[i] == k) {
            vec_del(&s->sockets, i);
            break;
        }
    memif_socket_free(k);
    return 0;
}

static void socket_on_client(void *arg, int fd)
{
    memif_accept(arg, fd);
}

bool memif_socket_waits(const struct memif_socket *k)
{
    return k->n_ports && k->role == MEMIF_MASTER && !k->listener;
}

int memif_socket_listen(struct memif_socket *k, struct error *e)
{
    k->listener = socket_listener_new(k->all->piste->loop, k->filename, SOCK_SEQPACKET, BACKLOG,
                                      &log_class, socket_on_client, k, e);
    return k->listener ? 0 : -EADDRINUSE;
}

int memif_socket_use(struct memif_socket *k, enum memif_role role, bool waits, struct error *e)
{
    struct error why;
    if (k->n_ports && k->role != role)
        return error_set(e, EEXIST,
                         "Subinterface already exists (socket file cannot be used by both master "
                         "and slave)");
    if (role == MEMIF_MASTER && !k->listener && memif_socket_listen(k, &why)) {
        if (!waits)
            return error_set(e, EADDRINUSE, "%s", why.text);
        log_warn(&log_class, "socket %u waits: %s", k->id, why.text);
    }
    k->role = role;
    k->n_ports++;
    return 0;
}

void memif_socket_unuse(struct memif_socket *k)
{
    if (--k->n_ports)
        return;
    memif_close_pending(k);
    socket_listener_free(k->listener);
    k->listener = NULL;
}

int memif_sockets_init(struct memif_state *s, struct error *e)
{
    char *address;
    int rc = socket_address(s, "memif.sock", &address, e);
    if (!rc)
        socket_new(s, 0, address);
    return rc;
}

void memif_sockets_fini(struct memif_state *s)
{
    for (u32 i = 0; i < s->sockets.n; i++)
        memif_socket_free(s->sockets.v[i]);
    vec_free(&s->sockets);
}
