/* Finds which command a text starts with: the path in the tree, the arguments by the command's
 * grammar, and what is common to all commands: help, `json', `| include TEXT'. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli_internal.h"

/* The most telling of all ways in which the line was not understood. */
struct miss {
    const char *at; /* in the line; NULL: none yet */
    const struct cli_word *word;
    bool in_path; /* no such word: what follows the line is part of REST, too */
    struct grammar_fail fail;
};

struct parser {
    struct cli *cli;
    struct cli_parsed *out;
    const char *text; /* the line is a copy of its beginning */
    struct miss miss;
};

/* Where the command's line ends: at a line end, outside of { }. */
static size_t line_length(const char *s)
{
    size_t first = strcspn(s, "\n");
    int depth = 0;
    for (size_t i = 0; s[i]; i++) {
        if (s[i] == '\n' && depth <= 0)
            return i;
        if (s[i] == '{')
            depth++;
        else if (s[i] == '}')
            depth--;
    }
    return depth > 0 ? first : strlen(s);
}

/* The last word of s[0, len); its length is *n. */
static char *last_word(char *s, size_t *n)
{
    char *end = s + strlen(s);
    while (end > s && cli_is_blank(end[-1]))
        end--;
    char *start = end;
    while (start > s && !cli_is_blank(start[-1]))
        start--;
    *n = (size_t)(end - start);
    return start;
}

static bool last_word_is(char *s, const char *word, char **where)
{
    size_t n;
    *where = last_word(s, &n);
    return n == strlen(word) && memcmp(*where, word, n) == 0;
}

/* Cuts "| include TEXT" off the line. */
static void take_filter(struct cli_parsed *out)
{
    static const struct {
        const char *word;
        enum cli_filter_kind kind;
    } filters[] = {
        {"include", CLI_FILTER_INCLUDE},
        {"grep", CLI_FILTER_INCLUDE},
        {"exclude", CLI_FILTER_EXCLUDE},
    };
    char *bar = strrchr(out->line, '|');
    if (!bar || bar == out->line || !cli_is_blank(bar[-1]) || !cli_is_blank(bar[1]))
        return;
    const char *word = cli_skip_blanks(bar + 1);
    size_t n = strcspn(word, " \t\r\n");
    const char *what = cli_skip_blanks(word + n);
    for (size_t i = 0; i < array_len(filters); i++) {
        if (n == 0 || strncmp(filters[i].word, word, n) != 0 || !*what)
            continue;
        out->filter = filters[i].kind;
        out->filter_text = mem_strdup(what);
        size_t len = strlen(out->filter_text);
        while (len && cli_is_blank(out->filter_text[len - 1]))
            out->filter_text[--len] = '\0';
        *bar = '\0';
        return;
    }
}

static void cli_parse_missed(struct parser *p, const struct cli_word *w,
                             const struct grammar_fail *f, bool in_path)
{
    if (p->miss.at && f->at <= p->miss.at)
        return;
    p->miss = (struct miss){.at = f->at, .word = w, .in_path = in_path, .fail = *f};
}

/* The command of w itself, with what follows as its arguments. */
static bool match_action(struct parser *p, const struct cli_word *w, const char *s)
{
    struct grammar_fail f, ignored;
    if (grammar_match(w->grammar, &p->cli->types, p->cli->piste, s, GRAMMAR_WHOLE, &p->out->match,
                      &f) == 0) {
        p->out->word = w;
        return true;
    }
    bool leftover = (w->command->flags & CLI_LEFTOVER) || !grammar_has_values(w->grammar);
    if (leftover && grammar_match(w->grammar, &p->cli->types, p->cli->piste, s, GRAMMAR_PREFIX,
                                  &p->out->match, &ignored) == 0) {
        p->out->word = w;
        return true;
    }
    cli_parse_missed(p, w, &f, false);
    return false;
}

