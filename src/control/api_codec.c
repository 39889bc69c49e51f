#include "control/api_codec.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/text.h"

enum {
    CHUNK_BYTES = 16 << 10,
    MAX_ELEMENTS = 1 << 20, /* of an array that comes as JSON */
};

/* --- memory --- */

struct api_chunk {
    struct api_chunk *next;
    size_t used, bytes;
    _Alignas(16) u8 data[];
};

void *api_arena_alloc(struct api_arena *a, size_t bytes)
{
    struct api_chunk *c = a->chunks;
    bytes = round_up_u64(bytes ? bytes : 1, 16);
    if (!c || c->bytes - c->used < bytes) {
        size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        c = mem_alloc(sizeof(*c) + room);
        c->bytes = room;
        c->next = a->chunks;
        a->chunks = c;
    }
    void *p = c->data + c->used;
    c->used += bytes;
    return p;
}

void api_arena_reset(struct api_arena *a)
{
    struct api_chunk *keep = NULL;
    while (a->chunks) {
        struct api_chunk *c = a->chunks;
        a->chunks = c->next;
        if (keep || c->bytes != CHUNK_BYTES) {
            free(c);
            continue;
        }
        memset(c->data, 0, c->used);
        c->used = 0;
        keep = c;
        keep->next = NULL;
    }
    a->chunks = keep;
}

void api_arena_free(struct api_arena *a)
{
    while (a->chunks) {
        struct api_chunk *c = a->chunks;
        a->chunks = c->next;
        free(c);
    }
}

u8 *api_bytes_add(struct api_bytes *b, size_t n)
{
    if (b->cap - b->n < n) {
        b->cap = b->n + n > 2 * b->cap ? b->n + n : 2 * b->cap;
        b->v = mem_resize(b->v, b->cap);
    }
    b->n += n;
    return b->v + b->n - n;
}

void api_bytes_free(struct api_bytes *b)
{
    free(b->v);
    *b = (struct api_bytes){0};
}

/* --- scalars --- */

static u32 kind_bytes(u8 kind)
{
    switch (kind) {
    case API_U8:
    case API_STRING:
        return 1;
    case API_U16:
        return 2;
    case API_U32:
        return 4;
    default:
        return 8;
    }
}

/* Elements of one kind between the wire and memory: the same work in both directions. */
static void swap_elements(u8 kind, void *to, const void *from, u32 n)
{
    u8 *t = to;
    const u8 *f = from;
    if (kind == API_U16)
        for (u32 i = 0; i < n; i++)
            store_u16(t + 2 * i, get_be16(f + 2 * i));
    else if (kind == API_U32)
        for (u32 i = 0; i < n; i++)
            store_u32(t + 4 * i, get_be32(f + 4 * i));
    else if (kind == API_U64)
        for (u32 i = 0; i < n; i++)
            store_u64(t + 8 * i, get_be64(f + 8 * i));
    else if (n)
        memcpy(to, from, (size_t)n * kind_bytes(kind));
}

static u64 host_number(const void *p, u32 bytes)
{
    switch (bytes) {
    case 1:
        return *(const u8 *)p;
    case 2:
        return load_u16(p);
    case 4:
        return load_u32(p);
    default:
        return load_u64(p);
    }
}

/* --- decoding --- */

struct reader {
    const u8 *at, *end;
    struct api_arena *arena;
};

static int read_struct(struct reader *r, const struct api_type *type, u8 *s);

static int read_elements(struct reader *r, const struct api_field *f, u8 *to, u32 n)
{
    size_t left = (size_t)(r->end - r->at);
    if (f->kind == API_STRUCT) {
        for (u32 i = 0; i < n; i++, to += f->type->struct_bytes) {
            int rc = read_struct(r, f->type, to);
            if (rc)
                return rc;
        }
        return 0;
    }
    if (left < (u64)n * kind_bytes(f->kind))
        return -EMSGSIZE;
    swap_elements(f->kind, to, r->at, n);
    r->at += (size_t)n * kind_bytes(f->kind);
    return 0;
}

