/* `show sandbox': what the process may still do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/privilege.h"
#include "base/sandbox.h"
#include "control/control_module.h"
#include "control/module.h"
#include "control/startup.h"

/* Capabilities of the process: a field of /proc/self/status. */
static u64 caps_field(const char *field)
{
    FILE *f = fopen("/proc/thread-self/status", "re");
    char line[256];
    size_t n = strlen(field);
    u64 caps = 0;
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, field, n) && sscanf(line + n, ": %" SCNx64, &caps) == 1)
            break;
    if (f)
        fclose(f);
    return caps;
}

struct rows {
    struct out *out;
    u64 permitted, effective;
    const char *why; /* of the row before */
};

static const char *cap_state(const struct rows *r, const struct need *need)
{
    u64 bit = PRIVILEGE_BIT(need->number);
    return r->effective & bit ? "in effect" : r->permitted & bit ? "at times" : "missing";
}

static void show_cap(const struct need *need, void *arg)
{
    struct rows *r = arg;
    if (need->kind != NEED_CAP && need->kind != NEED_CAP_AT_TIMES)
        return;
    out_cell(r->out, "%s", need->name);
    out_cell(r->out, "%s", cap_state(r, need));
    out_cell(r->out, "%s", need->why);
}

static void sandbox_show_path(const struct need *need, void *arg)
{
    struct rows *r = arg;
    if (need->kind != NEED_READ && need->kind != NEED_WRITE && need->kind != NEED_EXECUTE)
        return;
    out_cell(r->out, "%s", need->name);
    out_cell(r->out, "%s",
             need->kind == NEED_READ    ? "read"
             : need->kind == NEED_WRITE ? "change"
                                        : "execute");
    out_cell(r->out, "%s", need->why);
}

static void end_names(struct rows *r)
{
    if (!r->why)
        return;
    out_text(r->out, "\n");
    out_end(r->out);
    out_end(r->out);
}

/* Calls and socket families: names in a line for each reason. */
static void show_name(const struct need *need, void *arg)
{
    struct rows *r = arg;
    if (need->kind != NEED_CALL && need->kind != NEED_SOCKET)
        return;
    if (!r->why || strcmp(r->why, need->why) != 0) {
        end_names(r);
        out_object(r->out, NULL);
        out_str(r->out, "why", need->why, "  %s:");
        out_array(r->out, "names");
    }
    r->why = need->why;
    out_str(r->out, NULL, need->name, " %s");
}

static void show_half(struct out *o, const char *key, const char *label, bool on, bool wanted,
                      const char *why_not)
{
    const char *state = on ? "yes" : !wanted ? "no: unix { sandbox off }" : why_not;
    out_text(o, "%s: %s\n", label, state ? state : "not yet");
    out_bool(o, key, on, NULL, NULL);
}

static int show_sandbox(struct cli_call *c)
{
    static const struct out_column caps[] = {
        {"Capability", "name", 24, OUT_LEFT, OUT_LEFT},
        {"State", "state", 12, OUT_LEFT, OUT_LEFT},
        {"For", "why", 0, OUT_LEFT, OUT_LEFT},
    };
    static const struct out_column paths[] = {
        {"Path", "path", 40, OUT_LEFT, OUT_LEFT},
        {"Access", "access", 12, OUT_LEFT, OUT_LEFT},
        {"For", "why", 0, OUT_LEFT, OUT_LEFT},
    };
    struct sandbox_state s = sandbox_state();
    struct out *o = c->out;
    bool wanted = c->piste->startup && c->piste->startup->unix_.sandbox;
    struct rows r = {
        .out = o, .permitted = caps_field("CapPrm"), .effective = caps_field("CapEff")};
    show_half(o, "calls-filtered", "system calls are filtered", s.calls, wanted, s.no_calls);
    show_half(o, "files-confined", "files are confined", s.files, wanted, s.no_files);
    out_text(o, "\n");
    out_table(o, "capabilities", caps, array_len(caps));
    sandbox_each(show_cap, &r);
    out_table_end(o);
    if (s.files || cli_has(c, "verbose")) {
        out_text(o, "\n");
        out_table(o, "paths", paths, array_len(paths));
        sandbox_each(sandbox_show_path, &r);
        out_table_end(o);
    }
    if (cli_has(c, "verbose")) {
        out_text(o, "\nSystem calls and sockets:\n");
        out_array(o, "calls");
        sandbox_each(show_name, &r);
        end_names(&r);
        out_end(o);
    }
    return 0;
}

static const struct cli_command sandbox_commands[] = {
    {"show sandbox [verbose]",
     "What the process may still do: capabilities, files; verbose: and system calls", show_sandbox,
     0},
    {NULL, NULL, NULL, 0},
};

const struct module sandbox_module = {
    .abi = MODULE_ABI,
    .name = "sandbox",
    .description = "What the process may do",
    .commands = sandbox_commands,
};
