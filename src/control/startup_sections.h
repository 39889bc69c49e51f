/* The tables behind startup.c. Internal to this floor. */
#pragma once

#include "control/config.h"
#include "control/startup.h"

/* Sections that set struct startup. Applied before plugins are loaded. */
extern const struct config_section startup_core_sections[];
/* Sections of parts of VPP that are not here; a module that brings one of that name goes before. */
extern const struct config_section startup_foreign_sections[];

/* What no key can see alone. Also fills in what was left out. */
int startup_check(struct startup *s, struct error *e) MUST_CHECK;

enum field_kind {
    FIELD_FLAG,
    FIELD_ON_OFF,
    FIELD_U32,
    FIELD_U64,
    FIELD_F64,
    FIELD_TEXT,
    FIELD_PAGE
};

/* Where the value of a key goes that only stores one. */
struct startup_field {
    const char *key; /* the last keyword of the key */
    enum field_kind kind;
    size_t at; /* in struct startup */
};

#define FIELD(key, kind, member)                                                                   \
    {                                                                                              \
        key, kind, offsetof(struct startup, member)                                                \
    }

/* Stores the value of the call's last argument in the member that fields names for it. */
int startup_store(struct cli_call *c, const struct startup_field *fields, size_t n);
void startup_set_string(char **to, const char *text);

/* Keys that have a file of their own. */
extern const struct config_key startup_cpu_keys[], startup_logging_keys[], startup_plugins_keys[],
    startup_plugin_path_keys[], startup_test_plugin_path_keys[];
int startup_check_cpu(const struct startup *s, struct error *e) MUST_CHECK;
