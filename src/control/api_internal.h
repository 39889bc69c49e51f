/* What the files of the API server share. */
#pragma once

#include "base/hash.h"
#include "base/log.h"
#include "base/vec.h"
#include "control/api.h"
#include "control/cli.h"
#include "control/module.h"

#define API_HANDLE_BIT 0x80000000u

enum {
    API_ID_SOCKCLNT_CREATE = 15,
    /* a longer message is taken for a client gone mad */
    API_MAX_MESSAGE_BYTES = 16 << 20,
    API_HEADER_BYTES = 16,
    /* a client that does not read is not read from either while this much waits for it */
    API_OUT_HIGH_BYTES = 1 << 20,
    API_OUT_LOW_BYTES = 256 << 10,
    /* and is left when events for it have come to this */
    API_OUT_MAX_BYTES = 32 << 20,
    API_READ_BYTES = 64 << 10,
};
/* How long clients are served before the loop goes round. */
#define API_SLICE_NS (1 * NS_PER_MSEC)
#define API_CLIENT_SLICE_NS (250 * NS_PER_USEC)

struct api_id {
    const struct api_message *message;
    const struct api_handler *handler; /* NULL: not for clients to send */
    bool listed;
    u64 calls;
};

/* A request that goes on after its handler returned. */
struct api_pending {
    struct api_call call; /* first: handlers know this */
    struct api_arena arena;
    bool (*more)(struct api_call *c, void *state); /* NULL: it ends by api_done */
    void (*end)(void *state);
    void *state;
    bool done; /* before its handler returned */
};

struct api_client {
    struct api_server *server;
    u32 slot;
    int fd; /* -1: closed */
    char name[64];
    bool queued;  /* in server->ready */
    bool running; /* being served */
    bool eof;     /* the peer sends no more */
    bool dead;    /* nor does it read */
    bool closing; /* to be closed once out is sent */
    bool blocked; /* must take what waits for it first */
    bool held;    /* waits for work that its request left */
    u32 events;   /* watched */
    struct api_bytes in, out;
    size_t in_at, out_sent;
    struct api_pending *pending;
    u64 n_in, n_out, n_bad;
    u64 since_ns;
};

struct held_event {
    u32 client_index;
    u32 bytes; /* of held_bytes */
};

struct api_file_base {
    const struct api_file *file;
    u16 base; /* id of its first message */
};

/* A ring of the last messages; see api_trace.c. */
struct api_trace {
    bool on;
    bool tx; /* what we send, too */
    u32 limit, cap, first, n;
    struct api_traced *items; /* owned, cap of them */
    u64 bytes, n_forgotten;
    /* between this thread and one that crashes */
    bool changing, frozen;
};

struct api_server {
    struct piste *piste;
    struct api_trace trace;
    VEC(struct api_id) ids; /* by message id; 0 is none */
    VEC(struct api_file_base) files;
    struct hash id_of;                /* const struct api_message * -> id */
    VEC(struct api_client *) clients; /* by slot; 0 is the listener */
    u32 n_clients;
    u64 n_accepted;
    VEC(struct api_client *) ready;    /* to be served, in turn, */
    void (*run)(struct api_client *c); /* by this */
    bool work_queued;
    u64 slice_end_ns;       /* of the client that is being served */
    struct api_arena arena; /* of the request being served */
    bool in_call;
    struct api_pending *kept; /* made by the handler that runs */
    VEC(struct held_event) held;
    struct api_bytes held_bytes;
    VEC(struct api_events *) events;
    struct socket_listener *listener; /* NULL: none */
    struct api_bytes table;           /* body of sockclnt_create_reply from `count' on */
};

struct api_records;

extern struct log_class api_log;
extern const char api_module_name[];
extern const struct api_handler api_core_handlers[];
extern const struct cli_command api_commands[];

struct api_server *api_server_of(const struct piste *p);
/* 0: not in the table. */
u16 api_message_id(const struct api_server *s, const struct api_message *m);
/* NULL when there is none of that handle. */
struct api_client *api_client_find(const struct api_server *s, u32 client_index);

/* Gives numbers to the messages of all modules. */
void api_ids_make(struct api_server *s);

/* --- api_queue.c --- */

/* Has the client served soon. */
void api_client_ready(struct api_client *c);
void api_queue_forget(struct api_client *c);

/* --- api_out.c --- */

/* Bytes that wait. */
size_t api_client_unsent(const struct api_client *c);
/* Sends what the client takes now. */
void api_client_flush(struct api_client *c);
/* Whether the client must take what waits for it first. */
bool api_client_congested(struct api_client *c);
/* The other end is gone: nothing is sent any more, what is pending ends. */
void api_client_hang_up(struct api_client *c);
/* Of our own will: what it sent and sends does not count any more. */
void api_client_leave(struct api_client *c);
/* Appends a frame's header and id; api_frame_end fills in its length. Returns where it begins. */
size_t api_frame_begin(struct api_client *c, u16 id);
void api_frame_end(struct api_client *c, size_t at);
/* A whole frame, with header. */
void api_client_send(struct api_client *c, const u8 *frame, size_t n);

/* --- api_client.c --- */

void api_client_run(struct api_client *c);
/* In the loop, when no work is left. */
void api_clients_on_idle(void *server);
void api_client_free(struct api_client *c);

/* --- api_event.c --- */

void api_events_forget(struct api_server *s, u32 client_index);
void api_events_release(struct api_server *s);

/* --- api_trace.c --- */

enum { API_TRACE_MAX_ITEMS = 16 << 20 };

void api_trace_start(struct api_server *s);
/* In a crash, the trace is saved. */
void api_trace_post_mortem(struct api_server *s);
bool api_trace_has_post_mortem(const struct api_trace *t);
void api_trace_stop(struct api_server *s);
/* body: without the message's number. */
void api_trace_add(struct api_server *s, const struct api_client *c, const struct api_message *m,
                   bool sent, const u8 *body, size_t n);
void api_trace_records(struct api_trace *t, struct api_records *records);
struct api_record api_trace_record(struct api_trace *t, u32 i);
void api_trace_set_limit(struct api_trace *t, u32 limit);
void api_trace_forget_all(struct api_trace *t);
extern const struct cli_command api_trace_commands[];
int api_init(struct piste *p, void **state, struct error *e);
void api_stop(struct piste *p, void *state);
void api_tables(struct piste *p, void *state, module_table_fn *tell, void *arg);
