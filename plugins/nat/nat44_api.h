/* Answers to messages of nat44_ed.api, for their table in nat44_api.c; what NAT44 EI's have, too.
 */
#pragma once

#include "control/api.h"
#include "plugins/nat/nat44.h"

extern const struct api_handler nat44_ed_api_handlers[];

/* --- nat44_dump.c: of both NATs --- */

/* What the configuration returned, in VPP's numbers where it has its own; what nat44_set_workers
 * did; and nat44_set_fq_nelts. */
void nat44_api_reply(struct api_call *c, int rc);
void nat44_api_workers_reply(struct api_call *c, int rc);
void nat44_api_fq_reply(struct api_call *c, int rc);
/* Adds or deletes a mapping by that interface, if it is one, and replies. */
void nat44_api_put_mapping(struct api_call *c, u32 sw_if_index, struct nat44_mapping_config *m,
                           bool add);

/* Each answers a dump, and is called again until all is told. */
typedef void nat44_tell_mapping_fn(struct api_call *c, const struct nat44_mapping_config *m);
void nat44_api_each_mapping(struct api_call *c, bool identity, nat44_tell_mapping_fn *tell);
typedef void nat44_tell_session_fn(struct api_call *c, const struct nat44_session *s);
/* Those of a host inside. */
void nat44_api_each_session(struct api_call *c, const u8 *user, u32 vrf,
                            nat44_tell_session_fn *tell);
typedef void nat44_tell_user_fn(struct api_call *c, be32 addr, u32 vrf, u32 n_dynamic,
                                u32 n_static);
void nat44_api_each_user(struct api_call *c, nat44_tell_user_fn *tell);

/* --- nat44_mapping_api.c --- */

void nat44_api_static(struct api_call *c);
void nat44_api_static_v2(struct api_call *c);
void nat44_api_identity(struct api_call *c);
void nat44_api_static_dump(struct api_call *c);
void nat44_api_identity_dump(struct api_call *c);
void nat44_api_lb(struct api_call *c);
void nat44_api_lb_local(struct api_call *c);
void nat44_api_lb_dump(struct api_call *c);

/* --- nat44_session_api.c --- */

void nat44_api_del_session(struct api_call *c);
void nat44_api_users(struct api_call *c);
void nat44_api_sessions_v1(struct api_call *c);
void nat44_api_sessions_v2(struct api_call *c);
void nat44_api_sessions_v3(struct api_call *c);
