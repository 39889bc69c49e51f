/* NAT44, endpoint-independent: a port of a host inside has one port outside, whoever it talks to,
 * and whoever knows that port may talk to it (RFC 4787 REQ-1, REQ-8). All else is nat44.h's; a
 * session's keys are without the host outside (nat44_key_told).
 *
 *   inside  ─► nat44-ei-in2out ─► ip4-lookup ...        begins sessions
 *                  └─► nat44-ei-hairpinning ─┐           what is for an end outside of a host
 * inside ▲─────────────────────────┘ outside ─► nat44-ei-out2in ─► ip4-lookup ...
 *
 * A user is a host inside that has sessions. All of them are one data thread's, which the host
 * says; ports outside are shared out among threads (nat44_owner_of_port), so that these say it,
 * too. */
#pragma once

#include "plugins/nat/nat44.h"

struct nat44_user {
    union {
        u64 word; /* its key */
        struct {
            be32 addr;
            u32 fib;
        };
    };
    struct index_list sessions[2]; /* by age: dynamic, static */
    u32 held;                      /* sessions that are about to be */
};

/* Of a session, by its index. */
struct nat44_user_link {
    u32 user;
    struct index_links by_age;
};

/* --- control thread --- */

void nat44_users_new(struct piste *p, struct nat44_options *o);
void nat44_users_free(struct piste *p);
/* Whole users of a thread, in pieces, as sessions_copy has it. The plugin is enabled. */
u32 nat44_users_copy(const struct piste *p, u32 thread, u32 *from, struct nat44_user *out,
                     u32 *index, u32 max);
/* Sessions of user `index' of a thread, which is u, in pieces. *from: the session to begin with, at
 * first that of one of its lists; INDEX_LIST_NONE behind the last one, or where it is gone. Shapes:
 * out[max], indices[max]. Returns how many. */
u32 nat44_user_sessions(const struct piste *p, u32 thread, const struct nat44_user *u, u32 index,
                        u32 *from, struct nat44_session *out, u32 *indices, u32 max);
/* All its sessions end. -ENOENT: it has none. */
int nat44_del_user(struct piste *p, be32 addr, struct fib_index fib, struct error *e) MUST_CHECK;
