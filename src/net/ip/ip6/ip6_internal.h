/* What the record in ip6_module.c names. */
#pragma once

#include "control/module.h"
#include "net/ip/ip6/ip6.h"

extern const struct node_def *const ip6_forward_nodes[];
