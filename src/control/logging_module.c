/* Commands of the log: what it keeps, and how much. Rules given here are part of the running
 * config; those of startup.conf are not, since they come back by themselves. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/vec.h"
#include "control/control_module.h"
#include "control/module.h"

struct class_rule {
    char *name; /* owned */
    struct log_rule rule;
};

struct logging {
    VEC(struct class_rule) rules; /* given by command */
    u32 size;                     /* 0: not given by command */
    bool has_unthrottle;
    u32 unthrottle_sec;
};

static struct logging *logging_of(const struct cli_call *c)
{
    return module_state(c->piste, logging_module.name);
}

/* --- show
 * ----------------------------------------------------------------------------------------- */

static void show_entry(const struct log_entry *e, void *arg)
{
    struct out *o = arg;
    char time[LOG_TIME_BYTES], class[64];
    log_format_time(e->time, time);
    snprintf(class, sizeof(class), "%s%s%s", e->name, e->sub ? "/" : "", e->sub ? e->sub : "");
    out_text(o, "%s %-10s %-14s %s\n", time, log_level_name(e->level), class, e->text);
    out_object(o, NULL);
    out_str(o, "time", time, NULL);
    out_str(o, "level", log_level_name(e->level), NULL);
    out_str(o, "class", class, NULL);
    out_str(o, "message", e->text, NULL);
    out_end(o);
}

static int show_logging(struct cli_call *c)
{
    out_array(c->out, "entries");
    log_each(show_entry, c->out);
    out_end(c->out);
    return 0;
}

static void show_class(const struct log_class_info *info, void *arg)
{
    struct out *o = arg;
    out_cell(o, "%s%s%s", info->name, info->sub ? "/" : "", info->sub ? info->sub : "");
    out_cell(o, "%s", log_level_name((enum log_level)info->rule.level));
    out_cell(o, "%s", log_level_name((enum log_level)info->rule.syslog_level));
    out_cell(o, "%s", log_level_name((enum log_level)info->rule.kmsg_level));
    out_cell_i64(o, info->rule.rate_limit);
}

static int show_logging_configuration(struct cli_call *c)
{
    static const struct out_column cols[] = {
        {"Class/Subclass", "class", 23, OUT_LEFT, OUT_LEFT},
        {"Level", "level", 15, OUT_LEFT, OUT_LEFT},
        {"Syslog Level", "syslog-level", 15, OUT_LEFT, OUT_LEFT},
        {"Kmsg Level", "kmsg-level", 15, OUT_LEFT, OUT_LEFT},
        {"Rate Limit", "rate-limit", 0, OUT_LEFT, OUT_LEFT},
    };
    struct log_config config = log_config();
    const struct log_rule *d = &config.defaults;
    struct out *o = c->out;
    out_u64(o, "size", config.size, "Buffer Size:         %" PRIu64 " entries\n");
    out_u64(o, "unthrottle-time", config.unthrottle_sec, "Unthrottle Time:     %" PRIu64 " sec\n");
    out_text(o, "Defaults:\n");
    out_object(o, "defaults");
    out_str(o, "level", log_level_name((enum log_level)d->level), "  Log Level:         %s\n");
    out_str(o, "syslog-level", log_level_name((enum log_level)d->syslog_level),
            "  Syslog Log Level:  %s\n");
    out_str(o, "kmsg-level", log_level_name((enum log_level)d->kmsg_level),
            "  Kmsg Log Level:    %s\n");
    out_i64(o, "rate-limit", d->rate_limit, "  Rate Limit:        %" PRId64 " msgs/sec\n");
    out_end(o);
    out_text(o, "\n");
    out_table(o, "classes", cols, array_len(cols));
    log_each_class(show_class, o);
    out_table_end(o);
    return 0;
}

/* --- set
 * ------------------------------------------------------------------------------------------ */

static int parse_level(struct cli_call *c, const char *label, int *level)
{
    const char *word = cli_str(c, label, NULL);
    if (!word)
        return 0;
    *level = log_level_parse(word);
    return *level < 0 ? error_set(c->err, EINVAL, "unknown level `%s'", word) : 0;
}

static struct class_rule *rule_of(struct logging *l, const char *name)
{
    for (u32 i = 0; i < l->rules.n; i++)
        if (!strcmp(l->rules.v[i].name, name))
            return &l->rules.v[i];
    struct class_rule r = {mem_strdup(name), {LOG_KEEP, LOG_KEEP, LOG_KEEP, LOG_KEEP}};
    vec_add(&l->rules, r);
    return &l->rules.v[l->rules.n - 1];
}

