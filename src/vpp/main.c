/* The daemon. Configuration is read first, and faults in it end the program while it still has its
 * terminal; then the process takes its place (process.h), modules come up, and the loop runs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/backtrace.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/version.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/control_module.h"
#include "control/loop.h"
#include "control/module.h"
#include "control/plugin.h"
#include "control/running_config.h"
#include "control/startup.h"
#include "engine/engine.h"
#include "vpp/confine.h"
#include "vpp/modules.h"
#include "vpp/process.h"
#include "vpp/restart.h"

static struct log_class main_log = {.name = "main"};

/* --- arguments
 * ------------------------------------------------------------------------------------ */

struct arguments {
    const char *config_file;
    bool interactive, check;
    char *text; /* owned: configuration on the command line */
};

static void print_usage(FILE *to)
{
    fputs("Usage: vpp [-c FILE] [-i]\n"
          "       vpp SECTION { KEY VALUE ... } ...\n"
          "\n"
          "  -c, --config FILE        read the configuration from FILE\n"
          "  -i, --interactive        command line on the terminal; as unix { interactive }\n"
          "      --check              only read the configuration: 0 when it is good\n"
          "      --no-alloc-intercept accepted, without effect\n"
          "  -v, --version            print the version\n"
          "  -h, --help               print this\n"
          "\n"
          "Without options all arguments together are the configuration.\n",
          to);
}

static NORETURN void bad_usage(const char *what, const char *arg)
{
    fprintf(stderr, "vpp: %s '%s'\n", what, arg);
    print_usage(stdout);
    exit(1);
}

static char *vpp_join(int n, char **words)
{
    struct text t = {0};
    for (int i = 0; i < n; i++)
        text_add(&t, "%s%s", i ? " " : "", words[i]);
    char *s = mem_strdup(text_str(&t));
    text_free(&t);
    return s;
}

static bool is_option(const char *arg, const char *brief, const char *full)
{
    return !strcmp(arg, brief) || !strcmp(arg, full);
}

static void parse_arguments(int argc, char **argv, struct arguments *a)
{
    if (argc > 1 && argv[1][0] != '-') {
        a->text = vpp_join(argc - 1, argv + 1);
        return;
    }
    for (int i = 1; i < argc; i++) {
        if (is_option(argv[i], "-c", "--config")) {
            if (i + 1 >= argc)
                bad_usage("option requires an argument --", argv[i]);
            a->config_file = argv[++i];
        } else if (is_option(argv[i], "-i", "--interactive")) {
            a->interactive = true;
        } else if (!strcmp(argv[i], "--check")) {
            a->check = true;
        } else if (is_option(argv[i], "-v", "--version")) {
            printf("vpp %s built by %s on %s at %s\n", piste_version, piste_build_user,
                   piste_build_host, piste_build_date);
            exit(0);
        } else if (is_option(argv[i], "-h", "--help")) {
            print_usage(stdout);
            exit(0);
        } else if (strcmp(argv[i], "--no-alloc-intercept") != 0) {
            bad_usage(argv[i][0] == '-' ? "unrecognized option" : "unexpected argument", argv[i]);
        }
    }
}

/* --- configuration
 * -------------------------------------------------------------------------------- */

static int read_config(struct piste *p, const struct arguments *a, struct error *e)
{
    struct startup *s = p->startup;
    int rc = 0;
    if (a->config_file)
        rc = startup_read_file(s, a->config_file, e);
    else
        rc = startup_set_text(s, "command line", a->text ? a->text : "", e);
    if (rc)
        return rc;
    s->unix_.interactive = a->interactive;
    rc = startup_apply_core(p, e);
    if (rc)
        return rc;
    bool to_stderr = s->unix_.interactive || s->unix_.nosyslog;
    log_set_sink(to_stderr ? LOG_SINK_STDERR : LOG_SINK_SYSLOG);

    rc = modules_add_builtin(p, e);
    if (rc)
        return rc;
    plugin_load_all(p->modules, &s->plugins);
    return startup_apply_modules(p, e);
}

static void configure_cli(struct piste *p)
{
    const struct startup *s = p->startup;
    if (s->unix_.cli_prompt)
        cli_set_prompt(p->cli, s->unix_.cli_prompt);
    cli_set_history_limit(p->cli, s->unix_.cli_history_limit);
    cli_set_pager_limit(p->cli, s->unix_.cli_pager_buffer_limit);
    cli_set_pager(p->cli, !s->unix_.cli_no_pager);
    cli_set_banner(p->cli, !s->unix_.nobanner && !s->unix_.cli_no_banner);
    cli_set_color(p->cli, !s->unix_.nocolor);
    cli_set_line_mode(p->cli, s->unix_.cli_line_mode);
}

