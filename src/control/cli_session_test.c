/* Sessions over a real socket: the exchanges of VPP's CLI socket byte for byte, keys, pager,
 * commands that take time, and peers that do not behave. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static int run_version(struct cli_call *c)
{
    out_text(c->out, "vpp v26.06\n");
    return 0;
}

static int run_lines(struct cli_call *c)
{
    for (u64 i = 1; i <= cli_u64(c, "n", 0); i++)
        out_text(c->out, "line %u\n", (unsigned)i);
    return 0;
}

static int run_big(struct cli_call *c)
{
    for (u64 i = 0; i < cli_u64(c, "kilobytes", 0); i++)
        out_text(c->out, "%1023s\n", "x");
    return 0;
}

/* A piece at a time, as much as the reader takes. */
static struct {
    u32 pieces, most; /* made; of them in one round of the loop */
} pour;

static int run_pour(struct cli_call *c)
{
    pour.pieces++;
    out_text(c->out, "%65535s\n", "x");
    return pour.pieces < cli_u64(c, "pieces", 0) ? CLI_MORE : 0;
}

/* Takes its time, and says little. */
static int run_slow(struct cli_call *c)
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

static void ping_cancel(void *arg)
{
    ping.canceled++;
    loop_timer_del(piste.loop, ping.timer);
    ping.timer = NULL;
}

static void ping_tick(void *arg)
{
    out_text(ping.call->out, "pong %*s\n", (int)(uintptr_t)arg, "");
    ping.said += (uintptr_t)arg;
    cli_flush(ping.call);
}

static int run_ping(struct cli_call *c)
{
    void *size = (void *)(uintptr_t)cli_u64(c, "size", 0);
    ping.call = c;
    ping.said = 0;
    ping.timer = loop_timer_add(piste.loop, clock_ns(), NS_PER_MSEC, ping_tick, size);
    cli_pend(c, ping_cancel, NULL);
    return CLI_PENDING;
}

/* It takes its time before it talks: more than a session has for its input. */
static int run_slow_ping(struct cli_call *c)
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

static int setup(void **state)
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

static int teardown(void **state)
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

static struct client connect_client(void)
{
    struct client c = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return c;
}

static void pump(struct client *c)
{
    char buf[65536];
    loop_once(piste.loop, 5);
    ssize_t n = read(c->fd, buf, sizeof(buf));
    if (n > 0)
        text_putn(&c->got, buf, (size_t)n);
    c->eof |= n == 0;
}

static void send_bytes(struct client *c, const char *p, size_t n)
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
static void expect_bytes(struct client *c, const char *want, size_t n)
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
static void expect_end(struct client *c)
{
    u64 end_ns = clock_ns() + 3 * NS_PER_SEC;
    while (!c->eof && clock_ns() < end_ns)
        pump(c);
    assert_true(c->eof);
}

static void expect_eof(struct client *c)
{
    expect_end(c);
    expect(c, "");
}

static void expect_greeting(struct client *c)
{
    expect(c, "\xff\xfc\x22\xff\xfe\x22\xff\xfb\x03\xff\xfd\x03\xff\xfb\x01\xff\xfe\x01"
              "\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\xff\xfd\x1f\xff\xfa\x1f\x01\xff\xf0");
}

static void close_client(struct client *c)
{
    close(c->fd);
    text_free(&c->got);
    for (int i = 0; i < 5; i++)
        loop_once(piste.loop, 1);
}

static struct client program_client(void)
{
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_VPPCTL);
    return c;
}

/* Without banner, so that what follows is short. */
static struct client user_client(void)
{
    cli_set_banner(piste.cli, false);
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_DUMB);
    expect(&c, "vpp# ");
    return c;
}

static u32 session_count(void)
{
    return piste.cli->sessions ? piste.cli->sessions->v.n : 0;
}

/* --- programs --- */

