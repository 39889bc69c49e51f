/* Huge pages behind counters that packets come to at random, such as those of a million routes: on
 * small ones nearly each look at one waits for the page tables. Context: control thread. */
#pragma once

#include "engine/counter.h"

struct counter_pages;

/* v stays the caller's, and outlives it. */
struct counter_pages *counter_pages_new(const struct counter_vec *v);
void counter_pages_free(struct counter_pages *p);
/* Where half of a huge page's bytes are memory they become one, at most one with each call: threads
 * that count there wait for it, about a millisecond. What is counted stays. Looks at no page while
 * the segment has as much memory as when there was nothing to do. */
void counter_pages_join(struct counter_pages *p);