/* Elements in memory of their own: as many as the message could hold, before any is made. */
static int read_pointed(struct reader *r, const struct api_field *f, u8 *s)
{
    size_t left = (size_t)(r->end - r->at);
    bool is_struct = f->kind == API_STRUCT;
    u32 wire_bytes = is_struct ? f->type->least_wire_bytes : kind_bytes(f->kind);
    u64 most = left / (wire_bytes ? wire_bytes : 1);
    u64 n = most;
    if (f->count == API_COUNTED)
        n = host_number(s + f->count_at, f->count_bytes);
    if (n > most || n > UINT32_MAX)
        return -EMSGSIZE;
    if (f->count == API_REST) {
        u32 count = (u32)n;
        memcpy(s + f->count_at, &count, sizeof(count));
    }
    size_t bytes = is_struct ? f->type->struct_bytes : wire_bytes;
    u8 *elements = api_arena_alloc(r->arena, n * bytes);
    memcpy(s + f->offset, &elements, sizeof(elements));
    return read_elements(r, f, elements, (u32)n);
}

static int read_rest_string(struct reader *r, const struct api_field *f, u8 *s)
{
    if (r->end - r->at < 4)
        return -EMSGSIZE;
    u32 n = get_be32(r->at);
    r->at += 4;
    if ((size_t)(r->end - r->at) < n)
        return -EMSGSIZE;
    char *text = api_arena_alloc(r->arena, (size_t)n + 1);
    memcpy(text, r->at, n);
    memcpy(s + f->count_at, &n, sizeof(n));
    memcpy(s + f->offset, &text, sizeof(text));
    r->at += n;
    return 0;
}

static int read_field(struct reader *r, const struct api_field *f, u8 *s)
{
    if (f->kind == API_STRING_REST)
        return read_rest_string(r, f, s);
    if (f->count == API_COUNTED || f->count == API_REST)
        return read_pointed(r, f, s);
    bool many = f->kind == API_STRING || f->count == API_FIXED;
    int rc = read_elements(r, f, s + f->offset, many ? f->n : 1);
    if (!rc && f->kind == API_STRING && f->n)
        s[f->offset + f->n - 1] = 0;
    return rc;
}

static int read_struct(struct reader *r, const struct api_type *type, u8 *s)
{
    if ((size_t)(r->end - r->at) < type->least_wire_bytes)
        return -EMSGSIZE;
    for (u32 i = 0; i < type->n_fields; i++) {
        int rc = read_field(r, &type->fields[i], s);
        if (rc)
            return rc;
    }
    return 0;
}

i64 api_decode(const struct api_type *type, const u8 *wire, size_t n, void *s,
               struct api_arena *arena)
{
    struct reader r = {wire, wire + n, arena};
    memset(s, 0, type->struct_bytes);
    int rc = read_struct(&r, type, s);
    return rc ? rc : r.at - wire;
}

/* --- encoding --- */

static void write_struct(const struct api_type *type, const u8 *s, struct api_bytes *b);

/* What varies in length comes last in a message, and in a struct. */
static bool is_fixed(const struct api_type *type)
{
    const struct api_field *last = type->n_fields ? &type->fields[type->n_fields - 1] : NULL;
    if (!last)
        return true;
    if (last->kind == API_STRING_REST || last->count == API_COUNTED || last->count == API_REST)
        return false;
    return last->kind != API_STRUCT || is_fixed(last->type);
}

/* Strings are cut at their NUL, which write_fixed does not do. */
static bool has_string(const struct api_type *type)
{
    for (u32 i = 0; i < type->n_fields; i++)
        if (type->fields[i].kind == API_STRING ||
            (type->fields[i].kind == API_STRUCT && has_string(type->fields[i].type)))
            return true;
    return false;
}