static void program_exchange(void **state)
{
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_VPPCTL);
    expect(&c, "");
    send_literal(&c, "show version\n\0");
    expect(&c, VERSION "\0");
    send_literal(&c, "show version\nshow inacl\n");
    expect(&c, VERSION VERSION "\0");
    send_literal(&c, "foo\nshow clock\n");
    expect(&c, "unknown input `foo\\nshow clock'\r\n\0");
    send_literal(&c, "\n");
    expect(&c, "\0");
    send_literal(&c, "show version ?\n");
    expect(&c, "  show version                             show version [verbose] [cmdline]\r\n\0");
    send_literal(&c, "history\n");
    expect(&c, "history: invalid for non-interactive sessions\r\n\0");
    send_literal(&c, "set terminal pager off\n");
    expect(&c, "set terminal pager: invalid for non-interactive sessions\r\n\0");
    send_literal(&c, "show version\n\0show version\n");
    expect(&c, VERSION "\0");
    send_literal(&c, "show version"); /* no newline: the chunk ends the text */
    expect(&c, VERSION "\0");
    send_literal(&c, "quit\n");
    expect(&c, "\0");
    expect_eof(&c);
    close_client(&c);
    assert_int_equal(session_count(), 0);
}

static void command_with_terminal_type(void **state)
{
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_VPPCTL "show version\n\0");
    expect(&c, VERSION "\0");
    close_client(&c);
}

static void greeting_comes_in_pieces(void **state)
{
    struct client c = connect_client();
    expect_greeting(&c);
    for (size_t i = 0; i < sizeof(TTYPE_VPPCTL) - 1; i++)
        send_bytes(&c, &TTYPE_VPPCTL[i], 1);
    send_literal(&c, "show version\n");
    expect(&c, VERSION "\0");
    close_client(&c);
}

static void long_text_in_pieces(void **state)
{
    struct client c = program_client();
    struct text t = {0};
    text_puts(&t, "echo ");
    text_repeat(&t, 'x', 20000);
    text_puts(&t, "\n");
    send_bytes(&c, t.s, t.len);
    memmove(t.s, t.s + 5, t.len - 5);
    t.len -= 6;
    text_putn(&t, "\r\n", 3);
    expect_bytes(&c, t.s, t.len);
    text_free(&t);
    close_client(&c);
}

static void failures_are_marked_on_request(void **state)
{
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, "\xff\xfd\xc8" TTYPE_VPPCTL);
    expect(&c, "\xff\xfb\xc8");
    send_literal(&c, "foo\n\0");
    expect(&c, "unknown input `foo'\r\n\1\0");
    send_literal(&c, "\x03show ver");
    pump(&c);
    send_literal(&c, "sion\n\0echo 2\n\0");
    expect(&c, VERSION "\0"
                       "2\r\n\0");
    send_literal(&c, "ping\n\0");
    while (!ping.timer)
        pump(&c);
    send_literal(&c, "\x03");
    while (!ping.canceled)
        pump(&c);
    pump(&c);
    assert_memory_equal(c.got.s + c.got.len - 2, "\1\0", 2);
    close_client(&c);
}

static void half_closed_peer_gets_its_answer(void **state)
{
    struct client c = program_client();
    send_literal(&c, "wait 0.05\nshow version\n");
    shutdown(c.fd, SHUT_WR);
    expect_end(&c);
    assert_non_null(strstr(text_str(&c.got), VERSION));
    close_client(&c);
}

/* --- users --- */

static void plain_user(void **state)
{
    cli_set_banner(piste.cli, true);
    struct client c = connect_client();
    expect_greeting(&c);
    send_literal(&c, TTYPE_DUMB);
    while (c.got.len < 6 || memcmp(c.got.s + c.got.len - 5, "vpp# ", 5))
        pump(&c);
    assert_int_equal(c.got.s[0], '\r');
    u32 lines = 0;
    for (const char *p = c.got.s; (p = strstr(p, "\r\n")); p += 2)
        lines++;
    assert_int_equal(lines, 5);
    assert_null(strchr(c.got.s, '\x1b'));
    text_clear(&c.got);
    send_literal(&c, "show version\r");
    expect(&c, "show version\r\n" VERSION "vpp# ");
    send_literal(&c, "quit\r");
    expect(&c, "quit\r\n\0");
    expect_eof(&c);
    close_client(&c);
}

