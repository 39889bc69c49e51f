/* Counters for Prometheus: the stats segment as text over HTTP. The plugin's own.
 *
 *   control thread: settings, start, end        HTTP thread: a scrape copies the settings, reads
 * the segment as any client does, answers
 *
 * So neither the data threads nor the control thread wait for a scrape. */
#pragma once

#include <pthread.h>

#include "base/error.h"
#include "base/text.h"
#include "base/vec.h"

#define PROM_PREFIX_BYTES 32

/* What is told, and how. */
struct prom_settings {
    char prefix[PROM_PREFIX_BYTES];
    u32 min_interval_sec; /* between two looks at the segment */
    bool used_only;       /* leaves out what is 0 */
    bool all;             /* instead of patterns, or of what is told without any */
    VEC(char *) patterns; /* owned; regular expressions */
};

void prom_settings_copy(struct prom_settings *to, const struct prom_settings *from);
void prom_settings_free(struct prom_settings *s);
/* Adds a pattern, once. */
int prom_settings_add(struct prom_settings *s, const char *pattern, struct error *e) MUST_CHECK;

/* Appends what a segment has, in Prometheus' text format 0.0.4. Context: any thread. */
int prom_render(int segment_fd, const struct prom_settings *s, struct text *out,
                struct error *e) MUST_CHECK;

/* The HTTP server, in a thread of its own. */
struct prom_server;

struct prom_source {
    int segment_fd;
    pthread_mutex_t lock; /* of settings, which the control thread changes */
    struct prom_settings settings;
    u32 generation; /* changes with them */
};

/* source is borrowed until prom_server_free. address: as listen_open has it. */
struct prom_server *prom_server_new(struct prom_source *source, const char *address,
                                    struct error *e);
void prom_server_free(struct prom_server *s);
