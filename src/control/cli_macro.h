/* Macros of the command line: $name and $(name). Each session has a table of its own; behind it
 * stand `hostname` and the environment. */
#pragma once

#include "base/text.h"
#include "base/types.h"
#include "base/vec.h"

struct cli_macro {
    char *name, *value;
};

/* Sorted by name. Zero to start with. */
struct cli_macros {
    VEC(struct cli_macro) v;
};

void cli_macros_free(struct cli_macros *ms);
void cli_macro_set(struct cli_macros *ms, const char *name, const char *value);
/* Whether it was there. */
bool cli_macro_unset(struct cli_macros *ms, const char *name);
/* Appends text with its macros replaced and backslashes resolved. An unknown name becomes UNSET, a
 * too deep nesting " CIRCULAR ". False when the result would be unreasonably long (out is
 * incomplete then). */
bool cli_macro_expand(const struct cli_macros *ms, const char *text, struct text *out);
