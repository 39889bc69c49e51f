/* Commands of the FIB itself. */
#pragma once

#include "control/cli.h"

extern const struct cli_command fib_commands[];
