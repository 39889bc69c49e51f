/* The text of startup.conf: reading, taking apart into sections, handing these to the tables of
 * keys. Sections keep pointing into the text, so that any place in them gives its line number.
 *
 *     text     := { NAME ( WORD | "{" balanced "}" ) }        a blank stands between NAME and "{"
 *     comments := "#" to the end of the line, anywhere
 *
 * A section may come several times; the order of sections does not matter. */
#include "control/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "control/cli_grammar.h"
#include "control/config.h"
#include "control/module.h"
#include "control/startup_sections.h"

static struct log_class startup_log = {.name = "startup", .sub = "config"};

/* The sanitizers' own libraries need more of the system than we do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_DEFAULT false
#else
#define SANDBOX_DEFAULT true
#endif

/* --- making and reading
 * --------------------------------------------------------------------------- */

struct startup *startup_new(void)
{
    struct startup *s = mem_alloc(sizeof(*s));
    s->unix_.cli_pager_buffer_limit = 100000;
    s->unix_.cli_history_limit = 50;
    s->unix_.sandbox = SANDBOX_DEFAULT;
    s->unix_.running_config_versions = 10;
    s->cpu.main_core = -1;
    s->cpu.scheduler_policy = -1;
    s->buffers.data_size = 2048;
    s->buffers.page_size.kind = MEM_PAGE_DEFAULT_HUGE;
    s->statseg.update_interval_sec = 10.0;
    return s;
}

static void free_text(struct startup *s)
{
    free(s->source);
    free(s->text);
    s->source = s->text = NULL;
    for (u32 i = 0; i < s->sections.n; i++) {
        free(s->sections.v[i].name);
        free(s->sections.v[i].body);
    }
    vec_free(&s->sections);
}

/* All of them, and their array. */
static void free_strings(char **v, u32 n)
{
    for (u32 i = 0; i < n; i++)
        free(v[i]);
    free(v);
}

void startup_free(struct startup *s)
{
    if (!s)
        return;
    char *strings[] = {
        s->unix_.cli_prompt,     s->unix_.cli_listen,
        s->unix_.runtime_dir,    s->unix_.startup_config,
        s->unix_.running_config, s->unix_.log,
        s->unix_.user,           s->unix_.gid,
        s->unix_.pidfile,        s->cpu.thread_prefix,
        s->statseg.socket_name,  s->socksvr.socket_name,
        s->api.save_table,       s->api_segment.prefix,
        s->api_segment.uid,      s->api_segment.gid,
    };
    for (size_t i = 0; i < array_len(strings); i++)
        free(strings[i]);
    vec_free(&s->buffers.numa);
    free_strings(s->unix_.sandbox_read.v, s->unix_.sandbox_read.n);
    free_strings(s->unix_.sandbox_write.v, s->unix_.sandbox_write.n);
    plugin_settings_fini(&s->plugins);
    free_text(s);
    free(s);
}

static u32 count_lines(const char *from, const char *to)
{
    u32 n = 0;
    for (; from < to; from++)
        n += *from == '\n';
    return n;
}

/* Puts "FILE:LINE: " before the error. */
static int fail_at(const struct startup *s, size_t at, u32 more_lines, struct error *e)
{
    error_prefix(e, "%s:%u", s->source, 1 + count_lines(s->text, s->text + at) + more_lines);
    return -EINVAL;
}

static void blank_comments(char *text)
{
    for (char *p = text; *p; p++) {
        if (*p == '#')
            while (*p && *p != '\n')
                *p++ = ' ';
        if (!*p)
            return;
    }
}

static char *startup_copy(const char *from, const char *to)
{
    return mem_printf("%.*s", (int)(to - from), from);
}

/* Takes one section off *at. */
static int take_section(struct startup *s, const char **at, struct error *e)
{
    const char *name = *at, *name_end = name + strcspn(name, " \t\r\n");
    const char *body = name_end + strspn(name_end, " \t\r\n"), *end = NULL;
    struct text rest = {0};
    cli_rest(&rest, name);
    e->code = 0;
    if (memchr(name, '{', (size_t)(name_end - name)) || *name == '}')
        error_set(e, EINVAL, "unknown input `%s' (a section is a name, a blank, and `{ ... }')",
                  text_str(&rest));
    else if (!*body)
        error_set(e, EINVAL, "section `%s' has nothing behind its name", text_str(&rest));
    else if (!(end = cli_word_end(body)))
        error_set(e, EINVAL, "section `%s' is not closed: a `}' or quote is missing",
                  text_str(&rest));
    else if (*end && !cli_is_blank(*end))
        error_set(e, EINVAL, "a blank is missing behind section `%s'", text_str(&rest));
    text_free(&rest);
    if (e->code)
        return fail_at(s, (size_t)(name - s->text), 0, e);

    bool braces = *body == '{';
    struct startup_section section = {
        .name = startup_copy(name, name_end),
        .body = startup_copy(body + braces, end - braces),
        .name_at = (size_t)(name - s->text),
        .body_at = (size_t)(body + braces - s->text),
    };
    vec_add(&s->sections, section);
    *at = end;
    return 0;
}

