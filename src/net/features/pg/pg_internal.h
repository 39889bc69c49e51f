/* What the generator's own files share. */
#pragma once

#include <stdatomic.h>

#include "base/text.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"
#include "control/piste.h"
#include "engine/feature.h"
#include "engine/node.h"
#include "engine/ring.h"
#include "engine/thread.h"
#include "net/link/interface/interface.h"
#include "net/features/pg/pg.h"
#include "net/features/pg/pg_packet.h"

#define PG_NAME_BYTES 64

/* --- interfaces --- */

struct pg_port {
    struct pg *pg;
    u32 id;
    enum pg_mode mode;
    struct if_index interface;
    bool csum_offload, gso, coalesce;
    u32 gso_size;
    bool mac_filter;
    struct pg_capture *capture; /* owned; data threads read it */
};

/* --- captures: data threads hand packets over, the control thread writes and frees them --- */

/* A stream makes no more packets while so many wait to be written: none is lost then. */
#define PG_CAPTURE_HIGH 1024u
#define PG_CAPTURE_SLOTS 8192u

struct pg_captured {
    u64 time_ns; /* clock_ns() */
    u32 bi;
};

struct pg_capture {
    struct ring ring; /* of struct pg_captured */
    char *path;       /* owned */
    u32 link_type;
    u32 left;        /* packets still to be written */
    int fd;          /* -1: not made yet */
    struct text out; /* bytes to be written */
};

/* --- streams --- */

enum pg_size_kind { PG_SIZE_INCREMENT, PG_SIZE_RANDOM };

/* A packet as it is to be, with what goes into the buffer's metadata. */
struct pg_frame {
    u8 *bytes; /* in whole cache lines; owned by the stream or its packet */
    u32 len;
    u32 flags;          /* enum buffer_flags */
    u16 l3, csum_start; /* from the packet's first byte */
    u16 gso_size;
    u8 csum_offset, gso_l4_len;
};

#define PG_LIMIT_NONE UINT64_MAX

/* What a stream was told. */
struct pg_stream_settings {
    char name[PG_NAME_BYTES];
    u64 limit; /* packets; 0 and PG_LIMIT_NONE: endless, of a file too when it is PG_LIMIT_NONE */
    double rate;
    u32 min_bytes, max_bytes;
    enum pg_size_kind size_kind;
    u32 buffer_bytes; /* without effect: a packet longer than a buffer is a chain */
    u32 worker, max_frame;
    struct if_index source, rx_if, tx_if; /* rx_if: what packets say they came through */
    struct node_index node;
    u32 buffer_flags; /* of enum buffer_flags */
    u32 offload;      /* PG_OFFLOAD_* */
};

struct pg_stream {
    struct pg_stream_settings set;
    struct pg *pg;
    u32 id; /* never used again */
    bool is_replay;
    struct pg_packet packet;                /* unless it replays a file */
    VEC(struct pg_frame) frames;            /* of the file; else one, the packet's */
    bool is_constant;                       /* every packet is frames.v[0] */
    u16 next;                               /* edge of pg-input */
    const struct feature_arc *device_input; /* NULL: not to ethernet-input */
    bool enabled;

    /* while it is enabled: the data thread's */
    struct rx_queue rx; /* fd: a timer when the rate is limited */
    u64 start_ns;
    u64 resumed_at; /* packets made before the timer started */
    u32 next_size, next_frame;
    struct pg_random random;
    _Atomic u64 made;
    bool told;             /* the control thread knows of the end */
    _Atomic bool finished; /* and all its packets have passed the graph */
};

struct pg {
    struct piste *piste;
    VEC(struct pg_port *) ports;
    VEC(struct pg_stream *) streams;
    u32 stream_ids;
    struct node_index input;
    _Atomic u32 backlog; /* packets that wait to be written */
    _Atomic u32 woken;   /* the control thread knows that there are some */
};

struct pg *pg_of(const struct piste *p);