/* Arrays of structs of fixed size, as paths with their stacks of labels: room is made once. */
static u8 *write_fixed(const struct api_type *type, const u8 *s, u8 *to)
{
    for (u32 i = 0; i < type->n_fields; i++) {
        const struct api_field *f = &type->fields[i];
        const u8 *from = s + f->offset;
        u32 n = f->count == API_FIXED ? f->n : 1;
        if (f->kind == API_STRUCT) {
            for (u32 k = 0; k < n; k++)
                to = write_fixed(f->type, from + (size_t)k * f->type->struct_bytes, to);
            continue;
        }
        swap_elements(f->kind, to, from, n);
        to += (size_t)n * kind_bytes(f->kind);
    }
    return to;
}

static void write_elements(const struct api_field *f, const u8 *from, u32 n, struct api_bytes *b)
{
    if (f->kind == API_STRUCT && n && is_fixed(f->type) && !has_string(f->type)) {
        u8 *to = api_bytes_add(b, (size_t)n * f->type->least_wire_bytes);
        for (u32 i = 0; i < n; i++)
            to = write_fixed(f->type, from + (size_t)i * f->type->struct_bytes, to);
        return;
    }
    if (f->kind == API_STRUCT) {
        for (u32 i = 0; i < n; i++)
            write_struct(f->type, from + (size_t)i * f->type->struct_bytes, b);
        return;
    }
    swap_elements(f->kind, api_bytes_add(b, (size_t)n * kind_bytes(f->kind)), from, n);
}

static const u8 *api_codec_pointed(const struct api_field *f, const u8 *s)
{
    const u8 *p;
    memcpy(&p, s + f->offset, sizeof(p));
    return p;
}

/* A string's bytes behind its NUL are not sent: they may be anything. */
static void write_string(const struct api_field *f, const u8 *s, struct api_bytes *b)
{
    size_t len = strnlen((const char *)s + f->offset, f->n ? f->n - 1 : 0);
    u8 *to = api_bytes_add(b, f->n);
    memcpy(to, s + f->offset, len);
    memset(to + len, 0, f->n - len);
}

static void write_field(const struct api_field *f, const u8 *s, struct api_bytes *b)
{
    u32 n = 1;
    if (f->kind == API_STRING) {
        write_string(f, s, b);
        return;
    }
    if (f->kind == API_STRING_REST) {
        memcpy(&n, s + f->count_at, sizeof(n));
        put_be32(api_bytes_add(b, 4), n);
        if (n)
            memcpy(api_bytes_add(b, n), api_codec_pointed(f, s), n);
        return;
    }
    if (f->count == API_COUNTED)
        write_elements(f, api_codec_pointed(f, s),
                       (u32)host_number(s + f->count_at, f->count_bytes), b);
    else if (f->count == API_REST)
        write_elements(f, api_codec_pointed(f, s), (u32)host_number(s + f->count_at, 4), b);
    else
        write_elements(f, s + f->offset, f->count == API_FIXED ? f->n : 1, b);
}

static void write_struct(const struct api_type *type, const u8 *s, struct api_bytes *b)
{
    for (u32 i = 0; i < type->n_fields; i++)
        write_field(&type->fields[i], s, b);
}

void api_encode(const struct api_type *type, const void *s, struct api_bytes *b)
{
    write_struct(type, s, b);
}

/* --- for people --- */

static void out_number(struct out *o, const char *name, u8 kind, const u8 *from)
{
    double f;
    if (kind == API_F64) {
        memcpy(&f, from, sizeof(f));
        out_f64(o, name, f, NULL);
        return;
    }
    u64 n = host_number(from, kind_bytes(kind));
    char digits[24];
    snprintf(digits, sizeof(digits), "%" PRIu64, n);
    /* JSON's numbers end there */
    if (n > INT64_MAX)
        out_str(o, name, digits, NULL);
    else
        out_u64(o, name, n, NULL);
}

static void out_hex(struct out *o, const char *name, const u8 *from, u32 n)
{
    struct text t = {0};
    text_hex(&t, from, n);
    out_str(o, name, text_str(&t), NULL);
    text_free(&t);
}

static void out_one(struct out *o, const char *name, const struct api_field *f, const u8 *from)
{
    if (f->kind != API_STRUCT) {
        out_number(o, name, f->kind, from);
        return;
    }
    out_object(o, name);
    api_out(o, f->type, from);
    out_end(o);
}