int startup_set_text(struct startup *s, const char *source, const char *text, struct error *e)
{
    struct error local;
    e = e ? e : &local;
    free_text(s);
    if (strlen(text) > STARTUP_MAX_BYTES)
        return error_set(e, EFBIG, "%s: more than %u bytes of configuration", source,
                         STARTUP_MAX_BYTES);
    s->source = mem_strdup(source);
    s->text = mem_strdup(text);
    blank_comments(s->text);
    const char *at = s->text;
    for (;;) {
        at += strspn(at, " \t\r\n");
        if (!*at)
            return 0;
        int rc = take_section(s, &at, e);
        if (rc)
            return rc;
    }
}

int startup_read_file(struct startup *s, const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
    if (fd < 0)
        return error_errno(e, errno, "failed to open configuration file '%s'", path);
    char *text = mem_alloc(STARTUP_MAX_BYTES + 2);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, text + n, STARTUP_MAX_BYTES + 1 - n)) > 0)
        n += (size_t)got;
    if (got < 0)
        rc = error_errno(e, errno, "failed to read configuration file '%s'", path);
    else if (memchr(text, 0, n))
        rc = error_set(e, EINVAL, "configuration file '%s' is not text", path);
    else
        rc = startup_set_text(s, path, text, e);
    free(text);
    close(fd);
    return rc;
}

/* --- telling what was expected
 * -------------------------------------------------------------------- */

/* The first word of a row, as a user types it. */
static size_t row_word(const struct config_key *k, const char **word)
{
    *word = k->grammar + strspn(k->grammar, "([ ");
    return strcspn(*word, " ])");
}

static bool same_word(const char *a, size_t n, const char *b)
{
    return n == strcspn(b, " \t\r\n") && !strncmp(a, b, n);
}

/* Length of what two words have in common at their begin. */
static size_t startup_common(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && a[n] == b[n])
        n++;
    return n;
}

/* The row with a value whose key is the word at p, or stands right before it. */
static const struct config_key *row_near(const struct config_key *keys, const char *body,
                                         const char *p)
{
    const char *words[3] = {p};
    for (int i = 1; i < 3; i++) {
        const char *w = words[i - 1];
        while (w > body && cli_is_blank(w[-1]))
            w--;
        while (w > body && !cli_is_blank(w[-1]))
            w--;
        words[i] = w;
    }
    for (size_t i = 0; i < array_len(words); i++)
        for (const struct config_key *k = keys; k->grammar; k++) {
            const char *word;
            size_t n = row_word(k, &word);
            bool has_more = word[n] == ' ';
            if (!same_word(word, n, words[i]) || !has_more)
                continue;
            /* two words back: only of a key that has two words, or two values */
            const char *second = word + n + 1;
            size_t m = strcspn(second, " ");
            bool two_values = *second == '<' && second[m] == ' ' && second[m + 1] == '<';
            if (i < 2 || two_values || same_word(second, m, words[1]))
                return k;
        }
    return NULL;
}

static void add_expected(const struct config_key *keys, const char *body, const char *where,
                         struct text *t)
{
    const struct config_key *near = row_near(keys, body, where);
    if (near) {
        text_add(t, "; expected `%s'", near->grammar);
        return;
    }
    size_t len = strcspn(where, " \t\r\n"), best = 2;
    const char *like = NULL;
    size_t like_len = 0;
    for (const struct config_key *k = keys; k->grammar; k++) {
        const char *word;
        size_t n = row_word(k, &word), same = startup_common(word, n, where, len);
        if (same > best) {
            best = same;
            like = word;
            like_len = n;
        }
    }
    if (like) {
        text_add(t, "; did you mean `%.*s'?", (int)like_len, like);
        return;
    }
    text_puts(t, "; expected one of");
    for (const struct config_key *k = keys; k->grammar; k++) {
        const char *word;
        size_t n = row_word(k, &word);
        text_add(t, "%s %.*s", k == keys ? "" : ",", (int)n, word);
    }
}

/* --- applying
 * ------------------------------------------------------------------------------------- */