/* pg_interface.c */
struct pg_port *pg_port_at(const struct pg *pg, struct if_index i); /* NULL: not one of ours */
const char *pg_mode_name(enum pg_mode mode);
int pg_mac_filter(struct piste *p, struct if_index i, bool on, struct error *e) MUST_CHECK;
void pg_ports_free(struct pg *pg);

/* pg_capture.c */
/* Writes what waits. */
void pg_captures_drain(struct pg *pg);

/* pg_definition.c */
struct pg_definition {
    struct pg_stream_settings set;
    u32 source; /* pgN's N, or PG_ID_NONE */
    bool has_node;
    char *data, *pcap; /* owned; NULL: not given */
};
int pg_definition_parse(struct piste *p, const char *text, struct pg_definition *d,
                        struct error *e) MUST_CHECK;
/* What may be changed later, into *set. */
int pg_configure_parse(const char *text, struct pg_stream_settings *set,
                       struct error *e) MUST_CHECK;
void pg_definition_free(struct pg_definition *d);

/* pg_stream.c */
struct pg_stream *pg_stream_find(const struct pg *pg, const char *name);
/* Makes a stream of the text behind `packet-generator new`; one of the same name goes. */
int pg_stream_new(struct piste *p, const char *text, struct error *e) MUST_CHECK;
/* What follows the name in `packet-generator configure`. */
int pg_stream_configure(struct pg_stream *s, const char *text, struct error *e) MUST_CHECK;
int pg_stream_set_enabled(struct pg_stream *s, bool enable, struct error *e) MUST_CHECK;
bool pg_stream_is_enabled(const struct pg_stream *s);
void pg_stream_delete(struct pg_stream *s);
/* Those that come from i or enter through it. */
void pg_streams_forget(struct pg *pg, struct if_index i);
/* Data thread: told of the end of stream `id`. */
void pg_stream_on_finished(struct piste *p, const void *payload);

/* pg_replay.c */
int pg_replay_load(struct pg_stream *s, const char *path, struct error *e) MUST_CHECK;
void pg_replay_free(struct pg_stream *s);

/* pg_offload.c */
enum {
    PG_OFFLOAD_TCP_CSUM = 1 << 0,
    PG_OFFLOAD_UDP_CSUM = 1 << 1,
    PG_OFFLOAD_GSO = 1 << 2,     /* where there is more payload than gso_size */
    PG_OFFLOAD_GSO_ALL = 1 << 3, /* wherever there is payload */
};

/* Finds out what the packet may leave to be done by who sends it, of what is wanted. is_ip: it has
 * no ethernet header. Returns whether the L4 sum is left; the caller puts the pseudo-header's sum
 * there. */
bool pg_frame_set_offload(struct pg_frame *f, bool is_ip, u32 want, u32 gso_size);
void pg_frame_put_partial_sum(struct pg_frame *f);

/* pg_cli.c */

/* pg_nodes.c */
extern const struct node_def pg_input_node, pg_tx_node, pg_mac_filter_node;

enum pg_input_error { PG_INPUT_ERR_NO_BUFFER, PG_INPUT_ERR_N };
enum pg_tx_error { PG_TX_ERR_GSO, PG_TX_ERR_CSUM, PG_TX_ERR_CAPTURE, PG_TX_ERR_N };
enum pg_tx_next { PG_TX_NEXT_DROP, PG_TX_NEXT_N };

/* With a traced hop of pg-input. */
struct pg_trace {
    struct if_index interface;
    struct node_index next;
    u32 bytes;
    char stream[44];
};

/* --- for the record in pg_module.c --- */
extern const char pg_module_name[];
extern const struct cli_command pg_commands[];
extern const struct cli_type pg_types[];
extern const struct api_handler pg_api_handlers[];
int pg_init(struct piste *p, void **state, struct error *e);
void pg_stop(struct piste *p, void *state);
void pg_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t);
