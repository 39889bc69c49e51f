/* Plugins: shared objects that export one `const struct module piste_module`, found in the folders
 * of the plugin path when the daemon starts. What does not load is one line in the log. */
#pragma once

#include "base/types.h"
#include "base/vec.h"

struct modules;

enum plugin_rule { PLUGIN_ENABLED, PLUGIN_DISABLED };

struct plugin_choice {
    char *name; /* owned: "acl_plugin.so" */
    enum plugin_rule rule;
};

/* The section plugins { } of startup.conf. */
struct plugin_settings {
    char *path;       /* owned: folders with ':' between; NULL: `plugins' beside the program in a
                       * build tree, else where plugins are installed */
    char *added_path; /* owned: as path, searched after it; may be NULL */
    enum plugin_rule otherwise; /* for names that no choice is about */
    VEC(struct plugin_choice) choices;
};

void plugin_settings_fini(struct plugin_settings *s);
/* The last choice for a name wins. name is borrowed until return. */
void plugin_choose(struct plugin_settings *s, const char *name, enum plugin_rule rule);
/* Whether a plugin, or the built-in module that goes by its name, is wanted; says so in the log
 * when not. */
bool plugin_is_wanted(const struct plugin_settings *s, const char *name);
/* All folders of the settings, as `show plugins` says them; malloc'ed. */
char *plugin_path(const struct plugin_settings *s);
/* Loads every *_plugin.so that is wanted and registers its module, to be initialised by
 * modules_init. The first of several files of one name wins. */
void plugin_load_all(struct modules *ms, const struct plugin_settings *s);