static int set_logging_class(struct cli_call *c)
{
    const char *name = cli_str(c, "name", "");
    struct log_rule rule = {LOG_KEEP, LOG_KEEP, LOG_KEEP, LOG_KEEP};
    int rc = cli_is_plain_word(name) ? 0 : error_set(c->err, EINVAL, "a class is one word");
    if (!rc)
        rc = parse_level(c, "threshold", &rule.level);
    if (!rc)
        rc = parse_level(c, "syslog", &rule.syslog_level);
    if (!rc)
        rc = parse_level(c, "kmsg", &rule.kmsg_level);
    if (rc)
        return rc;
    if (cli_has(c, "rate-limit"))
        rule.rate_limit = (int)min_u64(cli_u64(c, "limit", 0), INT32_MAX);
    if (!log_class_exists(name))
        out_text(c->out, "class %s has not logged anything so far\n", name);

    struct log_rule *kept = &rule_of(logging_of(c), name)->rule;
    *kept = (struct log_rule){
        rule.level != LOG_KEEP ? rule.level : kept->level,
        rule.syslog_level != LOG_KEEP ? rule.syslog_level : kept->syslog_level,
        rule.kmsg_level != LOG_KEEP ? rule.kmsg_level : kept->kmsg_level,
        rule.rate_limit != LOG_KEEP ? rule.rate_limit : kept->rate_limit,
    };
    log_set_class(name, kept);
    return 0;
}

static int set_logging_size(struct cli_call *c)
{
    u64 size = cli_u64(c, "entries", 0);
    if (size < 1 || size > 1u << 20)
        return error_set(c->err, EINVAL, "size must be in 1..1048576");
    log_set_size((u32)size);
    logging_of(c)->size = (u32)size;
    return 0;
}

static int set_logging_unthrottle_time(struct cli_call *c)
{
    struct logging *l = logging_of(c);
    l->has_unthrottle = true;
    l->unthrottle_sec = (u32)cli_u64(c, "seconds", 0);
    log_set_unthrottle(l->unthrottle_sec);
    return 0;
}

static int clear_logging(struct cli_call *c)
{
    log_clear();
    return 0;
}

/* Classes are for ever: each name is kept once, and they are few. */
static struct log_class *test_class(const char *name, const char *sub)
{
    static VEC(struct log_class *) classes;
    for (u32 i = 0; i < classes.n; i++)
        if (!strcmp(classes.v[i]->name, name) && !strcmp(classes.v[i]->sub, sub))
            return classes.v[i];
    if (classes.n >= 64)
        return NULL;
    struct log_class *class = mem_alloc(sizeof(*class));
    *class = (struct log_class){.name = mem_strdup(name), .sub = mem_strdup(sub)};
    vec_add(&classes, class);
    return class;
}

static int test_log(struct cli_call *c)
{
    int level = LOG_LEVEL_NOTICE;
    int rc = parse_level(c, "level", &level);
    if (rc)
        return rc;
    struct log_class *class = test_class(cli_str(c, "class", ""), cli_str(c, "subclass", ""));
    if (!class)
        return error_set(c->err, ENOSPC, "too many classes");
    log_msg(class, (enum log_level)level, "%s", cli_str(c, "message", ""));
    return 0;
}

static const struct cli_command commands[] = {
    {"show logging", "Entries of the log", show_logging, 0},
    {"show logging configuration", "Levels and limits of the log", show_logging_configuration, 0},
    {"set logging class <name:string> [rate-limit <limit:u32>] [level <threshold:string>] "
     "[syslog-level <syslog:string>] [kmsg-level <kmsg:string>]",
     "What is kept of a class, or CLASS/SUB", set_logging_class, 0},
    {"set logging size <entries:u32>", "Entries that the log keeps", set_logging_size, 0},
    {"set logging unthrottle-time <seconds:u32>", "Silence of a class that said too much",
     set_logging_unthrottle_time, 0},
    {"clear logging", "Forget all entries of the log", clear_logging, 0},
    {"test log <level:string> <class:string> <subclass:string> <message:rest>", "Write to the log",
     test_log, 0},
    {NULL, NULL, NULL, 0},
};

/* --- module
 * --------------------------------------------------------------------------------------- */

static int logging_init(struct piste *p, void **state, struct error *e)
{
    *state = mem_alloc(sizeof(struct logging));
    return 0;
}

static void logging_stop(struct piste *p, void *state)
{
    struct logging *l = state;
    for (u32 i = 0; i < l->rules.n; i++)
        free(l->rules.v[i].name);
    vec_free(&l->rules);
    free(l);
}

static void write_level(struct text *t, const char *key, int level)
{
    if (level != LOG_KEEP)
        text_add(t, " %s %s", key, log_level_name((enum log_level)level));
}

static void logging_running_config(struct piste *p, void *state, enum rc_phase phase,
                                   struct text *t)
{
    const struct logging *l = state;
    if (phase != RC_GLOBAL)
        return;
    if (l->size)
        text_add(t, "set logging size %u\n", l->size);
    if (l->has_unthrottle)
        text_add(t, "set logging unthrottle-time %u\n", l->unthrottle_sec);
    for (u32 i = 0; i < l->rules.n; i++) {
        const struct class_rule *r = &l->rules.v[i];
        text_add(t, "set logging class %s", r->name);
        if (r->rule.rate_limit != LOG_KEEP)
            text_add(t, " rate-limit %d", r->rule.rate_limit);
        write_level(t, "level", r->rule.level);
        write_level(t, "syslog-level", r->rule.syslog_level);
        write_level(t, "kmsg-level", r->rule.kmsg_level);
        text_putc(t, '\n');
    }
}

const struct module logging_module = {
    .abi = MODULE_ABI,
    .name = "logging",
    .description = "The log",
    .commands = commands,
    .init = logging_init,
    .stop = logging_stop,
    .running_config = logging_running_config,
};
