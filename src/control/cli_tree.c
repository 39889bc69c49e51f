/* The tree of command words: adding, looking up, help and completion. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/cli_element.h"
#include "control/cli_internal.h"

enum { CHOICES_PATH_WIDTH = 40, HELP_NAME_WIDTH = 30 };

static bool is_word_char(char c)
{
    return isalnum((u8)c) || c == '_' || c == '-';
}

static void word_free(struct cli_word *w)
{
    cli_tree_fini(w);
    free(w);
}

void cli_tree_fini(struct cli_word *w)
{
    for (u32 i = 0; i < w->kids.n; i++)
        word_free(w->kids.v[i]);
    vec_free(&w->kids);
    grammar_free(w->grammar);
    free(w->name);
    free(w->path);
}

/* The kid of that very name, made when there is none. */
static struct cli_word *kid_make(struct cli_word *w, const char *s, size_t n)
{
    u32 i = 0;
    for (; i < w->kids.n; i++) {
        const char *name = w->kids.v[i]->name;
        int order = strncmp(name, s, n);
        if (order == 0 && name[n] == '\0')
            return w->kids.v[i];
        if (order >= 0)
            break;
    }
    struct cli_word *kid = mem_alloc(sizeof(*kid));
    kid->name = mem_printf("%.*s", (int)n, s);
    kid->own = true;
    kid->path = mem_printf("%s%s%s", w->path ? w->path : "", w->path ? " " : "", kid->name);
    vec_add(&w->kids, kid);
    memmove(&w->kids.v[i + 1], &w->kids.v[i], (w->kids.n - 1 - i) * sizeof(kid));
    w->kids.v[i] = kid;
    return kid;
}

void cli_tree_add(struct cli_word *root, const struct cli_command *command)
{
    struct cli_word *w = root;
    const char *p = command->grammar;
    for (;;) {
        p += strspn(p, " ");
        size_t n = 0;
        while (is_word_char(p[n]))
            n++;
        if (n == 0 || (p[n] && p[n] != ' '))
            break;
        w = kid_make(w, p, n);
        w->own &= (command->flags & CLI_OWN) != 0;
        p += n;
    }
    if (w == root || w->command)
        panic("command `%s' has no path, or another command has the same", command->grammar);
    struct error e;
    w->grammar = grammar_new(p, &e);
    if (!w->grammar)
        panic("command `%s': %s", command->grammar, e.text);
    w->command = command;
}

struct cli_word *cli_tree_kid(const struct cli_word *w, const char *s, const char **end)
{
    size_t n = 0;
    while (is_word_char(s[n]))
        n++;
    if (n == 0 || (s[n] && !cli_is_blank(s[n])))
        return NULL;
    *end = s + n;
    struct cli_word *found[2] = {NULL, NULL}; /* VPP's, our own */
    u32 n_found[2] = {0, 0};
    for (u32 i = 0; i < w->kids.n; i++) {
        struct cli_word *kid = w->kids.v[i];
        if (strncmp(kid->name, s, n) != 0)
            continue;
        if (kid->name[n] == '\0')
            return kid;
        if (kid->command && kid->command->flags & CLI_WHOLE_WORD)
            continue;
        found[kid->own] = kid;
        n_found[kid->own]++;
    }
    u32 own = !n_found[0];
    return n_found[own] == 1 ? found[own] : NULL;
}

bool cli_tree_hidden(const struct cli_word *w)
{
    if (w->command && !(w->command->flags & CLI_HIDDEN))
        return false;
    for (u32 i = 0; i < w->kids.n; i++)
        if (!cli_tree_hidden(w->kids.v[i]))
            return false;
    return true;
}

int cli_tree_error_len(const struct cli_word *w)
{
    size_t len = strlen(w->path);
    if (w->command && w->command->flags & CLI_ARGUMENT_WORD)
        len -= strlen(w->name) + 1;
    return (int)len;
}

