/* The core sections of startup.conf: what their keys set in struct startup. Most keys store one
 * value; these share a setter that finds the member by the key's name. */
#include "control/startup_sections.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* --- storing one value
 * ---------------------------------------------------------------------------- */

void startup_set_string(char **to, const char *text)
{
    free(*to);
    *to = mem_strdup(text);
}

int startup_store(struct cli_call *c, const struct startup_field *fields, size_t n)
{
    const struct cli_arg *last = &c->args[c->n_args - 1];
    for (size_t i = 0; i < n; i++) {
        const struct startup_field *f = &fields[i];
        bool flag = f->kind == FIELD_FLAG;
        if (!flag && c->n_args < 2)
            continue;
        if (strcmp(f->key, flag ? last->name : last[-1].name) != 0)
            continue;
        void *to = (char *)c->piste->startup + f->at;
        switch (f->kind) {
        case FIELD_FLAG:
            *(bool *)to = true;
            return 0;
        case FIELD_ON_OFF:
            *(bool *)to = last->value.u != 0;
            return 0;
        case FIELD_U32:
            *(u32 *)to = (u32)last->value.u;
            return 0;
        case FIELD_U64:
            *(u64 *)to = last->value.u;
            return 0;
        case FIELD_F64:
            *(double *)to = last->value.f;
            return 0;
        case FIELD_TEXT:
            startup_set_string(to, last->value.text);
            return 0;
        case FIELD_PAGE:
            return mem_page_size_parse(last->value.text, to, c->err);
        }
    }
    panic("no member for the key %s", c->args[0].name);
}

/* --- unix
 * ----------------------------------------------------------------------------------------- */

static const struct startup_field unix_fields[] = {
    FIELD("interactive", FIELD_FLAG, unix_.interactive),
    FIELD("nodaemon", FIELD_FLAG, unix_.nodaemon),
    FIELD("nosyslog", FIELD_FLAG, unix_.nosyslog),
    FIELD("nocolor", FIELD_FLAG, unix_.nocolor),
    FIELD("nobanner", FIELD_FLAG, unix_.nobanner),
    FIELD("cli-line-mode", FIELD_FLAG, unix_.cli_line_mode),
    FIELD("cli-no-banner", FIELD_FLAG, unix_.cli_no_banner),
    FIELD("cli-no-pager", FIELD_FLAG, unix_.cli_no_pager),
    FIELD("cli-pager-buffer-limit", FIELD_U32, unix_.cli_pager_buffer_limit),
    FIELD("cli-history-limit", FIELD_U32, unix_.cli_history_limit),
    FIELD("cli-listen", FIELD_TEXT, unix_.cli_listen),
    FIELD("runtime-dir", FIELD_TEXT, unix_.runtime_dir),
    FIELD("use-current-dir", FIELD_FLAG, unix_.use_current_dir),
    FIELD("full-coredump", FIELD_FLAG, unix_.full_coredump),
    FIELD("startup-config", FIELD_TEXT, unix_.startup_config),
    FIELD("exec", FIELD_TEXT, unix_.startup_config),
    FIELD("running-config", FIELD_TEXT, unix_.running_config),
    FIELD("running-config-versions", FIELD_U32, unix_.running_config_versions),
    FIELD("log", FIELD_TEXT, unix_.log),
    FIELD("user", FIELD_TEXT, unix_.user),
    FIELD("gid", FIELD_TEXT, unix_.gid),
    FIELD("sandbox", FIELD_ON_OFF, unix_.sandbox),
    FIELD("pidfile", FIELD_TEXT, unix_.pidfile),
};

static int set_unix(struct cli_call *c)
{
    return startup_store(c, unix_fields, array_len(unix_fields));
}

static int set_prompt(struct cli_call *c)
{
    const char *prompt = cli_str(c, "prompt", "");
    size_t n = strlen(prompt);
    char **to = &c->piste->startup->unix_.cli_prompt;
    free(*to);
    *to = mem_printf("%s%s", prompt, n && prompt[n - 1] == ' ' ? "" : " ");
    return 0;
}

