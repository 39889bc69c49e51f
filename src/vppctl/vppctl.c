/* vppctl: the daemon's command line from a shell.
 *
 *     vppctl [-s SOCKET] [--json] [COMMAND WORDS...]
 *
 * With words: runs them as one command. Without, on a terminal: an interactive session
 * (interactive.c, terminal.c). Without, else: runs each line of standard input. The exit status
 * says whether a command failed, which FD.io VPP's client does not do; it is always 0 with FD.io
 * VPP's daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "vppctl/client.h"
#include "vppctl/interactive.h"
#include "vppctl/terminal.h"

static const char usage[] =
    "usage: vppctl [-s SOCKET] [--json] [--raw] [COMMAND WORDS...]\n"
    "  -s SOCKET   the daemon's socket, or HOST:PORT, or abstract:NAME (else the first of\n"
    "              /run/vpp/cli.sock, /var/run/vpp/cli.sock, /var/run/user/UID/vpp/cli.sock,\n"
    "              ./cli.sock)\n"
    "  --json      output of `show' commands as JSON\n"
    "  --raw       interactive: let the daemon edit lines, as VPP's client does\n"
    "Without a command it is interactive on a terminal, else it runs the lines of its input.\n";

#define GREETING_MAX 512 /* bytes */

static int vppctl_write_all(const struct text *t)
{
    if (t->len && fwrite(t->s, 1, t->len, stdout) != t->len)
        return -1;
    return fflush(stdout);
}

/* Runs a text and prints its output as it comes. 0; 1 when it failed; -1 when the connection or our
 * output is gone. */
static int vppctl_run(struct client *c, const char *text)
{
    struct text out = {0};
    enum client_event ev = CLIENT_MORE;
    c->failed = false;
    if (client_send(c, text) < 0)
        return -1;
    while (ev == CLIENT_MORE) {
        ev = client_read(c, &out, -1);
        if (ev == CLIENT_MORE && !c->is_piste && out.len < GREETING_MAX)
            continue; /* it may be one, which client_read takes back */
        if (vppctl_write_all(&out) < 0)
            ev = CLIENT_LOST;
        text_clear(&out);
    }
    text_free(&out);
    return ev == CLIENT_LOST ? -1 : c->failed;
}

/* Whether more { than } have come. */
static bool vppctl_is_open(const struct text *t)
{
    int depth = 0;
    for (size_t i = 0; i < t->len; i++)
        depth += (t->s[i] == '{') - (t->s[i] == '}');
    return depth > 0;
}

/* The next command of the input: a line, or as many as its braces or a \ at a line's end span. */
static bool next_command(struct text *command)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    bool more = true;
    text_clear(command);
    while (more && (n = getline(&line, &cap, stdin)) >= 0) {
        if (n && line[n - 1] == '\n')
            line[--n] = '\0';
        if (n && line[n - 1] == '\r')
            line[--n] = '\0';
        bool joined = n && line[n - 1] == '\\';
        if (joined)
            line[--n] = '\0';
        more = joined;
        const char *start = line + strspn(line, " \t");
        if (command->len == 0 && !more && (*start == '\0' || *start == '#')) {
            more = true; /* nothing to run: the next line */
            continue;
        }
        text_putn(command, line, strlen(line));
        more |= vppctl_is_open(command);
        if (more)
            text_putc(command, joined ? ' ' : '\n');
    }
    free(line);
    return command->len > 0;
}

static int run_input(struct client *c)
{
    struct text command = {0};
    int status = 0, rc = 0;
    while (rc >= 0 && next_command(&command) && !client_is_quit(text_str(&command))) {
        rc = vppctl_run(c, text_str(&command));
        status |= rc != 0;
    }
    if (rc < 0)
        fprintf(stderr, "the daemon has closed the connection\n");
    text_free(&command);
    return status;
}

static char *vppctl_join(char **words, int n)
{
    struct text t = {0};
    for (int i = 0; i < n; i++)
        text_add(&t, "%s%s", i ? " " : "", words[i]);
    char *s = mem_strdup(text_str(&t));
    text_free(&t);
    return s;
}

static int run_words(struct client *c, char **words, int n)
{
    char *command = vppctl_join(words, n);
    int rc = vppctl_run(c, command);
    free(command);
    if (rc < 0)
        fprintf(stderr, "the daemon has closed the connection\n");
    return rc != 0;
}

static int vppctl_interactive(struct client *c, bool raw)
{
    const char *term = getenv("TERM");
    bool dumb = !term || strcmp(term, "dumb") == 0;
    /* only our daemon completes words for us: with another one its own editor is better */
    if (!raw && !dumb && isatty(STDOUT_FILENO)) {
        if (client_connect(c) < 0)
            return 1;
        if (interactive_probe(c))
            return interactive_run(c);
        client_close(c);
    }
    return terminal_run(c->where);
}

int main(int argc, char **argv)
{
    static struct client c = {.fd = -1};
    bool raw = false;
    int i = 1;
    file_open_standard();
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
            c.where = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0) {
            c.json = true;
        } else if (strcmp(argv[i], "--raw") == 0) {
            raw = true;
        } else if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        } else if (strcmp(argv[i], "-v") == 0 || strcmp(argv[i], "--version") == 0) {
            printf("vppctl %s\n", piste_version);
            return 0;
        } else {
            fputs(usage, stderr);
            return 1;
        }
    }
    if (i == argc && isatty(STDIN_FILENO))
        return vppctl_interactive(&c, raw);
    if (client_connect(&c) < 0)
        return 1;
    int status = i < argc ? run_words(&c, argv + i, argc - i) : run_input(&c);
    client_close(&c);
    return status;
}