static void silent_user_is_greeted_after_a_second(void **state)
{
    cli_set_banner(piste.cli, false);
    struct client c = connect_client();
    expect_greeting(&c);
    u64 start_ns = clock_ns();
    while (c.got.len == 0)
        pump(&c);
    expect(&c, "vpp# ");
    u64 took_ns = clock_ns() - start_ns;
    assert_true(took_ns > 800 * NS_PER_MSEC && took_ns < 1500 * NS_PER_MSEC);
    close_client(&c);
}

static void editing_keys(void **state)
{
    struct client c = user_client();
    send_literal(&c, "sho\t");
    expect(&c, "sho\b\b\bshow ");
    send_literal(&c, "in\t");
    expect(&c, "in\r\ninacl          init-function  interface      \r\nvpp# show in");
    send_literal(&c, "\x15");
    expect(&c, "\b\b\b\b\b\b\b       \b\b\b\b\b\b\b");
    send_literal(&c, "zzz\t");
    expect(&c, "zzz\x07");
    send_literal(&c, "\x1b[D");
    expect(&c, "\b");
    send_literal(&c, "y");
    expect(&c, "yz\b");
    send_literal(&c, "\x7f");
    expect(&c, "\bz \b\b");
    send_literal(&c, "\x04"); /* delete under the cursor */
    expect(&c, " \b");
    send_literal(&c, "\x01");
    expect(&c, "\b\b");
    send_literal(&c, "\x05");
    expect(&c, "zz");
    send_literal(&c, " ab cd\x17");
    expect(&c, " ab cd\b\b  \b\b");
    send_literal(&c, "\x1b"
                     "b");
    expect(&c, "\b\b\b");
    send_literal(&c, "\x0b");
    expect(&c, "   \b\b\b");
    send_literal(&c, "\x01\x0b");
    expect(&c, "\b\b\b   \b\b\b");
    send_literal(&c, "\x80\xfe\x02\x19\x1b[15~"); /* nothing to do with any of these */
    expect(&c, "");
    send_literal(&c, "\x04");
    expect(&c, "quit\r\n");
    expect_eof(&c);
    close_client(&c);
}

static void line_ends(void **state)
{
    struct client c = user_client();
    send_literal(&c, "\r\n\r\0\n\r");
    expect(&c, "\r\nvpp# \r\nvpp# \r\nvpp# \r\nvpp# ");
    close_client(&c);
}

static void telnet_is_swallowed(void **state)
{
    struct client c = user_client();
    send_literal(&c, "\xff\xf6");
    expect(&c, "fd.io VPP\r\n");
    send_literal(&c, "a\xff\xfb\x01"
                     "b\xff\xff"
                     "c\xff\xf1"
                     "d\xff\x41");
    expect(&c, "abcdA");
    char junk[40];
    memset(junk, 'j', sizeof(junk));
    memcpy(junk, "\xff\xfa\x18", 3);
    send_bytes(&c, junk, sizeof(junk)); /* too long for a suboption: IAC SB go, the rest is typed */
    for (int i = 0; i < 3; i++)
        pump(&c);
    assert_non_null(strstr(text_str(&c.got), "jjjj"));
    close_client(&c);
}