static void out_many(struct out *o, const struct api_field *f, const u8 *from, u32 n)
{
    size_t step = f->kind == API_STRUCT ? f->type->struct_bytes : kind_bytes(f->kind);
    if (f->kind == API_U8) {
        out_hex(o, f->name, from, n);
        return;
    }
    out_array(o, f->name);
    for (u32 i = 0; i < n; i++)
        out_one(o, NULL, f, from + i * step);
    out_end(o);
}

void api_out(struct out *o, const struct api_type *type, const void *msg)
{
    const u8 *s = msg;
    for (u32 i = 0; i < type->n_fields; i++) {
        const struct api_field *f = &type->fields[i];
        if (f->kind == API_STRING)
            out_str(o, f->name, (const char *)s + f->offset, NULL);
        else if (f->kind == API_STRING_REST)
            out_str(o, f->name, (const char *)api_codec_pointed(f, s), NULL);
        else if (f->count == API_COUNTED)
            out_many(o, f, api_codec_pointed(f, s),
                     (u32)host_number(s + f->count_at, f->count_bytes));
        else if (f->count == API_REST)
            out_many(o, f, api_codec_pointed(f, s), (u32)host_number(s + f->count_at, 4));
        else if (f->count == API_FIXED)
            out_many(o, f, s + f->offset, f->n);
        else
            out_one(o, f->name, f, s + f->offset);
    }
}

/* --- and back --- */

static int in_struct(const json_t *j, const struct api_type *type, u8 *s, struct api_arena *arena,
                     struct error *e);

static int api_codec_wrong(struct error *e, const char *name, const char *what)
{
    return error_set(e, EINVAL, "`%s' is not %s", name, what);
}

/* Digits for what is too large for JSON's numbers. */
static bool number_of_json(const json_t *j, u8 kind, u64 *value)
{
    u32 bits = 8 * kind_bytes(kind);
    if (json_is_integer(j)) {
        i64 n = json_integer_value(j);
        *value = (u64)n;
        return bits == 64 || (n >= -((i64)1 << (bits - 1)) && n < (i64)1 << bits);
    }
    const char *digits = bits == 64 ? json_string_value(j) : NULL;
    if (!digits || !*digits || digits[strspn(digits, "0123456789")])
        return false;
    errno = 0;
    *value = strtoull(digits, NULL, 10);
    return !errno;
}

static int in_number(const json_t *j, const struct api_field *f, u8 *to, struct error *e)
{
    if (f->kind == API_F64) {
        double x = json_is_null(j) ? (double)NAN : json_number_value(j);
        memcpy(to, &x, sizeof(x));
        return json_is_number(j) || json_is_null(j) ? 0 : api_codec_wrong(e, f->name, "a number");
    }
    u64 n = 0;
    if (!number_of_json(j, f->kind, &n))
        return api_codec_wrong(e, f->name, "a number that fits");
    switch (f->kind) {
    case API_U8:
        *to = (u8)n;
        break;
    case API_U16:
        store_u16(to, (u16)n);
        break;
    case API_U32:
        store_u32(to, (u32)n);
        break;
    default:
        store_u64(to, n);
    }
    return 0;
}

static int in_one(const json_t *j, const struct api_field *f, u8 *to, struct api_arena *arena,
                  struct error *e)
{
    if (f->kind == API_STRUCT)
        return in_struct(j, f->type, to, arena, e);
    return in_number(j, f, to, e);
}

