/* The exchanges of VPP's CLI socket byte for byte, keys, pager, the socket itself. */
#include <fcntl.h>
#include <sys/stat.h>

#include "control/cli_session_test.h"

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
        test(line_mode_server),
        test(socket_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
