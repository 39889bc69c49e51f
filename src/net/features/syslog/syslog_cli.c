/* Commands of syslog. Words are VPP's. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "net/features/syslog/syslog_internal.h"
#include "net/packet/ip4_format.h"

static be32 syslog_cli_address(const struct cli_call *c, const char *label)
{
    return load_be32(cli_get(c, label)->ip.addr);
}

static int syslog_cli_sender(struct cli_call *c)
{
    struct syslog_sender s = {
        .collector = syslog_cli_address(c, "collector-address"),
        .src = syslog_cli_address(c, "source-address"),
        .port = (u16)cli_u64(c, "port-number", SYSLOG_PORT),
        .vrf = (u32)cli_u64(c, "vrf", 0),
        .max_bytes = (u32)cli_u64(c, "bytes", SYSLOG_BYTES),
    };
    return syslog_set_sender(c->piste, &s, c->err);
}

static int syslog_cli_no_sender(struct cli_call *c)
{
    return syslog_clear_sender(c->piste, c->err);
}

static bool word_number(const char *word, const char *const words[], u32 n, u32 *number)
{
    for (*number = 0; *number < n; ++*number)
        if (!strcmp(word, words[*number]))
            return true;
    return false;
}

static int severity_of_word(struct cli_call *c, enum syslog_severity *severity)
{
    const char *word = cli_str(c, "level", "");
    u32 number;
    if (!word_number(word, syslog_severity_words, SYSLOG_SEVERITIES, &number))
        return error_set(c->err, EINVAL, "unknown severity `%s'", word);
    *severity = (enum syslog_severity)number;
    return 0;
}

static int syslog_cli_filter(struct cli_call *c)
{
    enum syslog_severity severity;
    int rc = severity_of_word(c, &severity);
    if (!rc)
        syslog_set_filter(c->piste, severity);
    return rc;
}

static int syslog_cli_show_sender(struct cli_call *c)
{
    const struct syslog_sender *s = syslog_sender(c->piste);
    struct syslog_counts counts = syslog_counts(c->piste);
    struct text address = {0};
    if (!s) {
        out_text(c->out, "no syslog sender\n");
        return 0;
    }
    ip4_format_address(&address, s->collector);
    out_str(c->out, "collector", text_str(&address), "collector %s");
    out_u64(c->out, "port", s->port, ":%" PRIu64);
    text_clear(&address);
    ip4_format_address(&address, s->src);
    out_str(c->out, "source", text_str(&address), ", src address %s");
    out_u64(c->out, "vrf", s->vrf, ", VRF ID %" PRIu64);
    out_u64(c->out, "max_msg_size", s->max_bytes, ", max-msg-size %" PRIu64 "\n");
    out_u64(c->out, "sent", counts.sent, "  %" PRIu64 " messages sent");
    out_u64(c->out, "failed", counts.failed, ", %" PRIu64 " not sent\n");
    text_free(&address);
    return 0;
}

static int syslog_cli_show_filter(struct cli_call *c)
{
    out_str(c->out, "severity", syslog_severity_words[syslog_filter(c->piste)],
            "severity-filter: %s\n");
    return 0;
}

/* Its element, with the parameters that follow. */
static void element_of_words(const struct cli_call *c, struct text *t)
{
    const char *name = NULL;
    syslog_element(t, cli_str(c, "element", ""));
    for (u32 i = 0; i < c->n_args; i++) {
        if (!strcmp(c->args[i].name, "parameter"))
            name = c->args[i].value.text;
        else if (!strcmp(c->args[i].name, "value"))
            syslog_param(t, name, "%s", c->args[i].value.text);
    }
    syslog_element_end(t);
}

static int check_names(struct cli_call *c)
{
    bool sound = syslog_name_is_sound(cli_str(c, "app-name", ""), SYSLOG_APP_BYTES, false) &&
                 syslog_name_is_sound(cli_str(c, "msgid", ""), SYSLOG_NAME_BYTES, false) &&
                 (!cli_get(c, "element") ||
                  syslog_name_is_sound(cli_str(c, "element", ""), SYSLOG_NAME_BYTES, true));
    for (u32 i = 0; sound && i < c->n_args; i++)
        if (!strcmp(c->args[i].name, "parameter"))
            sound = syslog_name_is_sound(c->args[i].value.text, SYSLOG_NAME_BYTES, true);
    return sound ? 0
                 : error_set(c->err, EINVAL,
                             "names are printable, without blanks, and at most %u bytes, "
                             "of a program %u",
                             SYSLOG_NAME_BYTES, SYSLOG_APP_BYTES);
}

static int syslog_cli_test(struct cli_call *c)
{
    const char *facility = cli_str(c, "facility", ""), *message = cli_str(c, "message", "");
    struct syslog_header h = {
        .app = cli_str(c, "app-name", ""), .msgid = cli_str(c, "msgid", ""), .at_ns = clock_ns()};
    int rc = severity_of_word(c, &h.severity);
    if (!rc && !word_number(facility, syslog_facility_words, SYSLOG_FACILITIES, &h.facility))
        rc = error_set(c->err, EINVAL, "unknown facility `%s'", facility);
    if (!rc)
        rc = check_names(c);
    if (rc)
        return rc;
    if (!syslog_sender(c->piste))
        return error_set(c->err, ENOENT, "no sender is set");
    if (!syslog_wants(c->piste, h.severity))
        return 0;
    struct text t = {0};
    syslog_begin(&t, c->piste, &h);
    if (cli_get(c, "element"))
        element_of_words(c, &t);
    else
        syslog_no_elements(&t);
    if (*message)
        text_add(&t, " %s", message);
    rc = syslog_send(c->piste, &t);
    return rc == -EMSGSIZE ? error_set(c->err, EMSGSIZE, "longer than max-msg-size")
           : rc            ? error_set(c->err, -rc, "%s", strerror(-rc))
                           : 0;
}

const struct cli_command syslog_commands[] = {
    {"set syslog sender (collector <collector-address:ip4-address>) [port <port-number:u16>]"
     " (src <source-address:ip4-address>) [vrf-id <vrf:u32>] [max-msg-size <bytes:u32>]",
     "Sends messages about traffic, such as sessions of NAT, to a collector", syslog_cli_sender, 0},
    {"set syslog sender disable", "Sends no more messages about traffic", syslog_cli_no_sender,
     CLI_OWN},
    {"set syslog filter (severity <level:string>)",
     "Sends messages of that severity and graver ones only", syslog_cli_filter, 0},
    {"show syslog sender", "Who collects messages about traffic, and how many there were",
     syslog_cli_show_sender, 0},
    {"show syslog filter", "Which messages about traffic are sent", syslog_cli_show_filter, 0},
    {"test syslog <facility:string> <level:string> <app-name:string> <msgid:string>"
     " [sd-id <element:string> [( sd-param <parameter:string> <value:string> ) ...]]"
     " [<message:rest>]",
     "Sends a message to the collector", syslog_cli_test, 0},
    {0},
};

void syslog_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const struct syslog_sender *s = syslog_sender(p);
    if (phase != RC_ROUTES)
        return;
    if (s) {
        text_puts(t, "set syslog sender collector ");
        ip4_format_address(t, s->collector);
        text_add(t, " port %u src ", s->port);
        ip4_format_address(t, s->src);
        text_add(t, " vrf-id %u max-msg-size %u\n", s->vrf, s->max_bytes);
    }
    if (syslog_filter(p) != SYSLOG_INFO)
        text_add(t, "set syslog filter severity %s\n", syslog_severity_words[syslog_filter(p)]);
}