/* Room for n elements, and their number. NULL: so many cannot be. */
static u8 *in_elements(const struct api_field *f, u8 *s, size_t n, struct api_arena *arena)
{
    size_t bytes = f->kind == API_STRUCT ? f->type->struct_bytes : kind_bytes(f->kind);
    if (f->count == API_FIXED)
        return n == f->n ? s + f->offset : NULL;
    u32 count_bytes = f->count == API_COUNTED ? f->count_bytes : 4;
    if (n > MAX_ELEMENTS || (count_bytes < 4 && n >> (8 * count_bytes)))
        return NULL;
    u8 *elements = api_arena_alloc(arena, n * bytes);
    memcpy(s + f->offset, &elements, sizeof(elements));
    switch (count_bytes) {
    case 1:
        s[f->count_at] = (u8)n;
        break;
    case 2:
        store_u16(s + f->count_at, (u16)n);
        break;
    case 4:
        store_u32(s + f->count_at, (u32)n);
        break;
    default:
        store_u64(s + f->count_at, n);
    }
    return elements;
}

static int in_hex(const json_t *j, const struct api_field *f, u8 *s, struct api_arena *arena,
                  struct error *e)
{
    const char *hex = json_string_value(j);
    size_t n = hex ? strlen(hex) / 2 : 0;
    if (!hex || hex_digits(hex) != 2 * n || hex[2 * n])
        return api_codec_wrong(e, f->name, "bytes in hex");
    u8 *to = in_elements(f, s, n, arena);
    if (!to)
        return api_codec_wrong(e, f->name, "bytes in hex, as many as there should be");
    hex_bytes(hex, to, n);
    return 0;
}

static int in_many(const json_t *j, const struct api_field *f, u8 *s, struct api_arena *arena,
                   struct error *e)
{
    size_t n = json_array_size(j);
    size_t step = f->kind == API_STRUCT ? f->type->struct_bytes : kind_bytes(f->kind);
    if (f->kind == API_U8)
        return in_hex(j, f, s, arena, e);
    u8 *to = json_is_array(j) ? in_elements(f, s, n, arena) : NULL;
    if (!to)
        return api_codec_wrong(e, f->name, "an array of as many as there should be");
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = in_one(json_array_get(j, i), f, to + i * step, arena, e);
    return rc;
}

static int in_string(const json_t *j, const struct api_field *f, u8 *s, struct api_arena *arena,
                     struct error *e)
{
    const char *text = json_string_value(j);
    size_t n = text ? strlen(text) : 0;
    if (!text || (f->kind == API_STRING && n >= f->n))
        return api_codec_wrong(e, f->name, "a string that fits");
    if (f->kind == API_STRING) {
        memcpy(s + f->offset, text, n);
        return 0;
    }
    char *copy = api_arena_alloc(arena, n + 1);
    memcpy(copy, text, n);
    store_u32(s + f->count_at, (u32)n);
    memcpy(s + f->offset, &copy, sizeof(copy));
    return 0;
}

static int in_field(const json_t *j, const struct api_field *f, u8 *s, struct api_arena *arena,
                    struct error *e)
{
    if (f->kind == API_STRING || f->kind == API_STRING_REST)
        return in_string(j, f, s, arena, e);
    if (f->count != API_ONE)
        return in_many(j, f, s, arena, e);
    return in_one(j, f, s + f->offset, arena, e);
}

static int in_struct(const json_t *j, const struct api_type *type, u8 *s, struct api_arena *arena,
                     struct error *e)
{
    const char *key;
    json_t *value;
    size_t known = 0;
    int rc = json_is_object(j) ? 0 : api_codec_wrong(e, type->name, "an object");
    for (u32 i = 0; i < type->n_fields && !rc; i++) {
        const struct api_field *f = &type->fields[i];
        value = json_object_get(j, f->name);
        /* its count came before it, but the array knows better */
        if (f->count == API_COUNTED)
            memset(s + f->count_at, 0, f->count_bytes);
        if (!value)
            continue;
        known++;
        rc = in_field(value, f, s, arena, e);
    }
    if (rc)
        return rc;
    json_object_foreach((json_t *)j, key, value) known += *key == '_';
    if (known < json_object_size(j))
        return error_set(e, EINVAL, "%s has members that are not of it", type->name);
    return 0;
}

int api_in(const json_t *j, const struct api_type *type, void *s, struct api_arena *arena,
           struct error *e)
{
    memset(s, 0, type->struct_bytes);
    return in_struct(j, type, s, arena, e);
}
