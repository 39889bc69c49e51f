/* Incremental history search. While it lasts the pattern and the entry found stand where the prompt
 * and the line do; any key that is no part of it keeps what was found as the line to edit. */
#include "control/cli_search.h"

#include <string.h>

enum {
    CTRL_C = 0x03,
    CTRL_G = 0x07,
    BACKSPACE = 0x08,
    CTRL_R = 0x12,
    CTRL_S = 0x13,
    RUBOUT = 0x7f
};

static void cli_search_put(struct cli_edit *e, const struct text *t)
{
    if (t->len)
        e->ops->write(e->arg, t->s, t->len);
}

static void cli_search_wipe(struct cli_edit *e, struct text *t)
{
    text_putc(t, '\r');
    text_repeat(t, ' ', e->search_width);
    text_putc(t, '\r');
    e->search_width = 0;
}

static void cli_search_show(struct cli_edit *e)
{
    struct text t = {0};
    cli_search_wipe(e, &t);
    size_t before = t.len;
    text_add(&t, "(%s-i-search)`%s': %s", e->search_forward ? "forward" : "reverse",
             text_str(&e->pattern), text_str(&e->line));
    e->search_width = t.len - before;
    cli_search_put(e, &t);
    text_free(&t);
}

static void set_line(struct cli_edit *e, const char *s)
{
    text_clear(&e->line);
    text_puts(&e->line, s);
    e->cursor = e->line.len;
}

/* Ends it; the line stays to be edited. */
static void cli_search_leave(struct cli_edit *e)
{
    struct text t = {0};
    e->searching = false;
    cli_search_wipe(e, &t);
    cli_search_put(e, &t);
    text_free(&t);
    cli_edit_redraw(e);
}

static void no_match(struct cli_edit *e)
{
    static const char message[] = "\nNo match...\n";
    e->searching = false;
    e->ops->write(e->arg, message, sizeof(message) - 1);
    set_line(e, "");
    cli_edit_redraw(e);
}

/* Looks from entry `at` on, in the direction of the search. */
static void cli_search_look(struct cli_edit *e, u32 at)
{
    u32 step = e->search_forward ? 1u : -1u;
    for (; at < e->history.n; at += step) {
        if (strstr(e->history.v[at], text_str(&e->pattern))) {
            e->search_at = at;
            set_line(e, e->history.v[at]);
            cli_search_show(e);
            return;
        }
    }
    no_match(e);
}

static u32 cli_search_first(const struct cli_edit *e)
{
    return e->search_forward ? 0 : e->history.n - 1;
}

void cli_search_begin(struct cli_edit *e, bool forward)
{
    e->searching = true;
    e->search_forward = forward;
    e->search_at = e->history.n;
    e->search_width = strlen(e->ops->prompt(e->arg)) + e->line.len;
    text_clear(&e->pattern);
    set_line(e, "");
    cli_search_show(e);
}

static void cli_search_again(struct cli_edit *e, bool forward)
{
    e->search_forward = forward;
    if (e->pattern.len == 0)
        cli_search_show(e);
    else
        cli_search_look(e, e->search_at >= e->history.n ? cli_search_first(e)
                                                        : e->search_at + (forward ? 1u : -1u));
}

bool cli_search_key(struct cli_edit *e, u8 byte, enum cli_key key)
{
    if (key == CLI_KEY_ESCAPE_TEXT || key == CLI_KEY_NONE)
        return true;
    if (key != CLI_KEY_BYTE) {
        cli_search_leave(e);
        return false;
    }
    if (byte == CTRL_R || byte == CTRL_S) {
        cli_search_again(e, byte == CTRL_S);
    } else if (byte == CTRL_G || byte == CTRL_C) {
        set_line(e, "");
        cli_search_leave(e);
    } else if (byte == BACKSPACE || byte == RUBOUT) {
        if (e->pattern.len)
            e->pattern.s[--e->pattern.len] = '\0';
        if (e->pattern.len)
            cli_search_look(e, cli_search_first(e));
        else
            cli_search_show(e);
    } else if (byte >= ' ' && byte < 0x80) {
        if (e->pattern.len < CLI_EDIT_LINE_MAX)
            text_putc(&e->pattern, (char)byte);
        cli_search_look(e, e->search_at < e->history.n ? e->search_at : cli_search_first(e));
    } else if (byte < ' ') {
        cli_search_leave(e);
        return false;
    }
    return true;
}
