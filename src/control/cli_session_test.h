/* Sessions over a real socket, for tests of this folder: a server with some commands, and a client
 * that says and expects bytes. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/cli.h"
#include "control/cli_session.h"
#include "control/loop.h"

static struct piste piste;
static char socket_path[64];

#define TTYPE_VPPCTL "\xff\xfa\x18\0vppctl\xff\xf0"
#define TTYPE_DUMB "\xff\xfa\x18\0dumb\xff\xf0"
#define TTYPE_XTERM "\xff\xfa\x18\0xterm\xff\xf0"
#define VERSION "vpp v26.06\r\n"

/* --- commands --- */

static inline int run_version(struct cli_call *c)
{
    out_text(c->out, "vpp v26.06\n");
    return 0;
}

static inline int run_lines(struct cli_call *c)
{
    for (u64 i = 1; i <= cli_u64(c, "n", 0); i++)
        out_text(c->out, "line %u\n", (unsigned)i);
    return 0;
}

static inline int run_big(struct cli_call *c)
{
    for (u64 i = 0; i < cli_u64(c, "kilobytes", 0); i++)
        out_text(c->out, "%1023s\n", "x");
    return 0;
}

/* A piece at a time, as much as the reader takes. */
static struct {
    u32 pieces, most; /* made; of them in one round of the loop */
} pour;

static inline int run_pour(struct cli_call *c)
{
    pour.pieces++;
    out_text(c->out, "%65535s\n", "x");
    return pour.pieces < cli_u64(c, "pieces", 0) ? CLI_MORE : 0;
}

/* Takes its time, and says little. */
static inline int run_slow(struct cli_call *c)
{
    u64 end_ns = clock_ns() + NS_PER_MSEC;
    while (clock_ns() < end_ns)
        ;
    pour.pieces++;
    return 0;
}

/* Talks until it is canceled. */
static struct {
    struct cli_call *call;
    struct loop_timer *timer;
    u64 canceled, said;
} ping;

static inline void ping_cancel(void *arg)
{
    ping.canceled++;
    loop_timer_del(piste.loop, ping.timer);
    ping.timer = NULL;
}

static inline void ping_tick(void *arg)
{
    out_text(ping.call->out, "pong %*s\n", (int)(uintptr_t)arg, "");
    ping.said += (uintptr_t)arg;
    cli_flush(ping.call);
}

static inline int run_ping(struct cli_call *c)
{
    void *size = (void *)(uintptr_t)cli_u64(c, "size", 0);
    ping.call = c;
    ping.said = 0;
    ping.timer = loop_timer_add(piste.loop, clock_ns(), NS_PER_MSEC, ping_tick, size);
    cli_pend(c, ping_cancel, NULL);
    return CLI_PENDING;
}

/* It takes its time before it talks: more than a session has for its input. */
static inline int run_slow_ping(struct cli_call *c)
{
    for (u32 i = 0; i < 10; i++)
        run_slow(c);
    return run_ping(c);
}

static const struct cli_command commands[] = {
    {"show version [verbose] [cmdline]", "Show the version", run_version, 0},
    {"show inacl", "", run_version, 0},
    {"show init-function", "", run_version, 0},
    {"show interface", "", run_version, 0},
    {"lines <n:u32>", "", run_lines, 0},
    {"big <kilobytes:u32>", "", run_big, 0},
    {"ping [size <size:u32>]", "", run_ping, 0},
    {"pour <pieces:u32>", "", run_pour, 0},
    {"slow", "", run_slow, 0},
    {"slow ping", "", run_slow_ping, 0},
    {NULL, NULL, NULL, 0},
};

static inline int setup(void **state)
{
    struct error e;
    static u32 n;
    memset(&ping, 0, sizeof(ping));
    piste.loop = loop_new(&e);
    piste.cli = cli_new(&piste);
    cli_add_commands(piste.cli, commands);
    snprintf(socket_path, sizeof(socket_path), "/tmp/piste-cli-%d-%u.sock", (int)getpid(), n++);
    if (cli_listen(piste.cli, socket_path, &e))
        fail_msg("%s", e.text);
    return 0;
}

static inline int teardown(void **state)
{
    cli_free(piste.cli);
    loop_free(piste.loop);
    unlink(socket_path);
    return 0;
}

/* --- a client --- */

struct client {
    int fd;
    struct text got;
    bool eof;
};

static inline struct client connect_client(void)
{
    struct client c = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return c;
}

static inline void pump(struct client *c)
{
    char buf[65536];
    loop_once(piste.loop, 5);
    ssize_t n = read(c->fd, buf, sizeof(buf));
    if (n > 0)
        text_putn(&c->got, buf, (size_t)n);
    c->eof |= n == 0;
}

static inline void send_bytes(struct client *c, const char *p, size_t n)
{
    u64 end_ns = clock_ns() + 5 * NS_PER_SEC;
    while (n && clock_ns() < end_ns) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return;
        }
        pump(c);
    }
}

#define send_literal(c, s) send_bytes((c), (s), sizeof(s) - 1)

/* Waits until exactly these bytes have come; forgets them. */
static inline void expect_bytes(struct client *c, const char *want, size_t n)
{
    u64 end_ns = clock_ns() + 3 * NS_PER_SEC;
    while (c->got.len < n && !c->eof && clock_ns() < end_ns)
        pump(c);
    pump(c); /* nothing more may follow */
    if (c->got.len != n || memcmp(text_str(&c->got), want, n) != 0) {
        struct text shown = {0};
        for (size_t i = 0; i < c->got.len; i++) {
            u8 b = (u8)c->got.s[i];
            text_add(&shown, b >= ' ' && b < 0x7f ? "%c" : "\\x%02x", b);
        }
        fail_msg("got `%s', not `%s'", text_str(&shown), want);
    }
    text_clear(&c->got);
}

#define expect(c, s) expect_bytes((c), (s), sizeof(s) - 1)

/* Waits for the end, whatever comes before it. */
static inline void expect_end(struct client *c)
{
    u64 end_ns = clock_ns() + 3 * NS_PER_SEC;
    while (!c->eof && clock_ns() < end_ns)
        pump(c);
    assert_true(c->eof);
}

static inline void expect_eof(struct client *c)
{
    expect_end(c);
    expect(c, "");
}

static inline void expect_greeting(struct client *c)
{
    expect(c, "\xff\xfc\x22\xff\xfe\x22\xff\xfb\x03\xff\xfd\x03\xff\xfb\x01\xff\xfe\x01"
              "\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\xff\xfd\x1f\xff\xfa\x1f\x01\xff\xf0");
}

static inline void close_client(struct client *c)
{
    close(c->fd);
    text_free(&c->got);
    for (int i = 0; i < 5; i++)
        loop_once(piste.loop, 1);
}

static inline struct client program_client(void)
{
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_VPPCTL);
    return c;
}

/* Without banner, so that what follows is short. */
static inline struct client user_client(void)
{
    cli_set_banner(piste.cli, false);
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_DUMB);
    expect(&c, "vpp# ");
    return c;
}

static inline u32 session_count(void)
{
    return piste.cli->sessions ? piste.cli->sessions->v.n : 0;
}