static int add_sandbox_path(struct cli_call *c)
{
    struct startup *s = c->piste->startup;
    char *path = mem_strdup(cli_str(c, "dir", ""));
    if (cli_has(c, "sandbox-read"))
        vec_add(&s->unix_.sandbox_read, path);
    else
        vec_add(&s->unix_.sandbox_write, path);
    return 0;
}

static int set_coredump_size(struct cli_call *c)
{
    c->piste->startup->unix_.has_coredump_size = true;
    c->piste->startup->unix_.coredump_size = cli_u64(c, "size", UINT64_MAX);
    return 0;
}

static const struct config_key unix_keys[] = {
    {"interactive", "command line on the terminal, no daemon, log to stderr", set_unix},
    {"nodaemon", "stays in the foreground", set_unix},
    {"nosyslog", "log to stderr; stays in the foreground", set_unix},
    {"nocolor", "no colours in the banner", set_unix},
    {"nobanner", "no banner", set_unix},
    {"cli-prompt <prompt:string>", "the prompt, `vpp# '", set_prompt},
    {"cli-listen <address:string>", "/PATH, HOST:PORT or abstract:NAME; none", set_unix},
    {"cli-line-mode", "sessions start in line mode, without a greeting", set_unix},
    {"cli-no-banner", "no banner", set_unix},
    {"cli-no-pager", "no pager", set_unix},
    {"cli-pager-buffer-limit <lines:u32>", "lines that the pager keeps, 100000", set_unix},
    {"cli-history-limit <lines:u32>", "lines of history, 50", set_unix},
    {"runtime-dir <dir:file>", "working folder, /run/vpp or /run/user/UID/vpp", set_unix},
    {"use-current-dir", "the current folder is the runtime folder", set_unix},
    {"poll-sleep-usec <usec:u32>", "data threads sleep by themselves when there is nothing to do",
     NULL},
    {"coredump-size ( unlimited | <size> )", "limit of core dumps", set_coredump_size},
    {"full-coredump", "shared and huge pages go into core dumps", set_unix},
    {"startup-config <file>", "commands to run at start", set_unix},
    {"exec <file>", "the same as startup-config", set_unix},
    {"running-config <file>",
     "where `write' saves; once it exists it is run at start instead of startup-config", set_unix},
    {"running-config-versions <n:u32>", "how many of those saved before are kept beside it, 10",
     set_unix},
    {"log <file>", "gets a line for the start and for each command", set_unix},
    {"user <user:string>", "who the daemon becomes when it has started as root", set_unix},
    {"gid <group:string>", "group that owns created files", set_unix},
    {"pidfile <file>", "within the runtime folder", set_unix},
    {"sandbox <on-off>", "system calls and files that nobody here needs are refused, on", set_unix},
    {"sandbox-read <dir:file>", "one more folder or file that may be read", add_sandbox_path},
    {"sandbox-write <dir:file>", "one more that may be changed", add_sandbox_path},
    {NULL, NULL, NULL},
};

/* --- memory, buffers
 * ------------------------------------------------------------------------------ */

static int set_hugepage_size(struct cli_call *c)
{
    u64 bytes = cli_u64(c, "size", 0);
    if (!bytes || bytes & (bytes - 1))
        return error_set(c->err, EINVAL, "`%s' is not a page size", cli_str(c, "size", ""));
    mem_set_default_huge_page_bytes(bytes);
    return 0;
}

static const struct config_key memory_keys[] = {
    {"main-heap-size <size>", "the heap grows as it is needed", NULL},
    {"main-heap-page-size <page-size>", "the heap is on normal pages", NULL},
    {"default-hugepage-size <size>", "what `default-hugepage' means", set_hugepage_size},
    {NULL, NULL, NULL},
};

