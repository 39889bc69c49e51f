/* logging { } of startup.conf. Takes effect at once, so that it holds for what is logged while the
 * rest is read. */
#include <errno.h>
#include <string.h>

#include "control/startup_sections.h"

static const struct log_rule keep_all = {LOG_KEEP, LOG_KEEP, LOG_KEEP, LOG_KEEP};

/* One key of defaults or of a class. */
static int set_rule(struct cli_call *c, struct log_rule *rule)
{
    const char *key = c->args[0].name;
    if (!strcmp(key, "rate-limit")) {
        rule->rate_limit = (int)min_u64(cli_u64(c, "n", 0), INT32_MAX);
        return 0;
    }
    int level = log_level_parse(cli_str(c, "threshold", ""));
    if (level < 0)
        return error_set(c->err, EINVAL,
                         "unknown level `%s'; expected emerg, alert, crit, error, warn, notice, "
                         "info, debug or disabled",
                         cli_str(c, "threshold", ""));
    if (strstr(key, "syslog"))
        rule->syslog_level = level;
    else if (strstr(key, "kmsg"))
        rule->kmsg_level = level;
    else
        rule->level = level;
    return 0;
}

static int set_class_rule(struct cli_call *c)
{
    return set_rule(c, c->piste->startup->class_rule);
}

static int set_default_rule(struct cli_call *c)
{
    struct log_rule rule = keep_all;
    int rc = set_rule(c, &rule);
    if (!rc)
        log_set_defaults(&rule);
    return rc;
}

static int set_log_class(struct cli_call *c)
{
    static const struct config_key keys[] = {
        {"level <threshold:string>", "kept from this level on", set_class_rule},
        {"syslog-level <threshold:string>", "sent to syslog from this level on", set_class_rule},
        {"kmsg-level <threshold:string>", "sent to the kernel's log from this level on",
         set_class_rule},
        {"rate-limit <n:u32>", "messages a second, 50", set_class_rule},
        {NULL, NULL, NULL},
    };
    struct log_rule rule = keep_all;
    c->piste->startup->class_rule = &rule;
    int rc = config_parse_block(c, cli_str(c, "block", ""), keys);
    c->piste->startup->class_rule = NULL;
    if (!rc)
        log_set_class(cli_str(c, "name", ""), &rule);
    return rc;
}

static int set_log_size(struct cli_call *c)
{
    u64 size = cli_u64(c, "entries", 0);
    if (size < 1 || size > 1u << 20)
        return error_set(c->err, EINVAL, "size `%s' is not in 1..1048576",
                         cli_str(c, "entries", ""));
    log_set_size((u32)size);
    return 0;
}

static int set_unthrottle_time(struct cli_call *c)
{
    log_set_unthrottle((u32)cli_u64(c, "seconds", 0));
    return 0;
}

const struct config_key startup_logging_keys[] = {
    {"size <entries:u32>", "entries that are kept, 512", set_log_size},
    {"unthrottle-time <seconds:u32>", "silence of a class that said too much, 3",
     set_unthrottle_time},
    {"default-log-level <threshold:string>", "kept from this level on, notice", set_default_rule},
    {"default-syslog-log-level <threshold:string>", "sent to syslog from this level on, warn",
     set_default_rule},
    {"default-kmsg-log-level <threshold:string>", "sent to the kernel's log, disabled",
     set_default_rule},
    {"add-to-elog", "there is no event log", NULL},
    {"class <name:string> <block>", "levels and rate limit of CLASS or CLASS/SUB", set_log_class},
    {NULL, NULL, NULL},
};
