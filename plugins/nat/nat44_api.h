/* Answers to messages of nat44_ed.api, for their table in nat44_api.c. */
#pragma once

#include "control/api.h"

/* What the configuration returned, in VPP's numbers where it has its own. */
void nat44_api_reply(struct api_call *c, int rc);

/* --- nat44_mapping_api.c --- */

void nat44_api_static(struct api_call *c);
void nat44_api_static_v2(struct api_call *c);
void nat44_api_identity(struct api_call *c);
/* Of both: static mappings, and identities. */
void nat44_api_mapping_dump(struct api_call *c);
void nat44_api_lb(struct api_call *c);
void nat44_api_lb_local(struct api_call *c);
void nat44_api_lb_dump(struct api_call *c);

/* --- nat44_session_api.c --- */

void nat44_api_del_session(struct api_call *c);
void nat44_api_users(struct api_call *c);
void nat44_api_sessions_v1(struct api_call *c);
void nat44_api_sessions_v2(struct api_call *c);
void nat44_api_sessions_v3(struct api_call *c);
