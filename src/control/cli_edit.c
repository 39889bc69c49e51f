/* Line editing: every change is told to the terminal with backspaces and blanks only, so that it
 * works on any terminal. Keys and echoes as VPP's (its behaviour on the wire was observed). */
#include "control/cli_edit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli_grammar.h"
#include "control/cli_search.h"

enum {
    CTRL_A = 0x01,
    CTRL_B = 0x02,
    CTRL_C = 0x03,
    CTRL_D = 0x04,
    CTRL_E = 0x05,
    CTRL_F = 0x06,
    BELL = 0x07,
    BACKSPACE = 0x08,
    TAB = 0x09,
    CTRL_K = 0x0b,
    CTRL_L = 0x0c,
    CTRL_N = 0x0e,
    CTRL_P = 0x10,
    CTRL_R = 0x12,
    CTRL_S = 0x13,
    CTRL_U = 0x15,
    CTRL_W = 0x17,
    ESCAPE = 0x1b,
    RUBOUT = 0x7f,
};

enum cli_key cli_key_decode(char *buf, u32 *len, u8 byte)
{
    static const struct {
        const char *sequence;
        enum cli_key key;
    } keys[] = {
        {"[A", CLI_KEY_UP},         {"OA", CLI_KEY_UP},
        {"[B", CLI_KEY_DOWN},       {"OB", CLI_KEY_DOWN},
        {"[C", CLI_KEY_RIGHT},      {"OC", CLI_KEY_RIGHT},
        {"[D", CLI_KEY_LEFT},       {"OD", CLI_KEY_LEFT},
        {"[H", CLI_KEY_HOME},       {"OH", CLI_KEY_HOME},
        {"[1~", CLI_KEY_HOME},      {"[F", CLI_KEY_END},
        {"OF", CLI_KEY_END},        {"[4~", CLI_KEY_END},
        {"[3~", CLI_KEY_DELETE},    {"[5~", CLI_KEY_PAGE_UP},
        {"[6~", CLI_KEY_PAGE_DOWN}, {"[1;5D", CLI_KEY_WORD_LEFT},
        {"b", CLI_KEY_WORD_LEFT},   {"[1;5C", CLI_KEY_WORD_RIGHT},
        {"f", CLI_KEY_WORD_RIGHT},
    };
    if (byte == ESCAPE) {
        *len = 1;
        buf[0] = ESCAPE;
        return CLI_KEY_ESCAPE_TEXT;
    }
    if (*len == 0)
        return CLI_KEY_BYTE;
    if (byte < ' ') {
        *len = 0; /* a control key ends a sequence that was none */
        return CLI_KEY_BYTE;
    }
    if (*len < 8)
        buf[(*len)++] = (char)byte;
    bool introducer = *len == 2 && (byte == '[' || byte == 'O');
    bool parameter = *len > 2 && buf[1] == '[' && (isdigit(byte) || byte == ';');
    if (introducer || parameter)
        return CLI_KEY_ESCAPE_TEXT;
    size_t n = *len - 1;
    *len = 0;
    for (size_t i = 0; i < array_len(keys); i++)
        if (strlen(keys[i].sequence) == n && memcmp(keys[i].sequence, buf + 1, n) == 0)
            return keys[i].key;
    return CLI_KEY_NONE;
}

void cli_edit_init(struct cli_edit *e, const struct cli_edit_ops *ops, void *arg)
{
    *e = (struct cli_edit){.ops = ops, .arg = arg, .history_first = 1};
    text_puts(&e->line, ""); /* so that it is never NULL */
}

void cli_edit_fini(struct cli_edit *e)
{
    for (u32 i = 0; i < e->history.n; i++)
        free(e->history.v[i]);
    vec_free(&e->history);
    free(e->history_saved);
    text_free(&e->line);
    text_free(&e->pattern);
}

/* --- echo --- */

static void cli_edit_put(struct cli_edit *e, const char *s, size_t n)
{
    if (n)
        e->ops->write(e->arg, s, n);
}

