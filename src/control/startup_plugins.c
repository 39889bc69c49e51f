/* plugins { } of startup.conf: where plugins are and which are wanted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/startup_sections.h"

static int set_plugin_path(struct cli_call *c)
{
    startup_set_string(&c->piste->startup->plugins.path, cli_str(c, "dir", ""));
    return 0;
}

static int add_plugin_path(struct cli_call *c)
{
    char **added = &c->piste->startup->plugins.added_path;
    const char *path = cli_str(c, "dir", "");
    char *both = *added ? mem_printf("%s:%s", *added, path) : mem_strdup(path);
    free(*added);
    *added = both;
    return 0;
}

static int startup_plugins_choose(struct cli_call *c, enum plugin_rule rule)
{
    struct startup *s = c->piste->startup;
    if (!strcmp(s->plugin_name, "default"))
        s->plugins.otherwise = rule;
    else
        plugin_choose(&s->plugins, s->plugin_name, rule);
    return 0;
}

static int enable_plugin(struct cli_call *c)
{
    return startup_plugins_choose(c, PLUGIN_ENABLED);
}

static int disable_plugin(struct cli_call *c)
{
    return startup_plugins_choose(c, PLUGIN_DISABLED);
}

static int set_plugin(struct cli_call *c)
{
    static const struct config_key keys[] = {
        {"enable", "load it", enable_plugin},
        {"disable", "do not load it", disable_plugin},
        {"skip-version-check", "the ABI of a plugin is always checked", NULL},
        {NULL, NULL, NULL},
    };
    c->piste->startup->plugin_name = cli_str(c, "name", "");
    int rc = config_parse_block(c, cli_str(c, "block", ""), keys);
    c->piste->startup->plugin_name = NULL;
    return rc;
}

const struct config_key startup_plugins_keys[] = {
    {"path <dir:file>", "folders that are searched, with `:' between", set_plugin_path},
    {"add-path <dir:file>", "one more folder", add_plugin_path},
    {"name-filter <pattern:string>", "every *_plugin.so is a plugin", NULL},
    {"vat-path <dir:file>", "there are no test plugins", NULL},
    {"vat-name-filter <pattern:string>", "there are no test plugins", NULL},
    {"plugin <name:string> <block>", "{ enable | disable }; NAME `default': all others",
     set_plugin},
    {NULL, NULL, NULL},
};

const struct config_key startup_plugin_path_keys[] = {
    {"<dir:file>", "as plugins { path }", set_plugin_path},
    {NULL, NULL, NULL},
};

const struct config_key startup_test_plugin_path_keys[] = {
    {"<dir:file>", "there are no test plugins", NULL},
    {NULL, NULL, NULL},
};
