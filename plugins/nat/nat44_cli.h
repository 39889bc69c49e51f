/* What commands of NAT44, its configuration and its traces share. */
#pragma once

#include "base/text.h"
#include "control/cli.h"
#include "net/ip/address/address.h"
#include "plugins/nat/nat44.h"

extern const char *const nat44_timeout_words[NAT44_TIMEOUTS];

/* --- what commands of both NATs do, by the labels of their grammars --- */

int nat44_parse_endpoint(struct piste *p, const char **text, struct cli_value *v, struct error *e);
u8 nat44_cli_twice(const struct cli_call *c);
/* -EINVAL: it is too long. */
int nat44_cli_tag(struct cli_call *c, char tag[NAT44_TAG_BYTES]) MUST_CHECK;
int nat44_cli_timeout(struct cli_call *c);
int nat44_cli_forwarding(struct cli_call *c);
int nat44_cli_workers(struct cli_call *c);
int nat44_cli_fq_nelts(struct cli_call *c);
int nat44_cli_ipfix(struct cli_call *c);
int nat44_cli_addresses(struct cli_call *c);
int nat44_cli_interface_address(struct cli_call *c);
int nat44_cli_interface(struct cli_call *c);
int nat44_cli_mapping(struct cli_call *c);
int nat44_cli_identity(struct cli_call *c);
int nat44_cli_mss(struct cli_call *c);
int nat44_cli_del_session(struct cli_call *c);

int nat44_show_timeouts(struct cli_call *c);
int nat44_show_interfaces(struct cli_call *c);
int nat44_show_addresses(struct cli_call *c);
int nat44_show_address_ifs(struct cli_call *c);
int nat44_show_mappings(struct cli_call *c);
int nat44_show_workers(struct cli_call *c);
int nat44_show_mss(struct cli_call *c);
int nat44_show_hash_tables(struct cli_call *c);
/* busy[]: sessions by it, by enum nat44_count; NULL: not shown. */
void nat44_show_address(struct cli_call *c, const struct nat_pool_entry *a, const u32 *busy);
const char *nat44_show_address_text(be32 a, char out[IP_ADDRESS_TEXT_BYTES]);
/* As VPP prints them: no zero in front of the point. */
/* Sessions, thread by thread: what a place in them begins with. */
struct nat44_show_thread {
    u32 thread, next; /* thread 0: the next one begins */
};
/* A handler's all: a line, and an array with what piece shows of each thread. piece returns whether
 * there is more of it, or an error; its place of so many bytes is all zero behind struct
 * nat44_show_thread when a thread begins. */
int nat44_show_threads(struct cli_call *c, size_t bytes, const char *title, const char *array,
                       int (*piece)(struct cli_call *c, struct nat44_show_thread *at));
void nat44_show_seconds(struct out *o, const char *key, u64 ns, const char *words);

/* --- NAT44 ED's --- */

extern const struct cli_command nat44_ed_commands[];
extern const struct cli_type nat44_ed_types[];
int nat44_show_vrf_tables(struct cli_call *c);
int nat44_show_sessions(struct cli_call *c);
int nat44_show_summary(struct cli_call *c);

/* "WORDS A.B.C.D:PORT" */
void nat44_format_endpoint(struct text *t, const char *words, be32 addr, be16 port);
/* "match: saddr .. rewrite: .." of a session's packets of one direction. */
void nat44_format_flow(struct text *t, const union nat44_key key[NAT44_DIRS], enum nat44_dir dir);