static void put_repeated(struct cli_edit *e, char c, size_t n)
{
    char piece[64];
    memset(piece, c, sizeof(piece));
    for (; n > sizeof(piece); n -= sizeof(piece))
        cli_edit_put(e, piece, sizeof(piece));
    cli_edit_put(e, piece, n);
}

static void cli_edit_bell(struct cli_edit *e)
{
    put_repeated(e, BELL, 1);
}

/* --- changing the line --- */

static size_t cli_edit_tail(const struct cli_edit *e)
{
    return e->line.len - e->cursor;
}

static void cli_edit_move(struct cli_edit *e, size_t to)
{
    if (to < e->cursor)
        put_repeated(e, BACKSPACE, e->cursor - to);
    else
        cli_edit_put(e, e->line.s + e->cursor, to - e->cursor);
    e->cursor = to;
}

static void cli_edit_insert(struct cli_edit *e, const char *s, size_t n)
{
    size_t behind = cli_edit_tail(e);
    text_putn(&e->line, s, n); /* makes room */
    memmove(e->line.s + e->cursor + n, e->line.s + e->cursor, behind);
    memcpy(e->line.s + e->cursor, s, n);
    cli_edit_put(e, e->line.s + e->cursor, n + behind);
    e->cursor += n;
    put_repeated(e, BACKSPACE, behind);
}

/* Takes [from, to) out; the cursor is in it or at its edge. */
static void cli_edit_erase(struct cli_edit *e, size_t from, size_t to)
{
    if (from == to)
        return;
    size_t n = to - from, behind = e->line.len - to;
    cli_edit_move(e, from);
    memmove(e->line.s + from, e->line.s + to, behind);
    e->line.len -= n;
    e->line.s[e->line.len] = '\0';
    cli_edit_put(e, e->line.s + from, behind);
    put_repeated(e, ' ', n);
    put_repeated(e, BACKSPACE, behind + n);
}

static void replace_line(struct cli_edit *e, const char *s)
{
    cli_edit_move(e, e->line.len);
    cli_edit_erase(e, 0, e->line.len);
    cli_edit_insert(e, s, strlen(s));
}

static size_t word_left(const struct cli_edit *e)
{
    size_t at = e->cursor;
    while (at > 0 && cli_is_blank(e->line.s[at - 1]))
        at--;
    while (at > 0 && !cli_is_blank(e->line.s[at - 1]))
        at--;
    return at;
}

static size_t word_right(const struct cli_edit *e)
{
    size_t at = e->cursor;
    while (at < e->line.len && !cli_is_blank(e->line.s[at]))
        at++;
    while (at < e->line.len && cli_is_blank(e->line.s[at]))
        at++;
    return at;
}

void cli_edit_redraw(struct cli_edit *e)
{
    const char *prompt = e->ops->prompt(e->arg);
    cli_edit_put(e, prompt, strlen(prompt));
    cli_edit_put(e, e->line.s, e->line.len);
    put_repeated(e, BACKSPACE, cli_edit_tail(e));
}

static void clear_screen(struct cli_edit *e)
{
    const char *s = e->ansi ? "\x1b[2J\x1b[1;1H" : "\n";
    cli_edit_put(e, s, strlen(s));
    cli_edit_redraw(e);
}

/* --- history --- */

void cli_edit_set_history_limit(struct cli_edit *e, u32 limit)
{
    e->history_limit = limit;
    while (e->history.n > limit) {
        free(e->history.v[0]);
        vec_del(&e->history, 0);
        e->history_first++;
    }
    e->history_at = e->history.n;
}

void cli_edit_remember(struct cli_edit *e, const char *line)
{
    u32 n = e->history.n;
    bool repeated = n && strcmp(e->history.v[n - 1], line) == 0;
    if (e->history_limit && *cli_skip_blanks(line) && !repeated)
        vec_add(&e->history, mem_strdup(line));
    cli_edit_set_history_limit(e, e->history_limit);
}

