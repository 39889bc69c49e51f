/* Messages of classify.api that are about tables, access lists and layer 2. */
#pragma once

struct module;

extern const struct module classify_api_module;
