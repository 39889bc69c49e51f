#include "vppctl/interactive.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/vec.h"
#include "vppctl/client.h"

enum { HISTORY_LINES = 1000, PROBE_MS = 10000, COMPLETE_MS = 2000, LOOK_MS = 100, CTRL_C = 0x03 };

/* SIGINT is blocked but while keys or a command's output are waited for: so none is missed that
 * comes just before. */
static volatile sig_atomic_t interrupted;
static sigset_t sigint;

static void on_interrupt(int number)
{
    interrupted = 1;
}

static char *interactive_prompt(EditLine *el)
{
    static char text[] = "vpp# ";
    return text;
}

/* Any daemon answers a line, an empty one, too, and ours answers to our options before it. */
bool interactive_probe(struct client *c)
{
    struct text ignored = {0};
    enum client_event ev = client_send(c, "") < 0 ? CLIENT_LOST : CLIENT_MORE;
    for (int waited = 0; waited < PROBE_MS && ev == CLIENT_MORE; waited += LOOK_MS)
        ev = client_read(c, &ignored, LOOK_MS);
    text_free(&ignored);
    return c->is_piste;
}

/* A character for the editor; -1: an error, or interrupted. */
static int get_char(EditLine *el, wchar_t *out)
{
    mbstate_t state = {0};
    for (;;) {
        struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};
        sigset_t open;
        char byte;
        sigprocmask(SIG_SETMASK, NULL, &open);
        sigdelset(&open, SIGINT);
        int ready = ppoll(&pfd, 1, NULL, &open);
        if (ready < 0 && errno == EINTR && !interrupted)
            continue;
        ssize_t n = ready < 0 ? -1 : read(STDIN_FILENO, &byte, 1);
        if (n <= 0)
            return (int)n;
        size_t used = mbrtowc(out, &byte, 1, &state);
        if (used <= 1)
            return 1;
        if (used == (size_t)-1) /* no character: it is left out */
            state = (mbstate_t){0};
    }
}

/* --- completion --- */

struct words {
    VEC(char *) v;
};

static void words_free(struct words *w)
{
    for (u32 i = 0; i < w->v.n; i++)
        free(w->v.v[i]);
    vec_free(&w->v);
}

static int interactive_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One candidate a line; sorted, each once. */
static void words_split(struct words *w, const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "\n");
        if (n)
            vec_add(&w->v, mem_printf("%.*s", (int)n, s));
        s += n + (s[n] == '\n');
    }
    if (w->v.n == 0)
        return;
    qsort(w->v.v, w->v.n, sizeof(*w->v.v), interactive_compare);
    u32 kept = 1;
    for (u32 i = 1; i < w->v.n; i++) {
        if (strcmp(w->v.v[i], w->v.v[kept - 1]) == 0)
            free(w->v.v[i]);
        else
            w->v.v[kept++] = w->v.v[i];
    }
    w->v.n = kept;
}

static bool ask_for_words(struct client *c, const char *line, size_t n, struct words *w)
{
    struct text ask = {0}, answer = {0};
    /* the dot keeps the blanks before it */
    text_add(&ask, "complete %.*s.", (int)n, line);
    enum client_event ev = CLIENT_MORE;
    if (c->fd < 0 || client_send(c, ask.s) < 0)
        ev = CLIENT_LOST;
    while (ev == CLIENT_MORE)
        ev = client_read(c, &answer, COMPLETE_MS);
    if (ev == CLIENT_ANSWERED && !c->failed)
        words_split(w, text_str(&answer));
    c->failed = false;
    text_free(&ask);
    text_free(&answer);
    return ev == CLIENT_ANSWERED;
}

static size_t interactive_common_prefix(const struct words *w)
{
    size_t n = strlen(w->v.v[0]);
    for (u32 i = 1; i < w->v.n; i++)
        for (size_t k = 0; k < n; k++)
            if (w->v.v[i][k] != w->v.v[0][k])
                n = k;
    return n;
}

