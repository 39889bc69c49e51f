/* Paths as commands say them, of routes, policies and cross-connects: VPP's free order of words.
 *
 *   via [NEXT-HOP] [INTERFACE] [weight N] [preference N] [next-hop-table ID] [ip4-lookup-in-table
 *   ID] [rx-ip4 INTERFACE] [ip4-classify TABLE] [resolve-via-host |
 *   resolve-via-attached] [drop | local | ...]
 *
 * Context: control thread. Source: VPP's `ip route'. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "net/ip/fib/fib.h"

struct piste;
struct text;

/* --- words read one by one --- */

#define IP_WORD_BYTES 64

/* What is left of the line. */
struct ip_words {
    const char *at;
};

/* The next word, not taken; false at the end. Too long a word is cut: it matches nothing. */
bool ip_words_peek(const struct ip_words *w, char word[IP_WORD_BYTES]);
void ip_words_skip(struct ip_words *w);
/* Takes the next word if it is that one. */
bool ip_words_take(struct ip_words *w, const char *expected);
bool ip_words_take_number(struct ip_words *w, u64 most, u64 *out);
/* VPP's "parse error", with what is left. */
int ip_words_error(const struct ip_words *w, struct error *e);

/* Whether the next word is an address of either protocol, or a prefix. Its length is as it was
 * said, which may be too much: whoever takes the word has a sentence for that. */
bool ip_words_prefix(const struct ip_words *w, enum ip_family *f, struct ip_address *out, u64 *len);

/* --- paths --- */

/* Takes what follows `via`, up to what is no word of a path. family: of the packets. */
int ip_path_take(struct piste *p, struct ip_words *w, enum ip_family family, struct fib_path *out,
                 struct error *e) MUST_CHECK;
/* Of the packets that paths are for when nothing else tells: the protocol of the first next hop or
 * word that has one, else IPv4. */
enum ip_family ip_paths_family(struct ip_words w);
/* Paths, each behind its `via', up to the end of the line; *n may be 0. */
int ip_paths_take(struct piste *p, struct ip_words *w, enum ip_family family,
                  struct fib_path out[FIB_PATHS_MAX], u32 *n, struct error *e) MUST_CHECK;
int ip_path_table(const struct fib *f, enum ip_family family, u64 id, struct fib_index *out,
                  struct error *e) MUST_CHECK;

/* " via ..." as ip_path_take takes it again. table: that whose next hops need no name. */
void ip_path_words(const struct piste *p, struct fib_index table, const struct fib_path *path,
                   struct text *t);
/* Whether a line can say it: a path of a module's own, or through an interface that is gone,
 * cannot. */
bool ip_path_can_be_said(const struct fib_path *path);
/* The paths of a load balance of fib_paths_new, for packets of that protocol, as ip_paths_take
 * takes them again. When none can be said: " via drop", as paths through what is gone do. */
void ip_paths_words(const struct piste *p, enum ip_family family, struct lb_index lb,
                    struct text *t);