static void history_and_search(void **state)
{
    struct client c = user_client();
    send_literal(&c, "show version\rshow version\r   \recho two\r");
    for (int i = 0; i < 5; i++)
        pump(&c);
    text_clear(&c.got);
    send_literal(&c, "history\r");
    expect(&c, "history\r\n1  show version\r\n2  echo two\r\n3  history\r\nvpp# ");
    send_literal(&c, "\x10");
    expect(&c, "history");
    send_literal(&c, "\x1b[A");
    expect(&c, "\b\b\b\b\b\b\b       \b\b\b\b\b\b\becho two");
    send_literal(&c, "\x1b[B\x0e");
    text_clear(&c.got);
    send_literal(&c, "\x12ver");
    for (int i = 0; i < 3; i++)
        pump(&c);
    assert_non_null(strstr(text_str(&c.got), "(reverse-i-search)`ver': show version"));
    text_clear(&c.got);
    send_literal(&c, "\r");
    for (int i = 0; i < 3; i++)
        pump(&c);
    assert_non_null(strstr(text_str(&c.got), "vpp# show version\r\n" VERSION "vpp# "));
    text_clear(&c.got);
    send_literal(&c, "\x12zzz");
    for (int i = 0; i < 3; i++)
        pump(&c);
    assert_non_null(strstr(text_str(&c.got), "\r\nNo match...\r\nvpp# "));
    close_client(&c);
}

static void show_terminal(void **state)
{
    struct client c = user_client();
    send_literal(&c, "\xff\xfa\x1f\0\x84\0\x2b\xff\xf0show terminal\r");
    expect(&c, "show terminal\r\n"
               "Terminal name:   unix-cli-local:0\r\n"
               "Terminal node:   unix-cli-process-0\r\n"
               "Terminal mode:   char-by-char\r\n"
               "Terminal width:  132\r\n"
               "Terminal height: 43\r\n"
               "ANSI capable:    no\r\n"
               "Interactive:     yes\r\n"
               "History enabled: yes\r\n"
               "History limit:   50\r\n"
               "Pager enabled:   yes\r\n"
               "Pager limit:     100000\r\n"
               "CRLF mode:       CR+LF\r\nvpp# ");
    send_literal(&c, "set terminal pager limit 30\r");
    expect(&c, "set terminal pager limit 30\r\n"
               "Pager limit set to 30 lines; note, this is global.\r\nvpp# ");
    send_literal(&c, "lines 31\r");
    expect(&c, "lines 31\r\n-- pager buffer overflowed --\r\nvpp# ");
    close_client(&c);
}

/* --- the pager --- */

/* "line FROM" ... "line TO" */
static void page(struct text *t, int from, int to)
{
    for (int i = from; i <= to; i++)
        text_add(t, "line %d\r\n", i);
}

static void expect_text(struct client *c, struct text *t)
{
    expect_bytes(c, text_str(t), t->len);
    text_clear(t);
}

static void pages(void **state)
{
    struct client c = user_client();
    struct text want = {0};
    static char wipe[82];
    snprintf(wipe, sizeof(wipe), "\r%79s\r", "");
    send_literal(&c, "lines 23\r"); /* fits */
    text_puts(&want, "lines 23\r\n");
    page(&want, 1, 23);
    text_puts(&want, "vpp# ");
    expect_text(&c, &want);
    send_literal(&c, "lines 100\r");
    text_puts(&want, "lines 100\r\n");
    page(&want, 1, 23);
    text_puts(&want, "\r-- more -- (1-23/100)");
    expect_text(&c, &want);
    send_literal(&c, " ");
    text_puts(&want, wipe);
    page(&want, 24, 46);
    text_puts(&want, "\r-- more -- (24-46/100)");
    expect_text(&c, &want);
    send_literal(&c, "\r");
    text_puts(&want, wipe);
    page(&want, 47, 47);
    text_puts(&want, "\r-- more -- (25-47/100)");
    expect_text(&c, &want);
    send_literal(&c, "\x1b[5~");
    text_puts(&want, wipe);
    page(&want, 2, 24);
    text_puts(&want, "\r-- more -- (2-24/100)");
    expect_text(&c, &want);
    send_literal(&c, "\x1b[F");
    text_puts(&want, wipe);
    page(&want, 78, 100);
    text_puts(&want, "\r-- more -- (78-100/100)");
    expect_text(&c, &want);
    send_literal(&c, " ");
    text_add(&want, "%svpp# ", wipe);
    expect_text(&c, &want);
    send_literal(&c, "lines 100\rq");
    text_puts(&want, "lines 100\r\n");
    page(&want, 1, 23);
    text_add(&want, "\r-- more -- (1-23/100)%svpp# ", wipe);
    expect_text(&c, &want);
    send_literal(&c, "show version\r");
    expect(&c, "show version\r\n" VERSION "vpp# ");
    text_free(&want);
    close_client(&c);
}