/* Sub-commands first, then the action of w itself. */
static bool cli_parse_resolve(struct parser *p, const struct cli_word *w, const char *s)
{
    const char *end;
    s = cli_skip_blanks(s);
    const struct cli_word *kid = cli_tree_kid(w, s, &end);
    if (kid && cli_parse_resolve(p, kid, end))
        return true;
    if (w->command && match_action(p, w, s))
        return true;
    if (!kid)
        cli_parse_missed(p, w, &(struct grammar_fail){.at = s}, true);
    return false;
}

/* The word that the path s names, as far as it goes; *end is behind it. */
static const struct cli_word *path_word(const struct cli *cli, const char *s, const char **end)
{
    const struct cli_word *w = &cli->root;
    s = cli_skip_blanks(s);
    *end = s;
    for (const struct cli_word *kid; (kid = cli_tree_kid(w, s, end)); w = kid)
        *end = s = cli_skip_blanks(*end);
    *end = s;
    return w;
}

bool cli_asks_for_help(const char *s)
{
    return !strcmp(s, "?") || !strcmp(s, "choices") || !strcmp(s, "help");
}

/* "?", "choices" and "help" behind a path; "help PATH". */
static bool parse_help(struct parser *p)
{
    const char *end;
    char *word;
    struct cli_parsed *out = p->out;
    bool choices = last_word_is(out->line, "?", &word) || last_word_is(out->line, "choices", &word);
    if (choices || last_word_is(out->line, "help", &word)) {
        const struct cli_word *w = path_word(p->cli, out->line, &end);
        if (end != word || (!choices && w->kids.n == 0))
            return false; /* an argument */
        out->kind = choices ? CLI_CHOICES : CLI_HELP;
        out->word = w;
        return true;
    }
    const char *s = cli_skip_blanks(out->line);
    if (strncmp(s, "help", 4) != 0 || !cli_is_blank(s[4]))
        return false;
    const struct cli_word *w = path_word(p->cli, s + 4, &end);
    if (*end) {
        cli_parse_missed(p, w, &(struct grammar_fail){.at = end}, true);
        return false;
    }
    out->kind = CLI_HELP;
    out->word = w;
    return true;
}

/* "show ... json", unless the command has a use of its own for the word. */
static bool parse_json(struct parser *p)
{
    char *json;
    const char *end;
    if (!last_word_is(p->out->line, "json", &json))
        return false;
    const struct cli_word *root = &p->cli->root;
    const struct cli_word *first = cli_tree_kid(root, cli_skip_blanks(p->out->line), &end);
    if (!first || strcmp(first->name, "show") != 0)
        return false;
    struct miss before = p->miss;
    *json = '\0';
    if (cli_parse_resolve(p, root, p->out->line) &&
        !grammar_has_word(p->out->word->grammar, "json") && *p->out->match.end == '\0') {
        p->out->json = true;
        return true;
    }
    grammar_match_clear(&p->out->match);
    p->out->word = NULL;
    p->miss = before;
    *json = 'j';
    return false;
}

static int cli_parse_unknown(struct parser *p, struct error *e)
{
    struct miss *m = &p->miss;
    p->out->taken = (size_t)(m->at - p->out->line);
    if (m->in_path)
        m->fail.at = p->text + p->out->taken; /* with the lines that follow */
    int rc = grammar_fail_error(&m->fail, e);
    if (m->word->path)
        error_prefix(e, "%.*s", cli_tree_error_len(m->word), m->word->path);
    return rc;
}

int cli_parse(struct cli *cli, const char *text, struct cli_parsed *out, struct error *e)
{
    struct parser p = {.cli = cli, .out = out, .text = text};
    size_t len = line_length(text);
    out->line = mem_alloc(len + 1);
    memcpy(out->line, text, len);
    take_filter(out);
    if (parse_help(&p) || parse_json(&p)) {
        out->taken = len;
        return 0;
    }
    if (p.miss.at || !cli_parse_resolve(&p, &cli->root, out->line))
        return cli_parse_unknown(&p, e);
    out->taken = *out->match.end ? (size_t)(out->match.end - out->line) : len;
    return 0;
}

void cli_parsed_clear(struct cli_parsed *p)
{
    grammar_match_clear(&p->match);
    free(p->line);
    free(p->filter_text);
    *p = (struct cli_parsed){0};
}
