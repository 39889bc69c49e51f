/* What the files of pcap share. */
#pragma once

#include "control/api.h"
#include "control/module.h"
#include "net/features/pcap/pcap_trace.h"

/* what `pcap trace` takes unless it is told otherwise */
#define PCAP_PACKETS_DEFAULT 1000
#define PCAP_BYTES_DEFAULT 512

struct pcap {
    struct pcap_trace *active;      /* NULL: off */
    struct pcap_dispatch *dispatch; /* NULL: off */
};

struct pcap *pcap_of(const struct piste *p);
/* Ends it without a file. */
void pcap_dispatch_forget(struct piste *p);

/* --- for the record in pcap_module.c --- */
extern const char pcap_module_name[];
extern const struct cli_command pcap_commands[];
extern const struct api_handler pcap_api[];
int pcap_init(struct piste *p, void **state, struct error *e);
void pcap_stop(struct piste *p, void *state);