static void history_go(struct cli_edit *e, bool older)
{
    if (older ? e->history_at == 0 : e->history_at >= e->history.n) {
        cli_edit_bell(e);
        return;
    }
    if (e->history_at == e->history.n) {
        free(e->history_saved);
        e->history_saved = mem_strdup(text_str(&e->line));
    }
    e->history_at += older ? -1u : 1u;
    bool newest = e->history_at == e->history.n;
    replace_line(e, newest ? e->history_saved : e->history.v[e->history_at]);
}

/* --- completion --- */

struct candidates {
    VEC(char *) v;
};

static void candidate_add(void *arg, const char *word)
{
    struct candidates *c = arg;
    for (const char *p = word; *p; p++)
        if ((u8)*p < ' ' || *p == RUBOUT)
            return; /* a file's name, maybe: nothing that a terminal should see */
    vec_add(&c->v, mem_strdup(word));
}

static int cli_edit_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_unique(struct candidates *c)
{
    if (c->v.n == 0)
        return;
    qsort(c->v.v, c->v.n, sizeof(*c->v.v), cli_edit_compare);
    u32 kept = 1;
    for (u32 i = 1; i < c->v.n; i++) {
        if (strcmp(c->v.v[i], c->v.v[kept - 1]) == 0)
            free(c->v.v[i]);
        else
            c->v.v[kept++] = c->v.v[i];
    }
    c->v.n = kept;
}

static void list_candidates(struct cli_edit *e, const struct candidates *c)
{
    size_t widest = 0;
    for (u32 i = 0; i < c->v.n; i++)
        if (strlen(c->v.v[i]) > widest)
            widest = strlen(c->v.v[i]);
    size_t column = widest + 2;
    size_t per_line = e->width > column ? e->width / column : 1;
    struct text t = {0};
    for (u32 i = 0; i < c->v.n; i++) {
        if (i % per_line == 0)
            text_putc(&t, '\n');
        text_add(&t, "%-*s", (int)column, c->v.v[i]);
    }
    text_putc(&t, '\n');
    cli_edit_put(e, t.s, t.len);
    text_free(&t);
}

static size_t cli_edit_common_prefix(const struct candidates *c)
{
    size_t n = strlen(c->v.v[0]);
    for (u32 i = 1; i < c->v.n; i++)
        for (size_t k = 0; k < n; k++)
            if (c->v.v[i][k] != c->v.v[0][k])
                n = k;
    return n;
}

/* Puts word in the place of [from, cursor), which it begins with. */
static void put_candidate(struct cli_edit *e, size_t from, const char *word)
{
    size_t typed = e->cursor - from, n = strlen(word);
    cli_edit_move(e, from);
    memmove(e->line.s + from, e->line.s + from + typed, e->line.len - from - typed);
    e->line.len -= typed;
    cli_edit_insert(e, word, n);
    if (cli_edit_tail(e) == 0 && n && word[n - 1] != '/') /* a folder is not the end of the word */
        cli_edit_insert(e, " ", 1);
}

static void cli_edit_complete(struct cli_edit *e)
{
    if (cli_edit_tail(e) && !cli_is_blank(e->line.s[e->cursor])) {
        cli_edit_bell(e);
        return;
    }
    struct candidates c = {0};
    char *line = mem_printf("%.*s", (int)e->cursor, text_str(&e->line));
    size_t from = e->ops->complete(e->arg, line, candidate_add, &c);
    free(line);
    sort_unique(&c);
    if (c.v.n == 0) {
        cli_edit_bell(e);
    } else if (c.v.n == 1) {
        put_candidate(e, from, c.v.v[0]);
    } else {
        list_candidates(e, &c);
        size_t n = cli_edit_common_prefix(&c), typed = e->cursor - from;
        cli_edit_redraw(e);
        if (n > typed)
            cli_edit_insert(e, c.v.v[0] + typed, n - typed);
    }
    for (u32 i = 0; i < c.v.n; i++)
        free(c.v.v[i]);
    vec_free(&c.v);
}

/* --- keys --- */

static void cli_edit_enter(struct cli_edit *e)
{
    cli_edit_move(e, e->line.len);
    cli_edit_put(e, "\n", 1);
    char *line = mem_strdup(text_str(&e->line));
    text_clear(&e->line);
    e->cursor = 0;
    e->history_at = e->history.n;
    e->ops->enter(e->arg, line);
    free(line);
}