void cli_tree_each(const struct cli_word *w, void (*fn)(const struct cli_word *w, void *arg),
                   void *arg)
{
    if (w->command)
        fn(w, arg);
    for (u32 i = 0; i < w->kids.n; i++)
        cli_tree_each(w->kids.v[i], fn, arg);
}

static void usage_element(const struct element *el, struct text *t)
{
    static const char open[] = "([", close[] = ")]";
    /* ( ) around what is no choice only tells the matcher what belongs together */
    bool brackets = el->group && (el->optional || el->kind == ELEMENT_CHOICE || el->repeat);
    if (brackets)
        text_putc(t, open[el->optional]);
    if (el->kind == ELEMENT_WORD)
        text_puts(t, el->name);
    else if (el->kind == ELEMENT_VALUE)
        text_add(t, "<%s>", el->name);
    for (u32 i = 0; i < el->kids.n; i++) {
        if (i)
            text_putc(t, el->kind == ELEMENT_CHOICE ? '|' : ' ');
        usage_element(el->kids.v[i], t);
    }
    if (brackets)
        text_putc(t, close[el->optional]);
    if (el->repeat)
        text_puts(t, " ...");
}

void cli_usage(const struct cli_word *w, struct text *t)
{
    text_puts(t, w->path);
    const struct element *root = w->grammar->root;
    if (root->kind == ELEMENT_SEQ && root->kids.n == 0)
        return;
    text_putc(t, ' ');
    usage_element(root, t);
}

/* Whether the command's line says nothing of what may follow the path: its help does. */
static bool usage_is_bare(const struct cli_word *w)
{
    const struct element *root = w->grammar->root;
    if (root->kind == ELEMENT_SEQ && root->kids.n == 1)
        root = root->kids.v[0];
    return root->kind == ELEMENT_SEQ
               ? root->kids.n == 0
               : root->kind == ELEMENT_VALUE && !strcmp(root->type_name, "rest");
}

static void choices_line(const struct cli_word *w, void *arg)
{
    struct text *t = arg;
    if (w->command->flags & CLI_HIDDEN)
        return;
    struct text usage = {0};
    cli_usage(w, &usage);
    text_add(t, "  %-*s %s\n", CHOICES_PATH_WIDTH, w->path,
             usage_is_bare(w) ? w->command->help : text_str(&usage));
    text_free(&usage);
}

void cli_tree_choices(const struct cli_word *w, struct text *t)
{
    cli_tree_each(w, choices_line, t);
}

void cli_tree_help(const struct cli_word *w, struct text *t)
{
    for (u32 i = 0; i < w->kids.n; i++) {
        const struct cli_word *kid = w->kids.v[i];
        if (cli_tree_hidden(kid))
            continue;
        text_add(t, "  %-*s ", HELP_NAME_WIDTH, kid->name);
        if (kid->command && !(kid->command->flags & CLI_HIDDEN))
            text_add(t, "%s\n", kid->command->help);
        else
            text_add(t, "%s commands\n", kid->path);
    }
}

const char *cli_complete(struct cli *cli, const char *line,
                         void (*add)(void *arg, const char *word), void *arg)
{
    const char *partial = line + strlen(line);
    while (partial > line && !cli_is_blank(partial[-1]))
        partial--;
    const struct cli_word *w = &cli->root;
    const char *p = cli_skip_blanks(line), *end;
    for (struct cli_word *kid; p < partial && (kid = cli_tree_kid(w, p, &end)); w = kid)
        p = cli_skip_blanks(end);
    size_t n = strlen(partial);
    for (u32 i = 0; p >= partial && i < w->kids.n; i++)
        if (strncmp(w->kids.v[i]->name, partial, n) == 0 && !cli_tree_hidden(w->kids.v[i]))
            add(arg, w->kids.v[i]->name);
    if (w->grammar)
        grammar_complete(w->grammar, &cli->types, cli->piste, p, partial, add, arg);
    return partial;
}
