#include "net/features/pg/pg_packet.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* --- template --- */

static u32 pg_packet_padded(u32 bytes)
{
    return (u32)round_up_u64(bytes + 1, CACHE_LINE_BYTES);
}

/* Gives the template room for max_bytes; what is new is zeros. */
static void pg_packet_resize(struct pg_packet *k, u32 max_bytes)
{
    u32 size = pg_packet_padded(max_bytes);
    u8 *bytes = aligned_alloc(CACHE_LINE_BYTES, size);
    if (!bytes)
        panic("out of memory (%u bytes)", size);
    memset(bytes, 0, size);
    if (k->bytes)
        memcpy(bytes, k->bytes, min_u64(k->max_bytes, max_bytes));
    free(k->bytes);
    k->bytes = bytes;
    k->max_bytes = max_bytes;
}

/* --- sums --- */

static void word_add(struct pg_sum *s, u32 at)
{
    for (u32 i = 0; i < s->n_words; i++)
        if (s->words[i] == at)
            return;
    if (s->n_words < PG_SUM_WORDS_MAX)
        s->words[s->n_words++] = (u16)at;
}

/* Words of [from, to) that f writes; words start at even distances from `from`. */
static void words_of_field(struct pg_sum *s, const struct pg_field *f, u32 from, u32 to)
{
    u32 first = f->at > from ? f->at : from;
    u32 end = (u32)min_u64(f->at + f->bytes, to);
    if (first >= end)
        return;
    for (u32 at = first - ((first - from) & 1); at < end; at += 2)
        word_add(s, at);
}

static void sum_prepare(const struct pg_packet *k, struct pg_sum *s)
{
    bool varying = k->min_bytes != k->max_bytes;
    u32 end = s->to ? s->to : k->max_bytes, n = end - s->from;
    s->n_words = 0;
    for (u32 i = 0; i < k->fields.n - (varying ? 0 : k->n_lengths); i++) {
        words_of_field(s, &k->fields.v[i], s->addresses, s->addresses + s->address_bytes);
        if (s->kind != PG_SUM_PARTIAL)
            words_of_field(s, &k->fields.v[i], s->from, end);
    }
    s->base = 0;
    if (s->address_bytes) {
        s->base = csum_add(s->base, k->bytes + s->addresses, s->address_bytes);
        s->base += be16_from_host(s->protocol).raw;
    }
    if (!varying || s->to) {
        if (s->address_bytes)
            s->base += be32_from_host(n).raw;
        if (s->kind != PG_SUM_PARTIAL)
            s->base = csum_add(s->base, k->bytes + s->from, n);
    }
    /* what the template holds there was added above */
    for (u32 i = 0; i < s->n_words; i++)
        s->base += (u16)~load_u16(k->bytes + s->words[i]);
}

/* Puts what pg_sums_write would put for the template itself, so that constant packets need no more.
 */
static void pg_packet_prepare(struct pg_packet *k)
{
    for (u32 i = 0; i < k->n_lengths; i++) {
        const struct pg_field *f = &k->fields.v[k->fields.n - k->n_lengths + i];
        pg_field_write(f, k->bytes, k->max_bytes - f->span);
    }
    for (u32 i = 0; i < k->sums.n; i++)
        store_u16(k->bytes + k->sums.v[i].field, 0);
    for (u32 i = 0; i < k->sums.n; i++)
        sum_prepare(k, &k->sums.v[i]);
    /* what no field goes into is right for all packets */
    for (u32 i = 0; k->min_bytes == k->max_bytes && i < k->sums.n; i++)
        if (!k->sums.v[i].n_words)
            pg_sum_write(&k->sums.v[i], k->sums.v[i].base, k->bytes);
}

/* --- life --- */

void pg_packet_set_sizes(struct pg_packet *k, u32 min_bytes, u32 max_bytes)
{
    pg_packet_resize(k, max_bytes);
    k->min_bytes = min_bytes;
    pg_packet_prepare(k);
}

u8 pg_packet_leave_l4_sum(struct pg_packet *k)
{
    for (u32 i = 0; i < k->sums.n; i++) {
        struct pg_sum *s = &k->sums.v[i];
        if (!k->l4 || s->from != k->l4 || !s->address_bytes)
            continue;
        s->kind = PG_SUM_PARTIAL;
        pg_packet_prepare(k);
        return (u8)(s->field - s->from);
    }
    return 0;
}

void pg_packet_rewind(struct pg_packet *k)
{
    for (u32 i = 0; i < k->fields.n; i++)
        k->fields.v[i].now = 0;
}

void pg_packet_free(struct pg_packet *k)
{
    free(k->bytes);
    vec_free(&k->fields);
    vec_free(&k->sums);
    vec_free(&k->groups);
    *k = (struct pg_packet){0};
}