static void list_words(const struct words *w)
{
    struct winsize size = {0};
    size_t widest = 0, columns;
    for (u32 i = 0; i < w->v.n; i++)
        if (strlen(w->v.v[i]) > widest)
            widest = strlen(w->v.v[i]);
    columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col / (widest + 2) : 0;
    for (u32 i = 0; i < w->v.n; i++)
        printf("%s%-*s", i % (columns ? columns : 1) ? "" : "\n", (int)widest + 2, w->v.v[i]);
    printf("\n");
}

static unsigned char interactive_complete(EditLine *el, int ch)
{
    struct client *c;
    struct words w = {0};
    const LineInfo *li = el_line(el);
    const char *word = li->cursor;
    unsigned char result = CC_ERROR;
    el_get(el, EL_CLIENTDATA, &c);
    while (word > li->buffer && word[-1] != ' ' && word[-1] != '\t')
        word--;
    size_t typed = (size_t)(li->cursor - word);
    ask_for_words(c, li->buffer, (size_t)(li->cursor - li->buffer), &w);
    if (w.v.n) {
        size_t n = interactive_common_prefix(&w);
        char *more = n > typed ? mem_printf("%.*s", (int)(n - typed), w.v.v[0] + typed) : NULL;
        result = CC_REFRESH;
        if (w.v.n > 1 && !more) {
            list_words(&w);
            result = CC_REDISPLAY;
        }
        if (more)
            el_insertstr(el, more);
        if (w.v.n == 1 && n && w.v.v[0][n - 1] != '/')
            el_insertstr(el, " ");
        free(more);
    }
    words_free(&w);
    return result;
}

/* --- the pager --- */

static bool paged = true; /* as `set terminal pager' says */

struct pager {
    u32 height, width; /* of the terminal; height 0: do not page */
    u32 lines;         /* on this page */
    u32 column;
    bool skip; /* the user has seen enough */
};

static void pager_init(struct pager *p)
{
    struct winsize size = {0};
    *p = (struct pager){.width = 80};
    if (paged && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
        size.ws_row > 2) {
        p->height = size.ws_row;
        p->width = size.ws_col ? size.ws_col : 80;
    }
}

static int read_key(void)
{
    struct termios before, raw;
    unsigned char key = 'q';
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return ' ';
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    ssize_t n = read(STDIN_FILENO, &key, 1);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return n == 1 ? key : 'q';
}

static void pager_prompt(struct pager *p)
{
    printf("\033[1m-- more --\033[0m");
    fflush(stdout);
    int key = read_key();
    printf("\r          \r");
    if (key == 'q' || key == 'Q' || key == CTRL_C || key == 0x04)
        p->skip = true;
    else
        p->lines = key == '\n' || key == '\r' ? p->height - 2 : 0;
}

static void pager_write(struct pager *p, const struct text *t)
{
    const char *s = t->s, *end = t->s + t->len;
    while (s < end && !p->skip) {
        const char *newline = memchr(s, '\n', (size_t)(end - s));
        const char *stop = newline ? newline + 1 : end;
        fwrite(s, 1, (size_t)(stop - s), stdout);
        p->column += (u32)(stop - s);
        s = stop;
        if (!newline)
            break;
        p->lines += 1 + (p->column > 1 ? (p->column - 2) / p->width : 0);
        p->column = 0;
        if (p->height && p->lines >= p->height - 1)
            pager_prompt(p);
    }
    fflush(stdout);
}

/* --- lines --- */

/* Runs a line; false when the connection is lost. */
static bool run_line(struct client *c, const char *line)
{
    struct pager pager;
    struct text out = {0};
    enum client_event ev = CLIENT_MORE;
    bool stopped = false;
    pager_init(&pager);
    sigprocmask(SIG_UNBLOCK, &sigint, NULL);
    if (client_send(c, line) < 0)
        ev = CLIENT_LOST;
    while (ev == CLIENT_MORE) {
        ev = client_read(c, &out, LOOK_MS); /* a signal that came just before is seen then */
        if (out.len)
            pager_write(&pager, &out);
        text_clear(&out);
        if (ev == CLIENT_MORE && !stopped && (interrupted || pager.skip)) {
            if (interrupted)
                printf("\n"); /* behind the terminal's ^C */
            client_interrupt(c);
            stopped = true;
        }
    }
    sigprocmask(SIG_BLOCK, &sigint, NULL);
    text_free(&out);
    return ev == CLIENT_ANSWERED;
}

