/* The grammar engine below cli.c and startup.conf: a grammar line (see cli.h) is compiled to a tree
 * of elements once, and matched against texts by backtracking. Internal to this floor.
 *
 *     struct grammar *g = grammar_new("main-core <n:u32>", &e);
 *     struct grammar_match m = {0};
 *     struct grammar_fail f;
 *     if (grammar_match(g, types, piste, text, GRAMMAR_WHOLE, &m, &f) == 0)
 *         use(m.args.v, m.args.n);
 *     else
 *         grammar_fail_error(&f, &e);         -> "unknown input `REST'"
 *     grammar_match_clear(&m);
 *
 * startup.conf needs only grammar_run_keys, which does all of this for a table of keys. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "base/vec.h"
#include "control/cli.h"
#include "control/config.h"

struct grammar;

/* The value types that are known by name. Later tables may not redefine a name. */
struct cli_types {
    VEC(const struct cli_type *) v; /* tables, each ended by a NULL name; borrowed for ever */
};

void cli_types_init(struct cli_types *types); /* with the built-in types */
void cli_types_fini(struct cli_types *types);
void cli_types_add(struct cli_types *types, const struct cli_type *table);
const struct cli_type *cli_types_find(const struct cli_types *types, const char *name);

/* The text of arguments that are keywords: by this address they are told from values. */
extern const char cli_keyword_text[];

/* Types whose text is not unquoted like a word's. */
extern const char cli_type_rest[], cli_type_block[];

/* Compiles what follows a path, or a whole configuration key. NULL with the error filled. */
struct grammar *grammar_new(const char *text, struct error *e);
void grammar_free(struct grammar *g);
/* Whether the word is a keyword somewhere in it; whether there are values at all. */
bool grammar_has_word(const struct grammar *g, const char *word);
bool grammar_has_values(const struct grammar *g);
/* Resolves all types now: false and the name of the first unknown one. For tests and start-up
 * checks. */
bool grammar_check_types(const struct grammar *g, const struct cli_types *types,
                         const char **missing);

enum grammar_mode {
    GRAMMAR_WHOLE,  /* the text is to be used up */
    GRAMMAR_PREFIX, /* something may be left: see grammar_match.end */
};

/* Zero to start with. Owns what it points to, until cleared. */
struct grammar_match {
    VEC(struct cli_arg) args;
    char *strings;   /* the values' texts */
    const char *end; /* first byte of the text that was not taken */
};

/* Why nothing matched: the furthest place that any alternative reached. */
struct grammar_fail {
    const char *at;     /* within the text; blanks skipped */
    const char *words;  /* "unknown interface"; NULL: "unknown input" */
    const char *label;  /* of a choice: "unknown LABEL" */
    int rank;           /* among failures at the same place the most telling wins */
    struct error error; /* code != 0: what the type itself said */
};

/* Matches text (NUL-terminated; line ends are blanks). 0, or -EINVAL with *f filled. */
int grammar_match(const struct grammar *g, const struct cli_types *types, struct piste *p,
                  const char *text, enum grammar_mode mode, struct grammar_match *m,
                  struct grammar_fail *f) MUST_CHECK;
void grammar_match_clear(struct grammar_match *m);
/* Fills e from f and returns -code. */
int grammar_fail_error(const struct grammar_fail *f, struct error *e);

/* Calls add for each keyword or live value that could stand for text's last word, which begins at
 * partial (within text, maybe at its end). */
void grammar_complete(const struct grammar *g, const struct cli_types *types, struct piste *p,
                      const char *text, const char *partial,
                      void (*add)(void *arg, const char *word), void *arg);

/* Runs text, a sequence of keys, against the rows: each key's set is called in the order of the
 * text. Of several rows that match at one place the one that takes most text wins, of equals the
 * first. Rows whose set is NULL are passed to unused (which may be NULL). On error *where is the
 * place in text (NULL to ignore) and the error says "unknown input `REST'" or what set said; keys
 * before it have been set. Types are those of p->cli. */
int grammar_run_keys(struct piste *p, const struct config_key *keys, const char *text,
                     void (*unused)(const struct config_key *key, void *arg), void *arg,
                     const char **where, struct error *e) MUST_CHECK;

/* Helpers of the language, for types and sessions. */

const char *cli_skip_blanks(const char *s);
static inline bool cli_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
/* End of the word that starts at s: a run of non-blanks, a "quoted" or a {balanced} text. NULL when
 * a quote or brace is not closed. */
const char *cli_word_end(const char *s);
/* Whether [s, end) is one {balanced} text. */
bool cli_is_braced(const char *s, const char *end);
/* Appends REST as errors show it: 30 bytes and "...", line ends as \n, without the blanks at its
 * end. */
void cli_rest(struct text *t, const char *rest);
