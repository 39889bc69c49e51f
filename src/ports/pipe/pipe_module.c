/* The record of pipe, and its input node. */
#include "control/module.h"
#include "ports/pipe/pipe.h"
#include "ports/pipe/pipe_internal.h"

NODE_DECLARE(pipe_input);

static const struct node_def input_node = {
    .name = "pipe-input",
    .run = NODE_VARIANTS(pipe_input),
    .next = {[PIPE_INPUT_NEXT_ETHERNET] = "ethernet-input"},
    .n_next = 1,
    .format_trace = pipe_format_trace,
};

static const struct node_def *const nodes[] = {&input_node, NULL};

static const char *const needs[] = {"interface", "interface_api", "ethernet", "l2", NULL};

const struct module pipe_module = {
    .abi = MODULE_ABI,
    .name = pipe_module_name,
    .description = "Pairs of joined interfaces",
    .needs = needs,
    .nodes = nodes,
    .commands = pipe_commands,
    .api = pipe_api,
    .init = pipe_init,
    .stop = pipe_stop,
};
