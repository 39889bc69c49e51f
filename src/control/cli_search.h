/* Incremental search in the history: ^R and ^S of the line editor. */
#pragma once

#include "control/cli_edit.h"

void cli_search_begin(struct cli_edit *e, bool forward);
/* One key while searching; false: the search is over, and the key means what it always does. */
bool cli_search_key(struct cli_edit *e, u8 byte, enum cli_key key);