/* Crash reports go to the log file too: the daemon's stderr is nowhere. */
static int open_log_file(struct piste *p, struct error *e)
{
    const char *path = p->startup->unix_.log;
    if (!path)
        return 0;
    int rc = cli_set_log(p->cli, path, e);
    if (!rc)
        backtrace_set_file(open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
    return rc;
}

/* --- signals
 * -------------------------------------------------------------------------------------- */

static const char *signal_word(int number)
{
    return number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "SIGHUP";
}

static void on_end_signal(void *arg, const struct loop_signal *s)
{
    struct piste *p = arg;
    fprintf(stderr, "received %s from PID %d UID %u, exiting...\n", signal_word(s->number), s->pid,
            s->uid);
    log_notice(&main_log, "received %s from PID %d UID %u, exiting", signal_word(s->number), s->pid,
               s->uid);
    loop_stop(p->loop, 0);
}

static void on_other_signal(void *arg, const struct loop_signal *s)
{
    log_warn(&main_log, "received signal %d from PID %d UID %u, ignored", s->number, s->pid,
             s->uid);
}

static int watch_signals(struct piste *p, struct error *e)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
    static const int others[] = {SIGALRM, SIGVTALRM, SIGURG,  SIGIO,   SIGPWR,
                                 SIGXCPU, SIGXFSZ,   SIGTSTP, SIGTTIN, SIGTTOU};
    int rc = 0;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    for (size_t i = 0; i < array_len(ends) && !rc; i++)
        rc = loop_signal_add(p->loop, ends[i], on_end_signal, p, e);
    for (size_t i = 0; i < array_len(others) && !rc; i++)
        rc = loop_signal_add(p->loop, others[i], on_other_signal, p, e);
    return rc;
}

/* --- ready
 * ---------------------------------------------------------------------------------------- */

/* Clients may connect as soon as there are sockets, and wait until the state that they ask for or
 * change is whole. */
static void vpp_serve(struct piste *p, bool on)
{
    cli_serve(p->cli, on);
    api_serve(p, on);
}

static void on_replayed(void *arg)
{
    struct piste *p = arg;
    struct error e = {0};
    if (p->startup->unix_.interactive && cli_console(p->cli, &e)) {
        fprintf(stderr, "vpp: %s\n", e.text);
        loop_stop(p->loop, 1);
        return;
    }
    vpp_serve(p, true);
    process_ready();
}

/* --- life
 * ----------------------------------------------------------------------------------------- */

static int start_process(struct piste *p, struct error *e)
{
    int rc = process_daemonise(p->startup, e);
    if (!rc)
        rc = process_prepare(p->startup, e);
    if (!rc)
        rc = backtrace_init(e);
    if (!rc)
        rc = open_log_file(p, e);
    if (rc)
        return rc;
    p->loop = loop_new(e);
    if (!p->loop)
        return -e->code;
    rc = watch_signals(p, e);
    return rc;
}

/* With all rights: their folders may be others', their ports below 1024. */
static int vpp_open_sockets(struct piste *p, struct error *e)
{
    int rc = 0;
    if (p->startup->unix_.cli_listen)
        rc = cli_listen(p->cli, p->startup->unix_.cli_listen, e);
    if (!rc)
        rc = api_listen(p, e);
    if (!rc)
        rc = stats_listen(p, e);
    if (!rc)
        vpp_serve(p, false);
    return rc;
}

static int start_switch(struct piste *p, struct error *e)
{
    modules_on_init(p->modules, engine_add_module);
    int rc = process_schedule(p->startup, e);
    if (!rc)
        rc = modules_init(p->modules, e);
    if (rc)
        return rc;
    cli_check(p->cli);
    configure_cli(p);
    rc = vpp_open_sockets(p, e);
    if (!rc)
        rc = confine_process(p, e);
    if (!rc)
        rc = engine_start(p->engine, e);
    if (!rc)
        rc = process_pin(p->startup, e);
    return rc ? rc : process_write_pidfile(p->startup, e);
}

static void stop_all(struct piste *p)
{
    api_close(p);
    if (p->engine)
        engine_stop(p->engine);
    modules_stop(p->modules);
    cli_free(p->cli);
    modules_free(p->modules);
    startup_free(p->startup);
    loop_free(p->loop);
}

static int vpp_run(struct piste *p, const struct arguments *a, bool *restart)
{
    struct error e = {0};
    p->cli = cli_new(p);
    p->modules = modules_new(p);
    p->startup = startup_new();
    int rc = read_config(p, a, &e);
    if (!rc && !a->check)
        rc = start_process(p, &e);
    if (!rc && !a->check)
        rc = start_switch(p, &e);
    if (rc)
        fprintf(stderr, "vpp: %s\n", e.text);
    else if (a->check)
        printf("%s: good\n", p->startup->source);
    if (rc || a->check) {
        stop_all(p);
        return rc ? 1 : 0;
    }
    running_config_start(p, on_replayed, p);
    int status = loop_run(p->loop);
    process_stopping();
    *restart = control_wants_restart(p);
    stop_all(p);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments a = {0};
    struct piste p = {.start_ns = clock_ns()};
    bool restart = false;
    file_open_standard();
    parse_arguments(argc, argv, &a);
    int start_dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = vpp_run(&p, &a, &restart);
    free(a.text);
    if (restart) {
        restart_program(argv, start_dir);
        fprintf(stderr, "vpp: cannot restart: %s\n", strerror(errno));
        return 1;
    }
    return status;
}