static char *history_path(void)
{
    const char *home = getenv("HOME");
    return home && *home ? mem_printf("%s/.vppctl_history", home) : NULL;
}

static bool is_start_of(const char *word, const char *whole)
{
    return *word && strncmp(whole, word, strlen(word)) == 0;
}

/* Commands of a session that edits lines, which is here and not in the daemon: true when it was
 * one. Lines of this session are those behind first. */
static bool run_own(const char *line, History *h, HistEvent *he, int first)
{
    char w[4][16] = {"", "", "", ""}, more[2];
    int n = sscanf(line, "%15s %15s %15s %15s %1s", w[0], w[1], w[2], w[3], more), shown = 0;
    if (n == 1 && is_start_of(w[0], "history")) {
        for (int rc = history(h, he, H_LAST); rc >= 0; rc = history(h, he, H_PREV))
            if (he->num > first)
                printf("%d  %s", ++shown, he->str);
        return true;
    }
    if (n != 4 || strcmp(w[0], "set") != 0 || !is_start_of(w[1], "terminal") ||
        !is_start_of(w[2], "pager") || (strcmp(w[3], "on") != 0 && strcmp(w[3], "off") != 0))
        return false;
    paged = strcmp(w[3], "on") == 0;
    return true;
}

static void interactive_loop(struct client *c, EditLine *el, History *h, HistEvent *he)
{
    const char *line;
    int n, first = history(h, he, H_FIRST) >= 0 ? he->num : 0;
    for (;;) {
        interrupted = 0;
        /* before the prompt, and not only behind it: who then types sees it once */
        el_set(el, EL_PREP_TERM, 1);
        line = el_gets(el, &n);
        if (!line && interrupted) {
            printf("\n");
            el_reset(el);
            continue;
        }
        if (!line || n <= 0 || client_is_quit(line))
            break;
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        history(h, he, H_ENTER, line);
        if (run_own(line, h, he, first))
            continue;
        if (c->fd < 0 && client_connect(c) < 0)
            continue; /* the daemon is away: the next line tries again */
        if (!run_line(c, line)) {
            fprintf(stderr, "the daemon has closed the connection\n");
            client_close(c);
        }
    }
    if (!line)
        printf("\n");
}

int interactive_run(struct client *c)
{
    HistEvent he;
    struct sigaction sa = {.sa_handler = on_interrupt}; /* no SA_RESTART: reads are to end */
    History *h = history_init();
    EditLine *el = el_init("vppctl", stdin, stdout, stderr);
    char *path = history_path();
    if (!h || !el) {
        fprintf(stderr, "cannot set up the line editor\n");
        return 1;
    }
    sigemptyset(&sigint);
    sigaddset(&sigint, SIGINT);
    sigprocmask(SIG_BLOCK, &sigint, NULL);
    sigaction(SIGINT, &sa, NULL);
    history(h, &he, H_SETSIZE, HISTORY_LINES);
    history(h, &he, H_SETUNIQUE, 1);
    if (path)
        history(h, &he, H_LOAD, path);
    el_set(el, EL_PROMPT, interactive_prompt);
    el_set(el, EL_GETCFN, get_char);
    el_set(el, EL_EDITOR, "emacs");
    el_set(el, EL_HIST, history, h);
    el_set(el, EL_CLIENTDATA, c);
    el_set(el, EL_ADDFN, "vpp-complete", "Complete the word", interactive_complete);
    el_set(el, EL_BIND, "^I", "vpp-complete", NULL);
    el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    interactive_loop(c, el, h, &he);
    if (path) {
        mode_t before = umask(077);
        history(h, &he, H_SAVE, path);
        umask(before);
    }
    free(path);
    el_end(el);
    history_end(h);
    client_close(c);
    return 0;
}
