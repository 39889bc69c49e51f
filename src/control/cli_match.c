/* Matches a text against an element tree, with full backtracking. What is still to be matched after
 * an element is a chain of frames on the C stack (a continuation), so that every alternative can be
 * tried with all that follows it.
 *
 * Threat: the text is anybody's. Steps and depth are bounded, so that neither a long line nor one
 * made to backtrack can hold up or overflow the control thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/cli_element.h"
#include "control/cli_grammar.h"

const char cli_keyword_text[] = "";

enum { MATCH_MAX_DEPTH = 3000, MATCH_MAX_STEPS = 200000, REST_MAX = 30 };

enum fail_rank { RANK_NONE, RANK_INPUT, RANK_TYPE, RANK_LABEL, RANK_ERROR };

/* An argument while other ways to match may still be tried. */
struct found {
    struct element *el;
    const struct cli_type *type; /* NULL for keywords */
    const char *start, *end;
    struct cli_value value;
};

struct matcher {
    const struct cli_types *types;
    struct piste *piste;
    enum grammar_mode mode;
    VEC(struct found) found;
    const char *end;
    const char *weak; /* an optional element starts here: its failing says little */
    u32 depth, steps;
    struct grammar_fail *fail;
    struct error error; /* of the type that was last asked; here, not on the stack: it is large */

    const char *partial; /* completion: the word to complete, else NULL */
    void (*add)(void *arg, const char *word);
    void *add_arg;
};

struct frame {
    struct element *el;
    const struct frame *next;
    const char *start; /* repeat: where the last turn began */
    u64 used;          /* set: kids taken; sequence: the next kid */
    bool again;        /* this is about another turn of el, not about its kids */
};

static bool match_once(struct matcher *m, struct element *el, const char *p,
                       const struct frame *next);

const char *cli_skip_blanks(const char *s)
{
    while (cli_is_blank(*s))
        s++;
    return s;
}

/* Returns where to fill in a more telling failure, NULL when the known one is better. */
static struct grammar_fail *cli_match_fail_at(struct matcher *m, const char *p, enum fail_rank rank)
{
    struct grammar_fail *f = m->fail;
    if (f->rank != RANK_NONE && (p < f->at || (p == f->at && (int)rank <= f->rank)))
        return NULL;
    *f = (struct grammar_fail){.at = p, .rank = (int)rank};
    return f;
}

static bool cli_match_finish(struct matcher *m, const char *p)
{
    m->end = p;
    if (m->partial)
        return false; /* look for all the ways to go on */
    if (m->mode == GRAMMAR_PREFIX || *p == '\0')
        return true;
    cli_match_fail_at(m, p, RANK_INPUT);
    return false;
}

/* The element without the possibility that it is not there. */
static bool match_present(struct matcher *m, struct element *el, const char *p,
                          const struct frame *next)
{
    struct frame turn = {.el = el, .next = next, .start = p, .again = true};
    return match_once(m, el, p, el->repeat ? &turn : next);
}

/* As match_present, where failing at p itself only means that something else is here. */
static bool match_weakly(struct matcher *m, struct element *el, const char *p,
                         const struct frame *next)
{
    const char *weak = m->weak;
    m->weak = p;
    bool ok = match_present(m, el, p, next);
    m->weak = weak;
    return ok;
}

static bool cli_match_resume(struct matcher *m, const struct frame *k, const char *p);

static bool cli_match_element(struct matcher *m, struct element *el, const char *p,
                              const struct frame *next)
{
    if (!el->optional)
        return match_present(m, el, p, next);
    return match_weakly(m, el, p, next) || cli_match_resume(m, next, p);
}

/* Any kid not used yet, or the end of the set when all that is required was there. */
static bool match_set(struct matcher *m, struct element *el, u64 used, const char *p,
                      const struct frame *next)
{
    bool complete = true;
    for (u32 i = 0; i < el->kids.n; i++) {
        struct element *kid = el->kids.v[i];
        if (used & (1ull << i))
            continue;
        complete &= kid->optional;
        struct frame f = {.el = el, .next = next, .used = used | (1ull << i)};
        if (kid->optional ? match_weakly(m, kid, p, &f) : match_present(m, kid, p, &f))
            return true;
    }
    return complete && cli_match_resume(m, next, p);
}

