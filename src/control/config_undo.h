/* Taking lines of a running config back by commands that do the opposite. */
#pragma once

#include "base/text.h"
#include "base/types.h"

/* Appends the command that undoes a line. false: none is known. */
bool config_undo(const char *line, struct text *t);