static const struct startup_field buffers_fields[] = {
    FIELD("buffers-per-numa", FIELD_U32, buffers.per_numa),
    FIELD("data-size", FIELD_U32, buffers.data_size),
    FIELD("page-size", FIELD_PAGE, buffers.page_size),
};

static int startup_sections_set_buffers(struct cli_call *c)
{
    return startup_store(c, buffers_fields, array_len(buffers_fields));
}

static int set_numa_buffers_count(struct cli_call *c)
{
    struct startup *s = c->piste->startup;
    s->buffers.numa.v[s->buffers.numa.n - 1].buffers = (u32)cli_u64(c, "n", 0);
    return 0;
}

static int set_numa_buffers(struct cli_call *c)
{
    static const struct config_key keys[] = {
        {"buffers <n:u32>", "buffers of this node", set_numa_buffers_count},
        {NULL, NULL, NULL},
    };
    struct startup_numa_buffers b = {.numa = (u32)cli_u64(c, "node", 0)};
    vec_add(&c->piste->startup->buffers.numa, b);
    return config_parse_block(c, cli_str(c, "block", ""), keys);
}

static const struct config_key buffers_keys[] = {
    {"buffers-per-numa <n:u32>", "most buffers on a NUMA node, 16384",
     startup_sections_set_buffers},
    {"default data-size <bytes:u32>", "room for packet data in a buffer, 2048",
     startup_sections_set_buffers},
    {"page-size <page-size>", "default-hugepage, or normal pages where there are none",
     startup_sections_set_buffers},
    {"numa <node:u32> <block>", "{ buffers N } for one NUMA node", set_numa_buffers},
    {NULL, NULL, NULL},
};

static const struct config_key physmem_keys[] = {
    {"base-addr <address:string>", "packet memory may lie anywhere", NULL},
    {"max-size <size>", "packet memory is what the section buffers says", NULL},
    {NULL, NULL, NULL},
};

/* --- programs' ways in: stats segment, binary API
 * ------------------------------------------------- */

static const struct startup_field programs_fields[] = {
    FIELD("size", FIELD_U64, statseg.size),
    FIELD("page-size", FIELD_PAGE, statseg.page_size),
    FIELD("per-node-counters", FIELD_ON_OFF, statseg.per_node_counters),
    FIELD("update-interval", FIELD_F64, statseg.update_interval_sec),
    FIELD("on", FIELD_FLAG, api.trace_on),
    FIELD("enable", FIELD_FLAG, api.trace_on),
    FIELD("nitems", FIELD_U32, api.trace_nitems),
    FIELD("save-api-table", FIELD_TEXT, api.save_table),
    FIELD("prefix", FIELD_TEXT, api_segment.prefix),
    FIELD("uid", FIELD_TEXT, api_segment.uid),
    FIELD("gid", FIELD_TEXT, api_segment.gid),
};

static int set_program(struct cli_call *c)
{
    return startup_store(c, programs_fields, array_len(programs_fields));
}

static int set_statseg_socket(struct cli_call *c)
{
    startup_set_string(&c->piste->startup->statseg.socket_name, cli_str(c, "path", "default"));
    return 0;
}

static int set_api_socket(struct cli_call *c)
{
    startup_set_string(&c->piste->startup->socksvr.socket_name, cli_str(c, "path", "default"));
    return 0;
}

static const struct config_key statseg_keys[] = {
    {"socket-name <path:file>", "socket that hands out the segment", set_statseg_socket},
    {"default", "stats.sock in the runtime folder", set_statseg_socket},
    {"size <size>", "of the segment's directory, 256M; it is taken as it is used", set_program},
    {"page-size <page-size>", "of the segment", set_program},
    {"per-node-counters <state:on-off>", "counters of each node too, off", set_program},
    {"update-interval <seconds:float>", "between two updates of gauges, 10.0", set_program},
    {NULL, NULL, NULL},
};

static const struct config_key socksvr_keys[] = {
    {"socket-name <path:file>", "socket of the binary API", set_api_socket},
    {"default", "api.sock in the runtime folder", set_api_socket},
    {NULL, NULL, NULL},
};

