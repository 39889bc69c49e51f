/* A growing array of any type, for control-thread code.
 *
 *     VEC(u32) v = {0};
 *     vec_add(&v, 7);
 *     for (u32 i = 0; i < v.n; i++) use(v.v[i]);
 *     vec_free(&v);
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/types.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *v;                                                                                   \
        u32 n, cap;                                                                                \
    }

#define vec_reserve(vec, count)                                                                    \
    do {                                                                                           \
        if ((vec)->cap < (count)) {                                                                \
            (vec)->cap = (count) > 2 * (vec)->cap ? (count) : 2 * (vec)->cap;                      \
            (vec)->v = mem_resize((vec)->v, (size_t)(vec)->cap * sizeof(*(vec)->v));               \
        }                                                                                          \
    } while (0)

#define vec_add(vec, value)                                                                        \
    do {                                                                                           \
        vec_reserve((vec), (vec)->n + 1);                                                          \
        (vec)->v[(vec)->n++] = (value);                                                            \
    } while (0)

/* Removes element i, keeping the order. */
#define vec_del(vec, i)                                                                            \
    do {                                                                                           \
        memmove(&(vec)->v[i], &(vec)->v[(i) + 1], ((vec)->n - (i)-1) * sizeof(*(vec)->v));         \
        (vec)->n--;                                                                                \
    } while (0)

#define vec_free(vec)                                                                              \
    do {                                                                                           \
        free((vec)->v);                                                                            \
        (vec)->v = NULL;                                                                           \
        (vec)->n = (vec)->cap = 0;                                                                 \
    } while (0)
