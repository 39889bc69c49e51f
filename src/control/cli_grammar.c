/* Compiles grammar lines to element trees; the language is described in cli.h. The matcher is in
 * cli_match.c. */
#include "control/cli_grammar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli_element.h"

struct compiler {
    const char *start, *p;
    struct error *e;
};

static struct element *parse_alternatives(struct compiler *c, char close);

static struct element *element_new(enum element_kind kind)
{
    struct element *el = mem_alloc(sizeof(*el));
    el->kind = kind;
    return el;
}

static void element_free(struct element *el)
{
    if (!el)
        return;
    for (u32 i = 0; i < el->kids.n; i++)
        element_free(el->kids.v[i]);
    vec_free(&el->kids);
    free(el->name);
    free(el->type_name);
    free(el);
}

static struct element *cli_grammar_fail(struct compiler *c, const char *what)
{
    error_set(c->e, EINVAL, "%s at byte %d of `%s'", what, (int)(c->p - c->start), c->start);
    return NULL;
}

static void cli_grammar_skip(struct compiler *c)
{
    while (*c->p == ' ')
        c->p++;
}

static char *cli_grammar_take(struct compiler *c, const char *stop)
{
    size_t n = strcspn(c->p, stop);
    if (n == 0)
        return NULL;
    char *s = mem_alloc(n + 1);
    memcpy(s, c->p, n);
    c->p += n;
    return s;
}

static struct element *parse_value(struct compiler *c)
{
    c->p++;
    struct element *el = element_new(ELEMENT_VALUE);
    el->name = cli_grammar_take(c, ":> ");
    if (el->name && *c->p == ':') {
        c->p++;
        el->type_name = cli_grammar_take(c, "> ");
    } else if (el->name) {
        el->type_name = mem_strdup(el->name);
    }
    if (!el->type_name || *c->p != '>') {
        element_free(el);
        return cli_grammar_fail(c, "expected <label> or <label:type>");
    }
    c->p++;
    return el;
}

/* "[...]" or "(...)", with a label that may follow. */
static struct element *parse_group(struct compiler *c)
{
    bool optional = *c->p++ == '[';
    struct element *el = parse_alternatives(c, optional ? ']' : ')');
    if (!el)
        return NULL;
    if (el->optional || el->repeat || el->kind == ELEMENT_WORD || el->kind == ELEMENT_VALUE ||
        el->name) {
        struct element *outer = element_new(ELEMENT_SEQ);
        vec_add(&outer->kids, el);
        el = outer;
    }
    el->optional = optional;
    el->group = true;
    if (*c->p == ':') {
        c->p++;
        el->name = cli_grammar_take(c, " []()<>|");
        if (!el->name) {
            element_free(el);
            return cli_grammar_fail(c, "expected a label after `:'");
        }
    }
    return el;
}

static struct element *parse_element(struct compiler *c)
{
    struct element *el;
    if (*c->p == '[' || *c->p == '(') {
        el = parse_group(c);
    } else if (*c->p == '<') {
        el = parse_value(c);
    } else {
        char *word = cli_grammar_take(c, " []()<>|");
        if (!word)
            return cli_grammar_fail(c, "unexpected character");
        el = element_new(ELEMENT_WORD);
        el->name = word;
    }
    if (!el)
        return NULL;
    cli_grammar_skip(c);
    if (strncmp(c->p, "...", 3) == 0) {
        c->p += 3;
        el->repeat = true;
        cli_grammar_skip(c);
    }
    return el;
}

static bool starts_with_word(const struct element *el)
{
    switch (el->kind) {
    case ELEMENT_WORD:
        return true;
    case ELEMENT_VALUE:
        return false;
    case ELEMENT_SEQ:
        return el->kids.n && starts_with_word(el->kids.v[0]);
    case ELEMENT_SET:
    case ELEMENT_CHOICE:
        for (u32 i = 0; i < el->kids.n; i++)
            if (!starts_with_word(el->kids.v[i]))
                return false;
        return true;
    }
    return false;
}

