/* Tables of configuration keys, matched with the grammar of commands. */
#include <errno.h>
#include <string.h>

#include "control/cli_internal.h"

/* The row that takes most of text; -1 and *fail when none does. */
static int best_key(struct grammar **grammars, u32 n, const struct cli_types *types,
                    struct piste *p, const char *text, struct grammar_match *best,
                    struct grammar_fail *fail)
{
    int found = -1;
    *fail = (struct grammar_fail){.at = text};
    for (u32 i = 0; i < n; i++) {
        struct grammar_match m = {0};
        struct grammar_fail f;
        if (grammar_match(grammars[i], types, p, text, GRAMMAR_PREFIX, &m, &f) != 0) {
            if (f.at > fail->at || (f.at == fail->at && f.rank > fail->rank))
                *fail = f;
            continue;
        }
        if (m.end == text || (found >= 0 && m.end <= best->end)) {
            grammar_match_clear(&m);
            continue;
        }
        grammar_match_clear(best);
        *best = m;
        found = (int)i;
    }
    return found;
}

static int set_key(struct piste *p, const struct config_key *key, const struct grammar_match *m,
                   struct error *e)
{
    struct cli_call call = {.piste = p, .err = e, .args = m->args.v, .n_args = m->args.n};
    int rc = key->set(&call);
    if (rc < 0 && e && !e->code)
        error_errno(e, -rc, "%s", key->grammar);
    return rc < 0 ? rc : 0;
}

int grammar_run_keys(struct piste *p, const struct config_key *keys, const char *text,
                     void (*unused)(const struct config_key *key, void *arg), void *arg,
                     const char **where, struct error *e)
{
    VEC(struct grammar *) grammars = {0};
    int rc = 0;
    if (e)
        e->code = 0;
    for (const struct config_key *k = keys; k->grammar && rc == 0; k++) {
        struct grammar *g = grammar_new(k->grammar, e);
        if (g)
            vec_add(&grammars, g);
        else
            rc = -EINVAL;
    }
    text = cli_skip_blanks(text);
    while (rc == 0 && *text) {
        struct grammar_match m = {0};
        struct grammar_fail f;
        int i = best_key(grammars.v, grammars.n, &p->cli->types, p, text, &m, &f);
        if (i < 0) {
            rc = grammar_fail_error(&f, e);
            text = f.at;
            break;
        }
        if (keys[i].set)
            rc = set_key(p, &keys[i], &m, e);
        else if (unused)
            unused(&keys[i], arg);
        if (rc == 0)
            text = m.end;
        grammar_match_clear(&m);
    }
    if (where)
        *where = text;
    for (u32 i = 0; i < grammars.n; i++)
        grammar_free(grammars.v[i]);
    vec_free(&grammars);
    return rc;
}