/* Goes on with what follows. */
static bool cli_match_resume(struct matcher *m, const struct frame *k, const char *p)
{
    p = cli_skip_blanks(p);
    if (!k)
        return cli_match_finish(m, p);
    struct element *el = k->el;
    if (k->again)
        return (p > k->start && match_weakly(m, el, p, k->next)) || cli_match_resume(m, k->next, p);
    if (el->kind == ELEMENT_SET)
        return match_set(m, el, k->used, p, k->next);
    if (k->used >= el->kids.n)
        return cli_match_resume(m, k->next, p);
    struct frame f = {.el = el, .next = k->next, .used = k->used + 1};
    return cli_match_element(m, el->kids.v[k->used], p, &f);
}

static bool match_word(struct matcher *m, struct element *el, const char *p,
                       const struct frame *next)
{
    size_t n = strlen(el->name);
    if (m->partial == p) {
        if (strncmp(el->name, p, strlen(p)) == 0)
            m->add(m->add_arg, el->name);
        return false;
    }
    if (strncmp(p, el->name, n) != 0 || (p[n] && !cli_is_blank(p[n]))) {
        cli_match_fail_at(m, p, RANK_INPUT);
        return false;
    }
    struct found found = {.el = el, .start = p, .end = p};
    vec_add(&m->found, found);
    if (cli_match_resume(m, next, p + n))
        return true;
    m->found.n--;
    return false;
}

/* said: m->error has the type's own words. */
static void value_failed(struct matcher *m, const struct cli_type *type, const char *p, bool said)
{
    enum fail_rank rank = said                            ? RANK_ERROR
                          : type->unknown && p != m->weak ? RANK_TYPE
                                                          : RANK_INPUT;
    struct grammar_fail *f = cli_match_fail_at(m, p, rank);
    if (!f)
        return;
    f->words = rank == RANK_TYPE ? type->unknown : NULL;
    if (said)
        f->error = m->error;
}

static bool match_value(struct matcher *m, struct element *el, const char *p,
                        const struct frame *next)
{
    if (!el->type)
        el->type = cli_types_find(m->types, el->type_name);
    const struct cli_type *type = el->type;
    if (!type) {
        cli_match_fail_at(m, p, RANK_INPUT);
        return false;
    }
    if (m->partial == p) {
        if (type->complete)
            type->complete(m->piste, p, m->add, m->add_arg);
        return false;
    }
    struct found found = {.el = el, .type = type, .start = p, .end = p};
    m->error.code = 0;
    int rc = type->parse(m->piste, &found.end, &found.value, &m->error);
    if (rc != 0 || (*found.end && !cli_is_blank(*found.end))) {
        value_failed(m, type, p, rc != 0 && rc != -ENOENT && m->error.code);
        return false;
    }
    vec_add(&m->found, found);
    if (cli_match_resume(m, next, found.end))
        return true;
    m->found.n--;
    return false;
}

static bool match_choice(struct matcher *m, struct element *el, const char *p,
                         const struct frame *next)
{
    for (u32 i = 0; i < el->kids.n; i++)
        if (cli_match_element(m, el->kids.v[i], p, next))
            return true;
    return false;
}

static bool match_kind(struct matcher *m, struct element *el, const char *p,
                       const struct frame *next)
{
    struct frame f = {.el = el, .next = next};
    switch (el->kind) {
    case ELEMENT_WORD:
        return match_word(m, el, p, next);
    case ELEMENT_VALUE:
        return match_value(m, el, p, next);
    case ELEMENT_SEQ:
        return cli_match_resume(m, &f, p);
    case ELEMENT_SET:
        return match_set(m, el, 0, p, next);
    case ELEMENT_CHOICE:
        return match_choice(m, el, p, next);
    }
    return false;
}

static bool match_once(struct matcher *m, struct element *el, const char *p,
                       const struct frame *next)
{
    if (m->depth >= MATCH_MAX_DEPTH || m->steps >= MATCH_MAX_STEPS)
        return false;
    m->steps++;
    m->depth++;
    bool ok = match_kind(m, el, p, next);
    m->depth--;
    if (!ok && el->group && el->name) {
        struct grammar_fail *f = cli_match_fail_at(m, p, RANK_LABEL);
        if (f)
            f->label = el->name;
    }
    return ok;
}

