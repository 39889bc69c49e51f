/* Commands about sessions: their list, and the settings of the one that runs them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli_session.h"

static int run_history(struct cli_call *c)
{
    const struct cli_edit *e = &c->session->edit;
    if (!c->session->history_on)
        return error_set(c->err, EINVAL, "history is off in this session");
    out_array(c->out, NULL);
    for (u32 i = 0; i < e->history.n; i++) {
        out_text(c->out, "%" PRIu64 "  ", e->history_first + i);
        out_str(c->out, NULL, e->history.v[i], "%s\n");
    }
    out_end(c->out);
    return 0;
}

static int run_show_terminal(struct cli_call *c)
{
    const struct cli_session *s = c->session;
    struct out *o = c->out;
    if (!s)
        return error_set(c->err, EINVAL, "there is no session");
    char *node = mem_printf("unix-cli-process-%u", s->id);
    out_str(o, "name", s->name, "Terminal name:   %s\n");
    out_str(o, "node", node, "Terminal node:   %s\n");
    out_str(o, "mode", s->char_mode ? "char-by-char" : "line-by-line", "Terminal mode:   %s\n");
    out_u64(o, "width", s->width, "Terminal width:  %" PRIu64 "\n");
    out_u64(o, "height", s->height, "Terminal height: %" PRIu64 "\n");
    out_bool(o, "ansi", s->ansi, "ANSI capable:    yes\n", "ANSI capable:    no\n");
    out_bool(o, "interactive", s->interactive, "Interactive:     yes\n", "Interactive:     no\n");
    out_bool(o, "history", s->history_on, "History enabled: yes\n", "History enabled: no\n");
    if (s->history_on)
        out_u64(o, "history-limit", s->edit.history_limit, "History limit:   %" PRIu64 "\n");
    out_bool(o, "pager", s->pager_on, "Pager enabled:   yes\n", "Pager enabled:   no\n");
    if (s->pager_on)
        out_u64(o, "pager-limit", s->cli->settings.pager_limit_lines,
                "Pager limit:     %" PRIu64 "\n");
    out_str(o, "line-end", s->crlf ? "CR+LF" : "LF", "CRLF mode:       %s\n");
    free(node);
    return 0;
}

static int run_show_sessions(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"PNI", "pni", 6, OUT_LEFT, OUT_LEFT},
        {"FD", "fd", 6, OUT_LEFT, OUT_LEFT},
        {"Name", "name", 30, OUT_LEFT, OUT_LEFT},
        {"Flags", "flags", 0, OUT_LEFT, OUT_LEFT},
    };
    const struct cli_sessions *ss = c->piste->cli->sessions;
    out_table(c->out, "sessions", cols, array_len(cols));
    for (u32 i = 0; ss && i < ss->v.n; i++) {
        const struct cli_session *s = ss->v.v[i];
        out_cell_u64(c->out, s->id);
        out_cell_i64(c->out, s->fd);
        out_cell(c->out, "%s", s->name);
        out_cell(c->out, "%c%c%c%c%c", s->interactive ? 'I' : 'i', s->console ? 's' : 'S',
                 s->char_mode ? 'l' : 'L', s->broken ? 'P' : 'p', s->ansi ? 'A' : 'a');
    }
    out_table_end(c->out);
    return 0;
}

static void take_on_off(const struct cli_call *c, bool *what)
{
    if (cli_has(c, "on"))
        *what = true;
    if (cli_has(c, "off"))
        *what = false;
}

static int run_set_pager(struct cli_call *c)
{
    take_on_off(c, &c->session->pager_on);
    if (cli_has(c, "limit")) {
        u32 limit = (u32)cli_u64(c, "n", 0);
        cli_set_pager_limit(c->piste->cli, limit);
        out_text(c->out, "Pager limit set to %u lines; note, this is global.\n", limit);
    }
    return 0;
}

static int run_set_history(struct cli_call *c)
{
    take_on_off(c, &c->session->history_on);
    if (cli_has(c, "limit"))
        cli_edit_set_history_limit(&c->session->edit, (u32)cli_u64(c, "n", 0));
    return 0;
}

static int run_set_ansi(struct cli_call *c)
{
    struct cli_session *s = c->session;
    if (!s)
        return error_set(c->err, EINVAL, "there is no session");
    take_on_off(c, &s->ansi);
    s->edit.ansi = s->pager.ansi = s->ansi;
    return 0;
}

const struct cli_command cli_terminal_commands[] = {
    {"history", "Show the lines entered in this session", run_history, CLI_INTERACTIVE},
    {"show terminal", "Show the settings of this session", run_show_terminal, 0},
    {"show cli-sessions", "Show all sessions of the command line", run_show_sessions, 0},
    {"set terminal pager [on | off] [limit <n:u32>]", "Show output a page at a time, or not",
     run_set_pager, CLI_INTERACTIVE},
    {"set terminal history [on | off] [limit <n:u32>]", "Keep entered lines, or not",
     run_set_history, CLI_INTERACTIVE},
    {"set terminal ansi (on | off)", "Use ANSI control sequences, or not", run_set_ansi, 0},
    {NULL, NULL, NULL, 0},
};
