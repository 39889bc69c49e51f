/* The binary API, as handlers of messages see it. A module brings a table; a handler gets the
 * decoded message and answers:
 *
 *     static void loopback_delete(struct api_call *c)
 *     {
 *         const struct api_delete_loopback *m = c->msg;
 *         struct error e;
 *         api_reply_errno(c, loopback_delete(c->piste, m->sw_if_index, &e));
 *     }
 *     static const struct api_handler handlers[] = {{&api_message_delete_loopback,
 * loopback_delete}, {0}};
 *
 * Requests of one client run one after the other, each to its end, on the control thread. A message
 * without a handler is not in the table that clients get, nor is what only it would send.
 *
 * Context: control thread. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "base/vec.h"
#include "control/api_codec.h"
#include "control/api_errno.h"
#include "control/piste.h"

struct api_client;
struct module;

struct api_call {
    struct piste *piste;
    const void *msg; /* struct api_X in host order; borrowed until the handler returned or ended */
    const struct api_message *message;
    struct api_client *client;
    u32 client_index; /* the client's handle */
    be32 context;     /* as it came */
};

struct api_handler {
    const struct api_message *message; /* NULL ends a table */
    void (*fn)(struct api_call *c);
};

/* Sends m, a reply or one of the details; msg is its struct, whose context is filled in here. */
void api_reply(struct api_call *c, const struct api_message *m, void *msg);
/* The message's own reply with this retval and all else zero. */
void api_reply_retval(struct api_call *c, i32 retval);
/* The same for what a function returned: 0 or -errno. */
void api_reply_errno(struct api_call *c, int rc);

/* For answers that are long: more(c, state) is called now and again, sends while api_room says so,
 * and returns whether there is more. end(state) is called when it is done, or when the client is
 * gone; it may be NULL. Must be the last thing that a handler does. */
void api_continue(struct api_call *c, bool (*more)(struct api_call *c, void *state),
                  void (*end)(void *state), void *state);
bool api_room(struct api_call *c);

/* For answers that take time: the call stays valid until api_done. cancel is called when the client
 * goes away first; after it the call must not be touched. Returns the call to use from here on. */
struct api_call *api_pend(struct api_call *c, void (*cancel)(void *arg), void *arg);
void api_done(struct api_call *c);

/* --- events --- */

#define API_EVENT_KEY_BYTES 24

struct api_registration {
    u32 client_index, pid;
    u8 key[API_EVENT_KEY_BYTES]; /* what of it, when not all: the module's */
};

/* Who wants a kind of event. Zeroed: nobody. The module's, for as long as the server is there. */
struct api_events {
    VEC(struct api_registration) list;
    bool known; /* to the server */
};

/* want_X: retval; enabling twice and disabling what is not are refused. key may be NULL. */
i32 api_events_want(struct api_call *c, struct api_events *ev, bool enable, u32 pid,
                    const void *key, size_t key_bytes);
/* Sends msg (client_index and pid are filled in, where it has them) to all whose key matches (match
 * NULL: to all). What a request causes goes out behind its reply. */
void api_events_send(struct piste *p, struct api_events *ev, const struct api_message *m, void *msg,
                     bool (*match)(const struct api_registration *r, const void *arg),
                     const void *arg);
void api_events_free(struct api_events *ev);

/* --- the server --- */

extern const struct module api_module, api_trace_module;

/* Makes the message table from the tables of all modules, and opens the socket of startup.conf. */
int api_listen(struct piste *p, struct error *e) MUST_CHECK;
/* Whether who connects is served, or waits. */
void api_serve(struct piste *p, bool on);
/* Only the table: for tests. */
int api_start(struct piste *p, struct error *e) MUST_CHECK;
/* Takes over a connected stream socket, non-blocking. */
struct api_client *api_client_new(struct piste *p, int fd, struct error *e);
/* All clients go, and the socket. */
void api_close(struct piste *p);
