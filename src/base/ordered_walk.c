/* A sweep keeps the least keys in a heap. */
#include "base/ordered_walk.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct ordered_walk {
    u64 from;      /* place where the sweep goes on */
    u32 n;         /* keys that were found and not handed out */
    bool swept;    /* the sweep is through */
    bool whole;    /* it found all that there were */
    bool has_last; /* keys up to `last` were handed out */
    max_align_t last[4];
    u8 keys[]; /* a heap */
};

struct ordered_walk *ordered_walk_new(const struct ordered_walk_ops *ops)
{
    return mem_alloc(sizeof(struct ordered_walk) + (size_t)ORDERED_WALK_KEYS * ops->key_bytes);
}

static u8 *ordered_key(struct ordered_walk *w, const struct ordered_walk_ops *ops, u32 i)
{
    return w->keys + (size_t)i * ops->key_bytes;
}

/* Whether key a has to be nearer to the top than b. While a sweep goes on the greatest is at the
 * top, to be the first that is replaced; then the least is, to be handed out next. */
static bool ordered_above(const struct ordered_walk *w, const struct ordered_walk_ops *ops,
                          const void *a, const void *b)
{
    int order = ops->compare(a, b);
    return w->swept ? order < 0 : order > 0;
}

/* Puts key where it belongs on the way up from the free place i. */
static void ordered_up(struct ordered_walk *w, const struct ordered_walk_ops *ops, u32 i,
                       const void *key)
{
    for (; i && ordered_above(w, ops, key, ordered_key(w, ops, (i - 1) / 2)); i = (i - 1) / 2)
        memcpy(ordered_key(w, ops, i), ordered_key(w, ops, (i - 1) / 2), ops->key_bytes);
    memcpy(ordered_key(w, ops, i), key, ops->key_bytes);
}

/* The same on the way down. */
static void ordered_down(struct ordered_walk *w, const struct ordered_walk_ops *ops, u32 i,
                         const void *key)
{
    for (u32 kid; (kid = 2 * i + 1) < w->n; i = kid) {
        if (kid + 1 < w->n &&
            ordered_above(w, ops, ordered_key(w, ops, kid + 1), ordered_key(w, ops, kid)))
            kid++;
        if (!ordered_above(w, ops, ordered_key(w, ops, kid), key))
            break;
        memcpy(ordered_key(w, ops, i), ordered_key(w, ops, kid), ops->key_bytes);
    }
    memcpy(ordered_key(w, ops, i), key, ops->key_bytes);
}

static void ordered_note(struct ordered_walk *w, const struct ordered_walk_ops *ops,
                         const void *key)
{
    if (w->has_last && ops->compare(key, w->last) <= 0)
        return;
    if (w->n < ORDERED_WALK_KEYS)
        ordered_up(w, ops, w->n++, key);
    else if (ops->compare(key, w->keys) < 0)
        ordered_down(w, ops, 0, key);
}

/* The least key comes to the top. */
static void ordered_turn(struct ordered_walk *w, const struct ordered_walk_ops *ops)
{
    max_align_t key[array_len(w->last)];
    w->swept = true;
    w->whole = w->n < ORDERED_WALK_KEYS;
    for (u32 i = w->n / 2; i-- > 0;) {
        memcpy(key, ordered_key(w, ops, i), ops->key_bytes);
        ordered_down(w, ops, i, key);
    }
}

/* Looks at up to `most` places: whether the sweep is through. */
static bool ordered_sweep(struct ordered_walk *w, const struct ordered_walk_ops *ops, void *set,
                          u32 most)
{
    max_align_t key[array_len(w->last)];
    for (int found; (found = ops->scan(set, &w->from, key));) {
        if (found == 1)
            ordered_note(w, ops, key);
        if (!--most)
            return false;
    }
    ordered_turn(w, ops);
    return true;
}

/* Takes the least key out. */
static void ordered_take(struct ordered_walk *w, const struct ordered_walk_ops *ops)
{
    max_align_t key[array_len(w->last)];
    memcpy(w->last, w->keys, ops->key_bytes);
    memcpy(key, ordered_key(w, ops, --w->n), ops->key_bytes);
    ordered_down(w, ops, 0, key);
}

int ordered_walk_next(struct ordered_walk *w, const struct ordered_walk_ops *ops, void *set,
                      u32 most, void *key)
{
    if (w->swept && !w->n) {
        if (w->whole)
            return 0;
        w->swept = false;
        w->from = 0;
    }
    if (!w->swept && !ordered_sweep(w, ops, set, most))
        return -EAGAIN;
    if (!w->n)
        return 0;
    do /* a thing that went and came during the sweep may be there twice */
        ordered_take(w, ops);
    while (w->n && !ops->compare(w->keys, w->last));
    memcpy(key, w->last, ops->key_bytes);
    w->has_last = true;
    return 1;
}

void ordered_walk_sweep_anew(struct ordered_walk *w)
{
    if (!w->swept)
        w->from = 0;
}