static void tell_unused(const struct config_key *key, void *arg)
{
    const struct startup *s = arg;
    const char *what = *key->grammar == '<' ? "..." : key->grammar;
    log_notice(&startup_log, "%s { %s } has no effect here: %s", s->section_name, what, key->help);
}

/* Lines from a key to the text within the block that follows it. */
static u32 lines_to_block(const char *key)
{
    const char *brace = strchr(key, '{');
    return brace ? count_lines(key, cli_skip_blanks(brace + 1)) : 0;
}

static int apply_section(struct piste *p, struct startup_section *section,
                         const struct config_key *keys, struct error *e)
{
    struct startup *s = p->startup;
    const char *where = section->body;
    s->section_name = section->name;
    s->nested_lines = UINT32_MAX;
    section->done = true;
    int rc = grammar_run_keys(p, keys, section->body, tell_unused, s, &where, e);
    if (!rc)
        return 0;
    struct text t = {0};
    if (s->nested_lines == UINT32_MAX && strncmp(e->text, "unknown input", 13) == 0)
        add_expected(keys, section->body, where, &t);
    struct error told = {.code = EINVAL};
    error_set(&told, EINVAL, "%s_config: %s%s", section->name, e->text, text_str(&t));
    text_free(&t);
    *e = told;
    for (char *c = e->text; *c != ':' && *c; c++)
        *c = *c == '-' ? '_' : *c;
    u32 nested = s->nested_lines == UINT32_MAX ? 0 : lines_to_block(where) + s->nested_lines;
    return fail_at(s, section->body_at + (size_t)(where - section->body), nested, e);
}

int config_parse_block(struct cli_call *c, const char *block, const struct config_key *keys)
{
    struct startup *s = c->piste->startup;
    const char *where = block;
    u32 outer = s->nested_lines;
    s->nested_lines = UINT32_MAX;
    int rc = grammar_run_keys(c->piste, keys, block, tell_unused, s, &where, c->err);
    if (!rc) {
        s->nested_lines = outer;
        return 0;
    }
    u32 deeper = s->nested_lines == UINT32_MAX ? 0 : lines_to_block(where) + s->nested_lines;
    if (s->nested_lines == UINT32_MAX && c->err &&
        strncmp(c->err->text, "unknown input", 13) == 0) {
        struct text t = {0};
        struct error told;
        add_expected(keys, block, where, &t);
        error_set(&told, c->err->code, "%s%s", c->err->text, text_str(&t));
        text_free(&t);
        *c->err = told;
    }
    s->nested_lines = count_lines(block, where) + deeper;
    return rc;
}

static const struct config_key *find_keys(const struct config_section *table, const char *name)
{
    for (; table && table->name; table++)
        if (!strcmp(table->name, name))
            return table->keys;
    return NULL;
}

struct module_search {
    const char *name;
    const struct config_key *keys;
};

static void search_module(const struct module *m, const char *file, void *arg)
{
    struct module_search *search = arg;
    if (!search->keys)
        search->keys = find_keys(m->config, search->name);
}

int startup_apply_core(struct piste *p, struct error *e)
{
    struct startup *s = p->startup;
    struct error local;
    e = e ? e : &local;
    for (u32 i = 0; i < s->sections.n; i++) {
        const struct config_key *keys = find_keys(startup_core_sections, s->sections.v[i].name);
        int rc = keys ? apply_section(p, &s->sections.v[i], keys, e) : 0;
        if (rc)
            return rc;
    }
    int rc = startup_check(s, e);
    if (rc)
        error_prefix(e, "%s", s->source ? s->source : "configuration");
    return rc;
}

int startup_apply_modules(struct piste *p, struct error *e)
{
    struct startup *s = p->startup;
    struct error local;
    e = e ? e : &local;
    for (u32 i = 0; i < s->sections.n; i++) {
        struct startup_section *section = &s->sections.v[i];
        if (section->done)
            continue;
        struct module_search search = {.name = section->name};
        modules_each(p->modules, search_module, &search);
        if (!search.keys)
            search.keys = find_keys(startup_foreign_sections, section->name);
        if (!search.keys) {
            struct text rest = {0};
            cli_rest(&rest, section->body);
            error_set(
                e, EINVAL,
                "unknown input `%s %s': there is no such section, or its plugin is not loaded",
                section->name, text_str(&rest));
            text_free(&rest);
            return fail_at(s, section->name_at, 0, e);
        }
        int rc = apply_section(p, section, search.keys, e);
        if (rc)
            return rc;
    }
    return 0;
}

const char *startup_runtime_dir(const struct startup *s)
{
    return s->unix_.runtime_dir;
}
