/* Messages of l2.api. */
#pragma once

struct module;

extern const struct module l2_api_module;