/* --- commands that take time --- */

static void other_sessions_go_on(void **state)
{
    struct client slow = program_client(), other = program_client();
    send_literal(&slow, "ping\n");
    while (slow.got.len < 20)
        pump(&slow);
    send_literal(&other, "show version\n");
    expect(&other, VERSION "\0");
    close_client(&slow);
    assert_int_equal(ping.canceled, 1);
    assert_int_equal(session_count(), 1);
    close_client(&other);
}

static void interrupted_by_the_user(void **state)
{
    struct client c = user_client();
    send_literal(&c, "ping\rshow ver");
    while (c.got.len < 30)
        pump(&c);
    send_literal(&c, "\x03");
    while (!ping.canceled)
        pump(&c);
    pump(&c);
    assert_non_null(strstr(text_str(&c.got), "^C\r\nvpp# "));
    text_clear(&c.got);
    send_literal(&c, "show version\r");
    expect(&c, "show version\r\n" VERSION "vpp# ");
    close_client(&c);
}

static void keys_wait_for_the_command(void **state)
{
    struct client c = user_client();
    send_literal(&c, "wait 0.05\rshow version\r");
    u64 end_ns = clock_ns() + 2 * NS_PER_SEC;
    while (!strstr(text_str(&c.got), VERSION "vpp# ") && clock_ns() < end_ns)
        pump(&c);
    const char *waited = strstr(text_str(&c.got), "waited");
    assert_non_null(waited);
    assert_non_null(strstr(waited, "vpp# show version\r\n" VERSION "vpp# "));
    close_client(&c);
}

/* Also by a ^C that came along with a command that took its time. */
static void interrupted_ahead(void **state)
{
    struct client c = user_client();
    u64 end_ns = clock_ns() + 3 * NS_PER_SEC;
    send_literal(&c, "slow ping\r\x03");
    while (!strstr(text_str(&c.got), "^C\r\nvpp# ") && clock_ns() < end_ns)
        pump(&c);
    assert_non_null(strstr(text_str(&c.got), "^C\r\nvpp# "));
    assert_int_equal(ping.canceled, 1);
    close_client(&c);
}

/* A script under way ends with its session, and by ^C. */
static void scripts_are_interrupted(void **state)
{
    char script[80], command[100];
    snprintf(script, sizeof(script), "%s.script", socket_path);
    int fd = open(script, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "ping\n", 5), 5);
    close(fd);
    int n = snprintf(command, sizeof(command), "exec %s\r", script);
    struct client c = user_client();
    send_bytes(&c, command, (size_t)n);
    while (!ping.timer)
        pump(&c);
    send_literal(&c, "\x03");
    while (!ping.canceled)
        pump(&c);
    send_bytes(&c, command, (size_t)n);
    while (!ping.timer)
        pump(&c);
    close_client(&c);
    assert_int_equal(ping.canceled, 2);
    unlink(script);
}

/* --- peers that do not behave --- */

static size_t held_bytes(void)
{
    size_t n = 0;
    for (u32 i = 0; i < session_count(); i++)
        n += piste.cli->sessions->v.v[i]->out.cap + piste.cli->sessions->v.v[i]->in.cap;
    return n;
}

