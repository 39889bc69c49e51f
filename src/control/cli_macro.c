/* Macro expansion, see cli_macro.h. A value is itself expanded each time it is used. */
#include "control/cli_macro.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Values may name other values many times: without limits 8 levels make anything out of nothing,
 * and when the innermost is empty nothing out of much work. */
enum { MACRO_MAX_DEPTH = 8, MACRO_MAX_BYTES = 1 << 20, MACRO_MAX_WORK = 4 << 20 };

struct expansion {
    const struct cli_macros *macros;
    size_t max_len, max_work;
    size_t work; /* bytes looked at */
};

static bool cli_macro_expand_part(struct expansion *x, const char *s, const char *end,
                                  unsigned depth, struct text *out);

void cli_macros_free(struct cli_macros *ms)
{
    for (u32 i = 0; i < ms->v.n; i++) {
        free(ms->v.v[i].name);
        free(ms->v.v[i].value);
    }
    vec_free(&ms->v);
}

/* Index of name, or of the first name behind it. */
static u32 cli_macro_find(const struct cli_macros *ms, const char *name, bool *found)
{
    u32 i = 0;
    while (i < ms->v.n && strcmp(ms->v.v[i].name, name) < 0)
        i++;
    *found = i < ms->v.n && strcmp(ms->v.v[i].name, name) == 0;
    return i;
}

void cli_macro_set(struct cli_macros *ms, const char *name, const char *value)
{
    bool found;
    u32 i = cli_macro_find(ms, name, &found);
    struct cli_macro m = {mem_strdup(name), mem_strdup(value)};
    if (found) {
        free(ms->v.v[i].name);
        free(ms->v.v[i].value);
    } else {
        vec_add(&ms->v, m);
        memmove(&ms->v.v[i + 1], &ms->v.v[i], (ms->v.n - 1 - i) * sizeof(m));
    }
    ms->v.v[i] = m;
}

bool cli_macro_unset(struct cli_macros *ms, const char *name)
{
    bool found;
    u32 i = cli_macro_find(ms, name, &found);
    if (!found)
        return false;
    free(ms->v.v[i].name);
    free(ms->v.v[i].value);
    vec_del(&ms->v, i);
    return true;
}

static bool expand_name(struct expansion *x, const char *name, unsigned depth, struct text *out)
{
    bool found;
    u32 i = cli_macro_find(x->macros, name, &found);
    if (found) {
        const char *value = x->macros->v.v[i].value;
        if (depth < MACRO_MAX_DEPTH)
            return cli_macro_expand_part(x, value, value + strlen(value), depth + 1, out);
        text_puts(out, " CIRCULAR ");
        return true;
    }
    char host[256] = "";
    const char *value = getenv(name);
    if (strcmp(name, "hostname") == 0 && gethostname(host, sizeof(host) - 1) == 0)
        value = host;
    text_puts(out, value ? value : "UNSET");
    return true;
}

/* The `)' that belongs to the `(' at s; NULL when there is none before end. */
static const char *cli_macro_closing(const char *s, const char *end)
{
    for (int depth = 0; s < end; s++) {
        if (*s == '(')
            depth++;
        else if (*s == ')' && --depth == 0)
            return s;
    }
    return NULL;
}

/* s is behind the `$'; *next gets what follows the name. */
static bool expand_reference(struct expansion *x, const char *s, const char *end, unsigned depth,
                             struct text *out, const char **next)
{
    struct text name = {0};
    bool ok = true;
    bool in_parentheses = s < end && *s == '(';
    const char *close = in_parentheses ? cli_macro_closing(s, end) : NULL;
    if (in_parentheses)
        x->work += (size_t)((close ? close : end) - s);
    if (close) {
        ok = depth >= MACRO_MAX_DEPTH || cli_macro_expand_part(x, s + 1, close, depth + 1, &name);
        *next = close + 1;
    } else {
        const char *p = s;
        while (p < end && (isalnum((u8)*p) || *p == '_'))
            p++;
        text_putn(&name, s, (size_t)(p - s));
        *next = p;
        if (p == s) {
            text_putc(out, '$');
            text_free(&name);
            return true;
        }
    }
    ok = ok && expand_name(x, text_str(&name), depth, out);
    text_free(&name);
    return ok;
}

static bool cli_macro_expand_part(struct expansion *x, const char *s, const char *end,
                                  unsigned depth, struct text *out)
{
    while (s < end) {
        if (out->len > x->max_len || ++x->work > x->max_work)
            return false;
        if (*s == '\\' && s + 1 < end) {
            text_putc(out, s[1]);
            s += 2;
        } else if (*s == '$') {
            if (!expand_reference(x, s + 1, end, depth, out, &s))
                return false;
        } else {
            size_t plain = 1;
            while (s + plain < end && s[plain] != '\\' && s[plain] != '$')
                plain++;
            text_putn(out, s, plain);
            s += plain;
            x->work += plain;
        }
    }
    return true;
}

bool cli_macro_expand(const struct cli_macros *ms, const char *text, struct text *out)
{
    size_t len = strlen(text);
    struct expansion x = {
        .macros = ms,
        .max_len = len + MACRO_MAX_BYTES,
        .max_work = 2 * len + MACRO_MAX_WORK,
    };
    return cli_macro_expand_part(&x, text, text + len, 0, out);
}