static const struct config_key api_trace_keys[] = {
    {"on", "API messages are traced from the start", set_program},
    {"enable", "the same as on", set_program},
    {"nitems <n:u32>", "messages that the trace keeps, 262144", set_program},
    {"save-api-table <file:string>", "the message table is written to /tmp/FILE", set_program},
    {NULL, NULL, NULL},
};

static const char no_shared_memory[] = "the API is a socket, without shared memory";

static const struct config_key api_queue_keys[] = {
    {"length <n:u32>", no_shared_memory, NULL},
    {"len <n:u32>", no_shared_memory, NULL},
    {NULL, NULL, NULL},
};

static const struct config_key api_segment_keys[] = {
    {"prefix <prefix:string>", "names this instance to API clients", set_program},
    {"uid <user:string>", "owner of the sockets of API and stats segment", set_program},
    {"gid <group:string>", "group of the sockets of API and stats segment", set_program},
    {"baseva <address:string>", no_shared_memory, NULL},
    {"global-size <size>", no_shared_memory, NULL},
    {"global-pvt-heap-size [size] <size>", no_shared_memory, NULL},
    {"api-pvt-heap-size [size] <size>", no_shared_memory, NULL},
    {"api-size <size>", no_shared_memory, NULL},
    {NULL, NULL, NULL},
};

const struct config_section startup_core_sections[] = {
    {"unix", unix_keys},
    {"cpu", startup_cpu_keys},
    {"memory", memory_keys},
    {"buffers", buffers_keys},
    {"physmem", physmem_keys},
    {"statseg", statseg_keys},
    {"socksvr", socksvr_keys},
    {"api-trace", api_trace_keys},
    {"api-queue", api_queue_keys},
    {"api-segment", api_segment_keys},
    {"plugins", startup_plugins_keys},
    {"plugin_path", startup_plugin_path_keys},
    {"test_plugin_path", startup_test_plugin_path_keys},
    {"logging", startup_logging_keys},
    {NULL, NULL},
};

/* --- after all
 * ------------------------------------------------------------------------------------ */

static int fill_runtime_dir(struct startup *s, struct error *e)
{
    char cwd[4096];
    char **dir = &s->unix_.runtime_dir;
    if (s->unix_.use_current_dir || (*dir && **dir != '/')) {
        if (!getcwd(cwd, sizeof(cwd)))
            return error_errno(e, errno, "unix_config: the current folder has no name");
        char *full = s->unix_.use_current_dir ? mem_strdup(cwd) : mem_printf("%s/%s", cwd, *dir);
        free(*dir);
        *dir = full;
    } else if (!*dir) {
        uid_t uid = s->unix_.user ? 0 : geteuid(); /* who will be somebody else is root now */
        *dir = uid ? mem_printf("/run/user/%u/vpp", (unsigned)uid) : mem_strdup("/run/vpp");
    }
    return 0;
}

static int check_pidfile(struct startup *s, struct error *e)
{
    char **pidfile = &s->unix_.pidfile;
    const char *dir = s->unix_.runtime_dir;
    if (!*pidfile)
        return 0;
    if (**pidfile != '/') {
        char *full = mem_printf("%s/%s", dir, *pidfile);
        free(*pidfile);
        *pidfile = full;
    }
    size_t n = strlen(dir);
    if (strncmp(*pidfile, dir, n) != 0 || (*pidfile)[n] != '/' || strstr(*pidfile, "/../"))
        return error_set(e, EINVAL, "unix_config: file %s is not in runtime directory %s", *pidfile,
                         dir);
    return 0;
}

int startup_check(struct startup *s, struct error *e)
{
    int rc = startup_check_cpu(s, e);
    if (!rc)
        rc = fill_runtime_dir(s, e);
    if (!rc)
        rc = check_pidfile(s, e);
    if (!s->cpu.thread_prefix)
        s->cpu.thread_prefix = mem_strdup("vpp");
    return rc;
}