/* Sends without ever reading. */
static void flood(int fd, const char *what, size_t n, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        if (send(fd, what, n, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            return;
        loop_once(piste.loop, 0);
    }
}

static void unread_output_stops_the_input(void **state)
{
    struct client c = program_client();
    flood(c.fd, "big 200\nbig 200\nbig 200\nbig 200\n", 32, 2000);
    assert_true(held_bytes() < 4 << 20);
    size_t total = 0;
    for (int i = 0; i < 400 && total < 4u << 20; i++) {
        pump(&c);
        total += c.got.len;
        text_clear(&c.got);
    }
    assert_true(total >= 4u << 20); /* and it goes on once it is read */
    close_client(&c);
}

/* All that a command says; then c->eof. */
static void *read_until_nul(void *arg)
{
    struct client *c = arg;
    static char buf[1 << 20];
    struct pollfd ready = {.fd = c->fd, .events = POLLIN};
    ssize_t n;
    do {
        poll(&ready, 1, -1);
        n = recv(c->fd, buf, sizeof(buf), 0);
    } while (n < 0 || (n > 0 && buf[n - 1]));
    __atomic_store_n(&c->eof, true, __ATOMIC_RELEASE);
    return NULL;
}

static void rounds_until(u32 pieces)
{
    while (pour.pieces < pieces) {
        u32 before = pour.pieces;
        loop_once(piste.loop, 5);
        if (pour.pieces - before > pour.most)
            pour.most = pour.pieces - before;
    }
}

/* However fast a client takes what a command says, others have their turn. */
static void a_fast_reader_is_not_alone(void **state)
{
    enum { PIECES = 1000 };
    struct client c = program_client();
    pthread_t reader;
    memset(&pour, 0, sizeof(pour));
    send_literal(&c, "pour 1000\n");
    assert_int_equal(pthread_create(&reader, NULL, read_until_nul, &c), 0);
    rounds_until(PIECES);
    while (!__atomic_load_n(&c.eof, __ATOMIC_ACQUIRE))
        loop_once(piste.loop, 1);
    pthread_join(reader, NULL);
    assert_true(pour.most < PIECES / 2);
    close_client(&c);
}

/* However much a user types ahead, others have their turn; nothing of it is lost. */
static void a_fast_writer_is_not_alone(void **state)
{
    enum { COMMANDS = 100 };
    struct client c = user_client();
    memset(&pour, 0, sizeof(pour));
    for (u32 i = 0; i < COMMANDS; i++)
        assert_int_equal(send(c.fd, "slow\n", 5, 0), 5);
    shutdown(c.fd, SHUT_WR);
    rounds_until(COMMANDS);
    assert_true(pour.most < COMMANDS / 2);
    expect_end(&c);
    close_client(&c);
}

static void talking_to_nobody_ends_the_session(void **state)
{
    struct client c = program_client();
    send_literal(&c, "ping size 1000000\n");
    u64 end_ns = clock_ns() + 5 * NS_PER_SEC;
    while (session_count() && clock_ns() < end_ns)
        loop_once(piste.loop, 5);
    assert_int_equal(session_count(), 0);
    assert_int_equal(ping.canceled, 1);
    assert_true(ping.said < 20000000);
    close_client(&c);
}

static void endless_line(void **state)
{
    struct client program = program_client(), user = user_client();
    char junk[4096];
    memset(junk, 'a', sizeof(junk));
    for (int i = 0; i < 300 && !program.eof; i++)
        send_bytes(&program, junk, sizeof(junk));
    expect_end(&program);
    for (int i = 0; i < 300 && !user.eof; i++)
        send_bytes(&user, junk, sizeof(junk));
    expect_end(&user);
    assert_non_null(strstr(text_str(&user.got), "\r\nthe line is too long\r\n"));
    assert_int_equal(session_count(), 0);
    close_client(&program);
    close_client(&user);
}

static void garbage(void **state)
{
    struct client c = user_client();
    u32 seed = 12345;
    for (int i = 0; i < 2000; i++) {
        char junk[64];
        for (size_t k = 0; k < sizeof(junk); k++)
            junk[k] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
        send_bytes(&c, junk, sizeof(junk));
        text_clear(&c.got);
        if (c.eof) {
            close_client(&c);
            c = user_client();
        }
    }
    close_client(&c);
    struct client other = program_client();
    send_literal(&other, "show version\n");
    expect(&other, VERSION "\0");
    close_client(&other);
}

static void many_sessions(void **state)
{
    struct client c[100];
    for (int i = 0; i < 100; i++) {
        c[i] = connect_client();
        loop_once(piste.loop, 0);
    }
    for (int i = 0; i < 100; i++) {
        send_literal(&c[i], TTYPE_VPPCTL "show version\n");
        for (int k = 0; k < 50 && c[i].got.len < 36 + sizeof(VERSION); k++)
            pump(&c[i]);
        assert_memory_equal(c[i].got.s + 36, VERSION, sizeof(VERSION));
    }
    for (int i = 0; i < 100; i++)
        close_client(&c[i]);
    assert_int_equal(session_count(), 0);
}

/* --- line mode of the whole server, the socket itself --- */

static void line_mode_server(void **state)
{
    cli_set_line_mode(piste.cli, true);
    struct client c = connect_client();
    expect(&c, "");
    send_literal(&c, "show version\n");
    expect(&c, "show version\nvpp v26.06\n\0");
    send_literal(&c, "\n");
    expect(&c, "\n\0");
    close_client(&c);
}

static void socket_file(void **state)
{
    struct error e;
    struct stat st;
    char want[200];
    assert_int_equal(stat(socket_path, &st), 0);
    assert_true(st.st_mode & S_IWGRP);
    assert_false(st.st_mode & S_IWOTH);
    snprintf(want, sizeof(want), "cli-listen: Active listener on '%s'", socket_path);
    assert_int_equal(cli_listen(piste.cli, socket_path, &e), -EADDRINUSE);
    assert_string_equal(e.text, want);

    char path[80];
    snprintf(path, sizeof(path), "%s.left", socket_path);
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    strcpy(sa.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    close(fd); /* as a server leaves it that died */
    assert_int_equal(cli_listen(piste.cli, path, &e), 0);
    unlink(path);

    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(cli_listen(piste.cli, path, &e), -EEXIST);
    unlink(path);
    static const char *const bad[] = {"/tmp/a b",
                                      "/tmp/@x",
                                      "local_host:1",
                                      "localhost:0",
                                      "localhost:65536",
                                      "localhost:5x",
                                      "abstract:",
                                      "abstract:x,y",
                                      "abstract:x,netns_pid=1a",
                                      ""};
    for (size_t i = 0; i < array_len(bad); i++) {
        assert_true(cli_listen(piste.cli, bad[i], &e) < 0);
        assert_memory_equal(e.text, "cli-listen: unknown input `", 27);
    }
    assert_int_equal(cli_listen(piste.cli, "localhost", &e), 0);
    assert_int_equal(cli_listen(piste.cli, "abstract:piste-cli-test", &e), 0);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        test(program_exchange),
        test(command_with_terminal_type),
        test(greeting_comes_in_pieces),
        test(long_text_in_pieces),
        test(failures_are_marked_on_request),
        test(half_closed_peer_gets_its_answer),
        test(plain_user),
        test(silent_user_is_greeted_after_a_second),
        test(editing_keys),
        test(line_ends),
        test(telnet_is_swallowed),
        test(history_and_search),
        test(show_terminal),
        test(pages),
        test(other_sessions_go_on),
        test(interrupted_by_the_user),
        test(interrupted_ahead),
        test(keys_wait_for_the_command),
        test(scripts_are_interrupted),
        test(unread_output_stops_the_input),
        test(a_fast_reader_is_not_alone),
        test(a_fast_writer_is_not_alone),
        test(talking_to_nobody_ends_the_session),
        test(endless_line),
        test(garbage),
        test(many_sessions),
        test(line_mode_server),
        test(socket_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
