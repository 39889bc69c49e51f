/* Listening sockets of the command line, `unix { cli-listen ADDRESS }'. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/cli_session.h"
#include "control/socket_listener.h"

enum { BACKLOG = 128 };

struct cli_listener {
    struct cli *cli;
    struct socket_listener *sockets;
};

static char *session_name(struct cli_listener *l, int fd)
{
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof(peer);
    char ip[INET_ADDRSTRLEN] = "";
    if (socket_listener_is_unix(l->sockets))
        return mem_printf("unix-cli-local:%u", cli_sessions_get(l->cli)->names++);
    getpeername(fd, (struct sockaddr *)&peer, &len); /* who has left has no address */
    inet_ntop(AF_INET, &peer.sin_addr, ip, sizeof(ip));
    return mem_printf("unix-cli-%s:%u", ip, ntohs(peer.sin_port));
}

static void cli_listen_on_client(void *arg, int fd)
{
    struct cli_listener *l = arg;
    struct error e;
    char *name = session_name(l, fd);
    struct cli_session *s = cli_session_new(l->cli, fd, fd, name, &e);
    if (!s) {
        log_error(&cli_log, "cannot begin a session: %s", e.text);
        close(fd);
        free(name);
        return;
    }
    cli_session_begin(s);
}

void cli_listener_free(struct cli_listener *l)
{
    socket_listener_free(l->sockets);
    free(l);
}

void cli_serve(struct cli *cli, bool on)
{
    struct cli_sessions *ss = cli_sessions_get(cli);
    for (u32 i = 0; i < ss->listeners.n; i++)
        socket_listener_serve(ss->listeners.v[i]->sockets, on);
}

int cli_listen(struct cli *cli, const char *address, struct error *e)
{
    struct cli_listener *l = mem_alloc(sizeof(*l));
    l->cli = cli;
    l->sockets = socket_listener_new(cli->piste->loop, address, SOCK_STREAM, BACKLOG, &cli_log,
                                     cli_listen_on_client, l, e);
    if (!l->sockets) {
        free(l);
        error_prefix(e, "cli-listen");
        return -e->code;
    }
    vec_add(&cli_sessions_get(cli)->listeners, l);
    return 0;
}
