/* Command lines, grammar lines and configuration texts from strangers: nothing may crash, hang or
 * read past its end. The first line of the input is a grammar, the rest a text for it and for a
 * whole command tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_nothing(struct cli_call *c)
{
    return 0;
}

static const struct cli_command commands[] = {
    {"show interface [<interface> ...] [verbose]", "", run_nothing, 0},
    {"show interface rx-placement [<interface>]", "", run_nothing, 0},
    {"show trace [max <n:u32>]", "", run_nothing, 0},
    {"set interface state <interface> (up | down | punt):flags", "", run_nothing, 0},
    {"set interface ip address [del] <interface> (<ip-prefix> | all)", "", run_nothing, 0},
    {"ip route [add | del] <ip-prefix> [table <table:u32>] (via [<ip-address>] [<interface>] "
     "[weight <weight:u32>]) ...",
     "", run_nothing, 0},
    {"create host-interface [v2] (name <ifname:string>) [hw-addr <mac>] [size <size>]", "",
     run_nothing, 0},
    {"packet-generator new <stream:block>", "", run_nothing, 0},
    {NULL, NULL, NULL, 0},
};

static int parse_interface(struct piste *p, const char **text, struct cli_value *v, struct error *e)
{
    if (strncmp(*text, "local", 5) != 0)
        return -ENOENT;
    *text += 5;
    return 0;
}

static void complete_interface(struct piste *p, const char *prefix,
                               void (*add)(void *arg, const char *word), void *arg)
{
    add(arg, "local");
}

static const struct cli_type types[] = {
    {"interface", "unknown interface", parse_interface, complete_interface},
    {NULL, NULL, NULL, NULL},
};

static const struct config_key keys[] = {
    {"main-core <n:u32>", "", run_nothing},
    {"plugin <name:string> <block>", "", run_nothing},
    {"size <size>", "", run_nothing},
    {"relative", "", NULL},
    {NULL, NULL, NULL},
};

static void count(void *arg, const char *word)
{
    *(size_t *)arg += strlen(word);
}

static void try_grammar(struct cli *cli, const char *line, const char *text)
{
    struct error e;
    struct grammar *g = grammar_new(line, &e);
    size_t n = 0;
    if (!g)
        return;
    for (int mode = GRAMMAR_WHOLE; mode <= GRAMMAR_PREFIX; mode++) {
        struct grammar_match m = {0};
        struct grammar_fail f;
        if (grammar_match(g, &cli->types, cli->piste, text, mode, &m, &f) == 0)
            for (u32 i = 0; i < m.args.n; i++)
                n += strlen(m.args.v[i].value.text) + strlen(m.args.v[i].name);
        else
            grammar_fail_error(&f, &e);
        grammar_match_clear(&m);
    }
    grammar_complete(g, &cli->types, cli->piste, text, text + strlen(text), count, &n);
    grammar_free(g);
}

static void try_commands(struct cli *cli, const char *text)
{
    for (int i = 0; i < 100 && *(text = cli_skip_blanks(text)); i++) {
        struct cli_parsed parsed = {0};
        struct error e;
        int rc = cli_parse(cli, text, &parsed, &e);
        text += parsed.taken;
        cli_parsed_clear(&parsed);
        if (rc)
            return;
    }
}

static void try_macros(const char *text)
{
    struct cli_macros macros = {0};
    struct text out = {0};
    cli_macro_set(&macros, "a", text);
    cli_macro_set(&macros, "b", "$(a)$a");
    if (cli_macro_expand(&macros, text, &out))
        cli_macro_unset(&macros, "a");
    text_free(&out);
    cli_macros_free(&macros);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct piste piste;
    if (!piste.cli) {
        piste.cli = cli_new(&piste);
        cli_add_types(piste.cli, types);
        cli_add_commands(piste.cli, commands);
    }
    char *line = mem_alloc(size + 1);
    memcpy(line, data, size);
    char *text = line + strcspn(line, "\n");
    if (*text)
        *text++ = '\0';
    size_t n = 0;
    struct error e;
    try_grammar(piste.cli, line, text);
    try_commands(piste.cli, text);
    try_macros(text);
    cli_complete(piste.cli, text, count, &n);
    (void)!grammar_run_keys(&piste, keys, text, NULL, NULL, NULL, &e);
    free(line);
    return 0;
}
