/* Messages to a collector about what happens to traffic, such as sessions that begin: syslog over
 * UDP. The log of the switch itself (base/log.h) is another thing.
 *
 *     struct text t = {0};
 *     syslog_begin(&t, p, &(struct syslog_header){...});
 *     syslog_element(&t, "nsess");
 *     syslog_param(&t, "PROTO", "%u", 6);
 *     syslog_element_end(&t);
 *     rc = syslog_send(p, &t);
 *
 * Context: control thread. Source: RFC 5424, RFC 5426; words are VPP's. */
#pragma once

#include "base/byteorder.h"
#include "base/error.h"
#include "base/text.h"
#include "base/types.h"

struct piste;

extern const struct module syslog_module;

enum syslog_severity {
    SYSLOG_EMERG,
    SYSLOG_ALERT,
    SYSLOG_CRIT,
    SYSLOG_ERR,
    SYSLOG_WARNING,
    SYSLOG_NOTICE,
    SYSLOG_INFO,
    SYSLOG_DEBUG,
    SYSLOG_SEVERITIES
};
/* "emerg" ... */
extern const char *const syslog_severity_words[SYSLOG_SEVERITIES];

#define SYSLOG_FACILITIES 24
#define SYSLOG_LOCAL0 16
/* "kernel" ... "local7" */
extern const char *const syslog_facility_words[SYSLOG_FACILITIES];

/* --- where to --- */

#define SYSLOG_PORT 514
#define SYSLOG_BYTES 480 /* of a message, by default and at least: all collectors take it */

struct syslog_sender {
    be32 collector, src;
    u16 port;
    u32 vrf;
    u32 max_bytes;
};

/* The table is kept, and made where there is none. -EINVAL, -ENOSPC. */
int syslog_set_sender(struct piste *p, const struct syslog_sender *s, struct error *e) MUST_CHECK;
/* Nobody collects any more. -ENOENT. */
int syslog_clear_sender(struct piste *p, struct error *e) MUST_CHECK;
/* NULL: nobody collects. */
const struct syslog_sender *syslog_sender(const struct piste *p);
/* Messages of that severity and graver ones are sent. */
void syslog_set_filter(struct piste *p, enum syslog_severity s);
enum syslog_severity syslog_filter(const struct piste *p);

struct syslog_counts {
    u64 sent, failed;
};
/* Since there is a sender. */
struct syslog_counts syslog_counts(const struct piste *p);

/* --- messages --- */

/* Whether one of that severity would be sent. */
bool syslog_wants(const struct piste *p, enum syslog_severity s);
/* fn(arg) after each change of what syslog_wants says, until the module that asks is stopped: what
 * it points to lives as long. */
void syslog_on_change(struct piste *p, void (*fn)(void *arg), void *arg);

struct syslog_header {
    u32 facility;
    enum syslog_severity severity;
    const char *app, *msgid; /* syslog_name_is_sound, of 48 and 32 bytes */
    u64 at_ns;               /* clock_ns() when it happened */
};

/* Whether s can be a name of at most so many bytes: printable, without blanks; of an element or
 * parameter, also without = ] ". */
bool syslog_name_is_sound(const char *s, size_t most, bool in_element);
#define SYSLOG_APP_BYTES 48
#define SYSLOG_NAME_BYTES 32 /* of an ID of messages, an element, a parameter */

/* Up to where structured data begin. t is empty. */
void syslog_begin(struct text *t, const struct piste *p, const struct syslog_header *h);
/* An element of structured data, with parameters until its end. */
void syslog_element(struct text *t, const char *id);
void syslog_param(struct text *t, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
void syslog_element_end(struct text *t);
/* In place of any element. */
void syslog_no_elements(struct text *t);
/* Takes what t holds. -ENOENT: nobody collects; -EMSGSIZE: longer than the sender says; -ENOBUFS.
 * What fails is counted. */
int syslog_send(struct piste *p, struct text *t) MUST_CHECK;