static void cancel_line(struct cli_edit *e)
{
    cli_edit_put(e, "^C\n", 3);
    text_clear(&e->line);
    e->cursor = 0;
    e->history_at = e->history.n;
    cli_edit_redraw(e);
}

static void delete_or_quit(struct cli_edit *e)
{
    if (cli_edit_tail(e))
        cli_edit_erase(e, e->cursor, e->cursor + 1);
    else if (e->line.len == 0)
        e->ops->quit(e->arg);
}

static void named_key(struct cli_edit *e, enum cli_key key)
{
    switch (key) {
    case CLI_KEY_UP:
    case CLI_KEY_DOWN:
        history_go(e, key == CLI_KEY_UP);
        break;
    case CLI_KEY_LEFT:
        if (e->cursor)
            cli_edit_move(e, e->cursor - 1);
        break;
    case CLI_KEY_RIGHT:
        if (cli_edit_tail(e))
            cli_edit_move(e, e->cursor + 1);
        break;
    case CLI_KEY_HOME:
        cli_edit_move(e, 0);
        break;
    case CLI_KEY_END:
        cli_edit_move(e, e->line.len);
        break;
    case CLI_KEY_DELETE:
        if (cli_edit_tail(e))
            cli_edit_erase(e, e->cursor, e->cursor + 1);
        break;
    case CLI_KEY_WORD_LEFT:
        cli_edit_move(e, word_left(e));
        break;
    case CLI_KEY_WORD_RIGHT:
        cli_edit_move(e, word_right(e));
        break;
    default:
        break;
    }
}

static void control_key(struct cli_edit *e, u8 byte)
{
    static const u8 names[][2] = {
        {CTRL_A, CLI_KEY_HOME},  {CTRL_E, CLI_KEY_END}, {CTRL_B, CLI_KEY_LEFT},
        {CTRL_F, CLI_KEY_RIGHT}, {CTRL_P, CLI_KEY_UP},  {CTRL_N, CLI_KEY_DOWN},
    };
    for (size_t i = 0; i < array_len(names); i++)
        if (names[i][0] == byte)
            named_key(e, names[i][1]);
    switch (byte) {
    case CTRL_D:
        delete_or_quit(e);
        break;
    case CTRL_C:
        cancel_line(e);
        break;
    case BACKSPACE:
    case RUBOUT:
        if (e->cursor)
            cli_edit_erase(e, e->cursor - 1, e->cursor);
        break;
    case CTRL_U:
        cli_edit_erase(e, 0, e->cursor);
        break;
    case CTRL_K:
        cli_edit_erase(e, e->cursor, e->line.len);
        break;
    case CTRL_W:
        cli_edit_erase(e, word_left(e), e->cursor);
        break;
    case CTRL_L:
        clear_screen(e);
        break;
    case CTRL_R:
    case CTRL_S:
        cli_search_begin(e, byte == CTRL_S);
        break;
    case TAB:
        cli_edit_complete(e);
        break;
    default:
        break; /* also ^Y: reserved */
    }
}

void cli_edit_key(struct cli_edit *e, u8 byte)
{
    bool after_cr = e->after_cr;
    e->after_cr = false;
    if (after_cr && (byte == '\n' || byte == '\0'))
        return;
    enum cli_key key = cli_key_decode(e->sequence, &e->sequence_len, byte);
    if (e->searching && cli_search_key(e, byte, key))
        return;
    if (key != CLI_KEY_BYTE) {
        named_key(e, key);
    } else if (byte == '\r' || byte == '\n') {
        e->after_cr = byte == '\r';
        cli_edit_enter(e);
    } else if (byte < ' ' || byte == RUBOUT) {
        control_key(e, byte);
    } else if (byte < 0x80) {
        if (e->line.len < CLI_EDIT_LINE_MAX)
            cli_edit_insert(e, (const char *)&byte, 1);
        else
            e->ops->overflow(e->arg);
    }
}
