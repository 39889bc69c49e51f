/* Paging, see cli_pager.h. Without ANSI the terminal only scrolls: going back prints the page
 * again. */
#include "control/cli_pager.h"

#include <stdlib.h>
#include <string.h>

enum { PROMPT_WIPE_COLUMNS = 79, CTRL_L = 0x0c, CTRL_R = 0x12 };

void cli_pager_init(struct cli_pager *p, const struct cli_pager_ops *ops, void *arg)
{
    *p = (struct cli_pager){.ops = ops, .arg = arg};
}

void cli_pager_reset(struct cli_pager *p)
{
    text_free(&p->text);
    vec_free(&p->lines);
    p->indexed = 0;
    p->top = p->bottom = 0;
    p->active = p->skipping = p->overflowed = false;
    p->sequence_len = 0;
}

void cli_pager_fini(struct cli_pager *p)
{
    text_free(&p->text);
    vec_free(&p->lines);
}

static u32 page_lines(const struct cli_pager *p)
{
    return p->height > 1 ? p->height - 1 : 1;
}

static void write_lines(struct cli_pager *p, u32 from, u32 to)
{
    for (u32 i = from; i < to && i < p->lines.n; i++) {
        size_t start = p->lines.v[i];
        size_t end = i + 1 < p->lines.n ? p->lines.v[i + 1] : p->indexed;
        p->ops->write(p->arg, p->text.s + start, end - start);
        if (p->text.s[end - 1] != '\n')
            p->ops->write(p->arg, "\n", 1); /* a long line is cut here */
    }
}

static void write_prompt(struct cli_pager *p)
{
    struct text t = {0};
    text_add(&t, "\r%s-- more -- (%u-%u/%u)%s", p->ansi ? "\x1b[1m" : "", p->top + 1, p->bottom,
             p->lines.n, p->ansi ? "\x1b[0m" : "");
    p->ops->write(p->arg, t.s, t.len);
    text_free(&t);
}

static void wipe_prompt(struct cli_pager *p)
{
    struct text t = {0};
    text_putc(&t, '\r');
    text_repeat(&t, ' ', PROMPT_WIPE_COLUMNS);
    text_putc(&t, '\r');
    p->ops->write(p->arg, t.s, t.len);
    text_free(&t);
}

/* Finds the lines that are complete since the last time. */
static void index_lines(struct cli_pager *p)
{
    size_t width = p->width ? p->width : 80;
    while (p->indexed < p->text.len) {
        char *start = p->text.s + p->indexed;
        char *newline = memchr(start, '\n', p->text.len - p->indexed);
        if (!newline)
            return;
        size_t line = (size_t)(newline - start);
        for (size_t at = 0; at == 0 || at < line; at += width)
            vec_add(&p->lines, p->indexed + at);
        p->indexed += line + 1;
    }
}

void cli_pager_leave(struct cli_pager *p)
{
    wipe_prompt(p);
    cli_pager_reset(p);
    p->skipping = true;
    p->ops->leave(p->arg);
}

static void cli_pager_overflow(struct cli_pager *p)
{
    static const char message[] = "-- pager buffer overflowed --\n";
    if (p->active)
        wipe_prompt(p);
    p->ops->write(p->arg, message, sizeof(message) - 1);
    p->ops->write(p->arg, p->text.s + p->indexed, p->text.len - p->indexed);
    cli_pager_reset(p);
    p->overflowed = true;
}

void cli_pager_add(struct cli_pager *p, const char *s, size_t n)
{
    if (p->skipping || n == 0)
        return;
    if (p->overflowed) {
        p->ops->write(p->arg, s, n);
        return;
    }
    text_putn(&p->text, s, n);
    index_lines(p);
    if (p->lines.n > p->limit_lines) {
        cli_pager_overflow(p);
        return;
    }
    if (!p->active) {
        u32 to = p->lines.n < page_lines(p) ? p->lines.n : page_lines(p);
        write_lines(p, p->bottom, to);
        p->bottom = to;
        p->active = p->lines.n > to;
    }
    if (p->active)
        write_prompt(p);
}

u32 cli_pager_ahead(const struct cli_pager *p)
{
    return p->active ? p->lines.n - p->bottom : 0;
}

/* Shows the page that begins with line top, or as near as there is. */
static void show_from(struct cli_pager *p, u32 top)
{
    u32 page = page_lines(p);
    u32 last = p->lines.n > page ? p->lines.n - page : 0;
    p->top = top > last ? last : top;
    p->bottom = p->top + page < p->lines.n ? p->top + page : p->lines.n;
    if (p->ansi)
        p->ops->write(p->arg, "\x1b[2J\x1b[1;1H", 10);
    else
        wipe_prompt(p);
    write_lines(p, p->top, p->bottom);
    write_prompt(p);
}

/* Scrolls by n lines at most; at the end it leaves. */
static void cli_pager_forward(struct cli_pager *p, u32 n)
{
    if (p->bottom >= p->lines.n) {
        cli_pager_leave(p);
        return;
    }
    u32 from = p->bottom;
    u32 to = p->lines.n - from < n ? p->lines.n : from + n;
    p->top += to - from;
    p->bottom = to;
    wipe_prompt(p);
    write_lines(p, from, to);
    write_prompt(p);
}

static void cli_pager_back(struct cli_pager *p, u32 n)
{
    show_from(p, p->top > n ? p->top - n : 0);
}

static void pager_byte(struct cli_pager *p, u8 byte)
{
    switch (byte) {
    case ' ':
        cli_pager_forward(p, page_lines(p));
        break;
    case '\r':
    case '\n':
        cli_pager_forward(p, 1);
        break;
    case 'q':
    case 'Q':
        cli_pager_leave(p);
        break;
    case CTRL_L:
    case CTRL_R:
        show_from(p, p->top);
        break;
    default:
        break;
    }
}

void cli_pager_key(struct cli_pager *p, u8 byte)
{
    switch (cli_key_decode(p->sequence, &p->sequence_len, byte)) {
    case CLI_KEY_BYTE:
        pager_byte(p, byte);
        break;
    case CLI_KEY_PAGE_DOWN:
        cli_pager_forward(p, page_lines(p));
        break;
    case CLI_KEY_PAGE_UP:
        cli_pager_back(p, page_lines(p));
        break;
    case CLI_KEY_DOWN:
        cli_pager_forward(p, 1);
        break;
    case CLI_KEY_UP:
        cli_pager_back(p, 1);
        break;
    case CLI_KEY_HOME:
        show_from(p, 0);
        break;
    case CLI_KEY_END:
        show_from(p, p->lines.n);
        break;
    default:
        break;
    }
}

void cli_pager_resize(struct cli_pager *p, u32 width, u32 height)
{
    bool same = p->width == width && p->height == height;
    p->width = width;
    p->height = height;
    if (same || !p->active)
        return;
    size_t at = p->lines.v[p->top];
    p->lines.n = 0;
    p->indexed = 0;
    index_lines(p);
    u32 top = 0;
    while (top + 1 < p->lines.n && p->lines.v[top + 1] <= at)
        top++;
    show_from(p, top);
}
