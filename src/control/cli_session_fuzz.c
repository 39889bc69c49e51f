/* A session fed with anything: telnet, keys, texts. The input goes in in pieces whose sizes it says
 * itself. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/cli_session.h"
#include "control/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_lines(struct cli_call *c)
{
    for (u64 i = 0; i < cli_u64(c, "n", 0); i++)
        out_text(c->out, "line %u\n", (unsigned)i);
    return 0;
}

static int run_pend(struct cli_call *c)
{
    cli_pend(c, NULL, NULL);
    return CLI_PENDING;
}

static const struct cli_command commands[] = {
    {"lines <n:u8>", "", run_lines, 0},
    {"show lines <n:u8>", "", run_lines, 0},
    {"pend", "", run_pend, 0},
    {NULL, NULL, NULL, 0},
};

static void drain(struct piste *piste, int fd)
{
    char buf[65536];
    loop_once(piste->loop, 0);
    while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        loop_once(piste->loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct piste piste;
    struct error e;
    int fds[2];
    if (!piste.loop) {
        piste.loop = loop_new(&e);
        piste.cli = cli_new(&piste);
        cli_add_commands(piste.cli, commands);
    }
    if (size < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    cli_set_line_mode(piste.cli, data[0] == 1);
    size_t piece = data[1] ? data[1] : 1;
    struct cli_session *s = cli_session_new(piste.cli, fds[0], fds[0], mem_strdup("fuzz"), &e);
    if (!s)
        return 0;
    cli_session_begin(s);
    for (size_t at = 2; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        if (send(fds[1], data + at, n, MSG_NOSIGNAL) < 0)
            break;
        drain(&piste, fds[1]);
    }
    close(fds[1]);
    for (int i = 0; i < 10 && piste.cli->sessions->v.n; i++)
        loop_once(piste.loop, 0);
    return 0;
}
