/* The trie of IPv4: a table's root of 65536 words, by the first 16 bits, and nodes of a byte each
 * behind them; see trie_data.h.
 *
 *   root ─► node of bits 16..23 ─► 24..31 */
#pragma once

#include "net/ip/fib/trie.h"

#define IP4_TRIE_ROOT_WORDS 65536

/* Makes addr/len (1 <= len <= 32, host order, masked), which is not there yet, lead to lb. -ENOSPC:
 * nothing changed. */
int ip4_trie_insert(struct tries *s, u32 *root, u32 addr, u8 len, u32 lb) MUST_CHECK;
/* Takes addr/len, which leads to lb, out; what it covered leads to cover: a leaf of the longest
 * prefix that covers addr/len, or 0 for the table's default. */
void ip4_trie_remove(struct tries *s, u32 *root, u32 addr, u8 len, u32 lb, u32 cover);