/* Copies [start, end) as the handler is to see it; returns the end of the copy. */
static char *copy_value(char *to, const struct found *f)
{
    const char *s = f->start, *end = f->end;
    bool block = f->type->name == cli_type_block;
    while (end > s && cli_is_blank(end[-1]))
        end--;
    if ((block || f->type->name != cli_type_rest) && cli_is_braced(s, end)) {
        s = cli_skip_blanks(s + 1);
        for (end--; end > s && cli_is_blank(end[-1]); end--)
            ;
        block = true;
    } else if (*s == '"' && f->type->name != cli_type_rest && end > s + 1) {
        s++;
        end--;
    }
    bool raw = block || f->type->name == cli_type_rest;
    while (s < end) {
        if (!raw && *s == '\\' && s + 1 < end)
            s++;
        *to++ = *s++;
    }
    *to++ = '\0';
    return to;
}

static void build_args(const struct matcher *m, const char *text, struct grammar_match *out)
{
    out->strings = mem_alloc(strlen(text) + m->found.n + 1);
    char *to = out->strings;
    vec_reserve(&out->args, m->found.n);
    for (u32 i = 0; i < m->found.n; i++) {
        const struct found *f = &m->found.v[i];
        struct cli_arg arg = {.name = f->el->name, .value = f->value};
        arg.value.text = cli_keyword_text;
        if (f->type) {
            arg.value.text = to;
            to = copy_value(to, f);
        }
        vec_add(&out->args, arg);
    }
    out->end = m->end;
}

int grammar_match(const struct grammar *g, const struct cli_types *types, struct piste *p,
                  const char *text, enum grammar_mode mode, struct grammar_match *out,
                  struct grammar_fail *fail)
{
    struct matcher m = {.types = types, .piste = p, .mode = mode, .fail = fail};
    *fail = (struct grammar_fail){.at = text};
    bool ok = cli_match_element(&m, g->root, cli_skip_blanks(text), NULL);
    if (ok)
        build_args(&m, text, out);
    vec_free(&m.found);
    return ok ? 0 : -EINVAL;
}

void grammar_match_clear(struct grammar_match *m)
{
    vec_free(&m->args);
    free(m->strings);
    *m = (struct grammar_match){0};
}

void grammar_complete(const struct grammar *g, const struct cli_types *types, struct piste *p,
                      const char *text, const char *partial,
                      void (*add)(void *arg, const char *word), void *arg)
{
    struct grammar_fail fail = {0};
    struct matcher m = {
        .types = types, .piste = p, .fail = &fail, .partial = partial, .add = add, .add_arg = arg};
    cli_match_element(&m, g->root, cli_skip_blanks(text), NULL);
    vec_free(&m.found);
}

void cli_rest(struct text *t, const char *rest)
{
    size_t len = strlen(rest);
    while (len && cli_is_blank(rest[len - 1]))
        len--;
    for (size_t i = 0; i < len && i < REST_MAX; i++) {
        u8 c = (u8)rest[i];
        if (c == '\n')
            text_puts(t, "\\n");
        else if (c == '\r')
            text_puts(t, "\\r");
        else if (c == '\t')
            text_puts(t, "\\t");
        else if (c < ' ' || c == 0x7f)
            text_add(t, "\\x%02x", c);
        else
            text_putc(t, (char)c);
    }
    if (len > REST_MAX)
        text_puts(t, "...");
}

int grammar_fail_error(const struct grammar_fail *f, struct error *e)
{
    if (f->error.code) {
        if (e)
            *e = f->error;
        return -f->error.code;
    }
    struct text rest = {0};
    cli_rest(&rest, f->at);
    if (f->label)
        error_set(e, EINVAL, "unknown %s `%s'", f->label, text_str(&rest));
    else
        error_set(e, EINVAL, "%s `%s'", f->words ? f->words : "unknown input", text_str(&rest));
    text_free(&rest);
    return -EINVAL;
}
