/* startup.conf by table: a section is a name and rows of keys; a key is a grammar line of the same
 * language as commands (control/cli.h), so parsing and errors come from one place. */
#pragma once

#include "control/cli.h"

struct config_key {
    const char *grammar; /* "main-core <n:u32>"; NULL ends a table */
    const char *help;    /* what it does, with its default */
    /* Gets the parsed values in c->args; c->out and c->session are NULL. Runs while the file is
     * read, before any init. NULL: the key is accepted, and one log line says that it has no effect
     * here and why
     * (`help` says it). */
    int (*set)(struct cli_call *c);
};

struct config_section {
    const char *name; /* "cpu"; NULL ends a table */
    const struct config_key *keys;
};

/* Parses the text within a nested { } with its own rows; errors name the line in the file. */
int config_parse_block(struct cli_call *c, const char *block, const struct config_key *keys);
