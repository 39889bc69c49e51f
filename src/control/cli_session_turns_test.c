/* Commands that take time, and peers that do not behave: others have their turn. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include "control/cli_session_test.h"

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

static void note_before(void *arg, const char *what)
{
    ++*(u32 *)arg;
}

static void note_after(void *arg, const char *what)
{
}

/* Who has something to do before a command has it once, however many pieces that comes in. */
static void one_call_before_a_command(void **state)
{
    u32 n = 0;
    const struct control_watch watch = {note_before, note_after, &n};
    struct client c = program_client();
    memset(&pour, 0, sizeof(pour));
    piste.watch = &watch;
    send_literal(&c, "pour 10\n");
    while (pour.pieces < 10)
        pump(&c);
    piste.watch = NULL;
    assert_int_equal(n, 1);
    close_client(&c);
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

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        test(other_sessions_go_on),
        test(interrupted_by_the_user),
        test(interrupted_ahead),
        test(keys_wait_for_the_command),
        test(scripts_are_interrupted),
        test(unread_output_stops_the_input),
        test(one_call_before_a_command),
        test(a_fast_reader_is_not_alone),
        test(a_fast_writer_is_not_alone),
        test(talking_to_nobody_ends_the_session),
        test(endless_line),
        test(garbage),
        test(many_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
