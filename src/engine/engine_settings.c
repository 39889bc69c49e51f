/* Sections `node` and `trace` of startup.conf. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"
#include "control/config.h"
#include "control/module.h"
#include "engine/engine_internal.h"

const char engine_module_name[] = "engine";

const struct engine_settings engine_default_settings = {.trace_time = TRACE_TIME_RELATIVE};

void engine_settings_free(void *settings)
{
    struct engine_settings *s = settings;
    for (u32 i = 0; i < s->variants.n; i++) {
        free(s->variants.v[i].node);
        free(s->variants.v[i].variant);
    }
    vec_free(&s->variants);
}

static int engine_settings_set_trace_time(struct cli_call *c)
{
    struct engine_settings *s = module_settings(c->piste, engine_module_name);
    s->trace_time = cli_has(c, "unix")       ? TRACE_TIME_UNIX
                    : cli_has(c, "datetime") ? TRACE_TIME_DATETIME
                                             : TRACE_TIME_RELATIVE;
    return 0;
}

static int engine_settings_set_variant(struct cli_call *c)
{
    struct engine_settings *s = module_settings(c->piste, engine_module_name);
    struct node_variant_wish *last = &s->variants.v[s->variants.n - 1];
    free(last->variant);
    last->variant = mem_strdup(cli_str(c, "name", ""));
    return 0;
}

static int engine_settings_set_node(struct cli_call *c)
{
    static const struct config_key keys[] = {
        {"variant <name:string>", "as `show node' lists them", engine_settings_set_variant},
        {NULL, NULL, NULL},
    };
    struct engine_settings *s = module_settings(c->piste, engine_module_name);
    struct node_variant_wish wish = {.node = mem_strdup(cli_str(c, "node", ""))};
    vec_add(&s->variants, wish);
    int rc = config_parse_block(c, cli_str(c, "block", ""), keys);
    if (!rc && !s->variants.v[s->variants.n - 1].variant)
        rc = error_set(c->err, EINVAL, "`%s { }' says no variant", wish.node);
    return rc;
}

static const struct config_key node_keys[] = {
    {"<node:string> <block>", "{ variant V } of a node, or of all others for `default'",
     engine_settings_set_node},
    {NULL, NULL, NULL},
};

static const struct config_key trace_keys[] = {
    {"timestamp-format ( relative | unix | datetime )", "times in `show trace', relative",
     engine_settings_set_trace_time},
    {NULL, NULL, NULL},
};

const struct config_section engine_sections[] = {
    {"node", node_keys}, {"trace", trace_keys}, {NULL, NULL}};
