#include "base/numbers.h"

void numbers_fini(struct numbers *n)
{
    vec_free(&n->taken);
    n->low = 0;
}

u32 numbers_lowest(struct numbers *n)
{
    while (n->low < n->taken.n && !~n->taken.v[n->low])
        n->low++;
    return n->low * 64 + (n->low < n->taken.n ? (u32)__builtin_ctzll(~n->taken.v[n->low]) : 0);
}

void numbers_take(struct numbers *n, u32 i)
{
    while (n->taken.n <= i / 64)
        vec_add(&n->taken, 0);
    assert(!(n->taken.v[i / 64] >> i % 64 & 1));
    n->taken.v[i / 64] |= 1ull << i % 64;
}

void numbers_give(struct numbers *n, u32 i)
{
    assert(n->taken.v[i / 64] >> i % 64 & 1);
    n->taken.v[i / 64] &= ~(1ull << i % 64);
    if (i / 64 < n->low)
        n->low = i / 64;
}