/* Neighbouring groups that each start with a keyword are accepted in any order. */
static void gather_sets(struct element *seq)
{
    VEC(struct element *) kids = {0};
    for (u32 i = 0; i < seq->kids.n;) {
        u32 end = i;
        while (end < seq->kids.n && seq->kids.v[end]->group && starts_with_word(seq->kids.v[end]))
            end++;
        if (end < i + 2) {
            vec_add(&kids, seq->kids.v[i]);
            i++;
            continue;
        }
        struct element *set = element_new(ELEMENT_SET);
        for (; i < end; i++)
            vec_add(&set->kids, seq->kids.v[i]);
        vec_add(&kids, set);
    }
    free(seq->kids.v);
    seq->kids.v = kids.v;
    seq->kids.n = kids.n;
    seq->kids.cap = kids.cap;
}

/* A sequence up to `|', close or the end. One element stands for itself. */
static struct element *parse_sequence(struct compiler *c, char close)
{
    struct element *seq = element_new(ELEMENT_SEQ);
    cli_grammar_skip(c);
    while (*c->p && *c->p != '|' && *c->p != close) {
        struct element *el = parse_element(c);
        if (!el) {
            element_free(seq);
            return NULL;
        }
        vec_add(&seq->kids, el);
    }
    gather_sets(seq);
    for (u32 i = 0; i < seq->kids.n; i++) {
        if (seq->kids.v[i]->kind == ELEMENT_SET && seq->kids.v[i]->kids.n > ELEMENT_SET_MAX) {
            element_free(seq);
            return cli_grammar_fail(c, "too many neighbouring keywords");
        }
    }
    if (seq->kids.n != 1)
        return seq;
    struct element *only = seq->kids.v[0];
    seq->kids.n = 0;
    element_free(seq);
    return only;
}

/* Takes the closing character, too; close 0: to the end of the text. */
static struct element *parse_alternatives(struct compiler *c, char close)
{
    struct element *choice = element_new(ELEMENT_CHOICE);
    for (;;) {
        struct element *alternative = parse_sequence(c, close);
        if (!alternative) {
            element_free(choice);
            return NULL;
        }
        vec_add(&choice->kids, alternative);
        if (*c->p != '|')
            break;
        c->p++;
    }
    if (*c->p != close) {
        element_free(choice);
        return cli_grammar_fail(c, "a bracket is not closed");
    }
    if (close)
        c->p++;
    if (choice->kids.n > 1)
        return choice;
    struct element *only = choice->kids.v[0];
    choice->kids.n = 0;
    element_free(choice);
    return only;
}

struct grammar *grammar_new(const char *text, struct error *e)
{
    struct compiler c = {.start = text, .p = text, .e = e};
    struct element *root = parse_alternatives(&c, '\0');
    if (!root)
        return NULL;
    struct grammar *g = mem_alloc(sizeof(*g));
    g->root = root;
    return g;
}

void grammar_free(struct grammar *g)
{
    if (!g)
        return;
    element_free(g->root);
    free(g);
}

static bool has_word(const struct element *el, const char *word)
{
    if (el->kind == ELEMENT_WORD)
        return strcmp(el->name, word) == 0;
    for (u32 i = 0; i < el->kids.n; i++)
        if (has_word(el->kids.v[i], word))
            return true;
    return false;
}

bool grammar_has_word(const struct grammar *g, const char *word)
{
    return has_word(g->root, word);
}

static bool has_values(const struct element *el)
{
    if (el->kind == ELEMENT_VALUE)
        return true;
    for (u32 i = 0; i < el->kids.n; i++)
        if (has_values(el->kids.v[i]))
            return true;
    return false;
}

bool grammar_has_values(const struct grammar *g)
{
    return has_values(g->root);
}

static bool check_types(const struct element *el, const struct cli_types *types,
                        const char **missing)
{
    if (el->kind == ELEMENT_VALUE && !cli_types_find(types, el->type_name)) {
        *missing = el->type_name;
        return false;
    }
    for (u32 i = 0; i < el->kids.n; i++)
        if (!check_types(el->kids.v[i], types, missing))
            return false;
    return true;
}

bool grammar_check_types(const struct grammar *g, const struct cli_types *types,
                         const char **missing)
{
    return check_types(g->root, types, missing);
}
