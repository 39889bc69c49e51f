/* The file of `unix { log }': what was entered, when, in which session. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "control/cli_session.h"

/* Appends a text as one line, whatever is in it: nobody is to make up lines of the log. */
static void add_one_line(struct text *t, const char *s)
{
    size_t n = strlen(s);
    while (n && cli_is_blank(s[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++) {
        u8 c = (u8)s[i];
        if (c == '\n')
            text_puts(t, "\\n");
        else if (c != '\t' && (c < ' ' || c == 0x7f))
            text_add(t, "\\x%02x", c);
        else
            text_putc(t, (char)c);
    }
    text_putc(t, '\n');
}

void cli_log_line(struct cli *cli, const struct cli_session *s, const char *line)
{
    if (cli->settings.log_fd < 0 || (s && !*cli_skip_blanks(line)))
        return;
    struct timespec ts;
    struct tm tm;
    char stamp[32];
    struct text t = {0};
    clock_gettime(CLOCK_REALTIME, &ts);
    localtime_r(&ts.tv_sec, &tm);
    strftime(stamp, sizeof(stamp), "%Y/%m/%d %H:%M:%S", &tm);
    text_add(&t, "%s:%03u", stamp, (unsigned)ts.tv_nsec / 1000000);
    if (s) {
        text_add(&t, "[%s]: ", s->name);
        add_one_line(&t, line);
    } else {
        text_add(&t, ": ***** Start: PID %d *****\n", (int)getpid());
    }
    if (write(cli->settings.log_fd, t.s, t.len) < 0)
        log_debug(&cli_log, "cannot write to the log of commands: %s", strerror(errno));
    text_free(&t);
}

int cli_set_log(struct cli *cli, const char *path, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return error_errno(e, errno, "failed to open `%s'", path);
    if (cli->settings.log_fd >= 0)
        close(cli->settings.log_fd);
    cli->settings.log_fd = fd;
    cli_log_line(cli, NULL, "");
    return 0;
}
