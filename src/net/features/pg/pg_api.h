/* Messages of pg.api. */
#pragma once

struct module;

extern const struct module pg_api_module;
