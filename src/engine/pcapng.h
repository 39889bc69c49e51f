/* The part of a pcap_reader (pcap.h) that reads pcapng files. */
#pragma once

#include "engine/pcap.h"

#define PCAPNG_MAGIC 0x0a0d0d0a /* in either byte order */

/* As pcap_read_next, from 0 on. */
int pcapng_read_next(struct pcap_reader *r, struct pcap_record *out, struct error *e) MUST_CHECK;
