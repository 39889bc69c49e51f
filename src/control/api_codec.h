/* Binary API messages: structs in host order to and from their packed form on the wire.
 *
 * tools/gen-api.py makes, from each api/X.api, the structs of messages (api_X.h) and tables of
 * their fields (api_X.c); the code here walks those tables. Integers are big-endian on the wire,
 * floats in the machine's own order, nothing is padded, and what varies in length comes last. */
#pragma once

#include "base/error.h"
#include "base/out.h"
#include "base/types.h"

struct json_t;

enum api_kind {
    API_U8, /* bool, i8; unions as raw bytes */
    API_U16,
    API_U32,
    API_U64,
    API_F64,
    API_STRUCT,
    API_STRING,      /* char[n], always ends in NUL here */
    API_STRING_REST, /* u32 x_bytes, const char *x (with a NUL behind) */
};

enum api_count {
    API_ONE,
    API_FIXED,   /* n elements within the struct */
    API_COUNTED, /* const T *; an earlier field says how many */
    API_REST,    /* const T *, u32 x_n: until the message ends */
};

struct api_type;

/* Members in the order in which gen-api.py writes them. */
struct api_field {
    const char *name;
    u8 kind;  /* enum api_kind */
    u8 count; /* enum api_count */
    u32 n;    /* API_FIXED: elements; API_STRING: bytes */
    u32 offset;
    u32 count_at, count_bytes;   /* of the field that counts */
    const struct api_type *type; /* API_STRUCT */
};

struct api_type {
    const char *name;
    const struct api_field *fields;
    u32 n_fields;
    u32 struct_bytes;
    u32 least_wire_bytes; /* with nothing in what varies */
};

enum api_message_kind {
    API_REQUEST, /* begins with client_index, context */
    API_REPLY,   /* begins with context, a few with client_index before it; and sockclnt_create */
    API_EVENT,   /* no context */
};

struct api_file;

struct api_message {
    const char *name;
    u32 crc;
    enum api_message_kind kind;
    const struct api_type *type;
    const struct api_file *file;
    /* what answers it, its reply first; NULL-terminated, or NULL */
    const struct api_message *const *sends;
};

struct api_file {
    const char *module;
    const char *version;                       /* "1.2.3" */
    u32 crc;                                   /* of the file's own objects */
    const struct api_message *const *messages; /* NULL-terminated, in order of definition */
    const char *json;                          /* the file as clients read it */
};

/* Memory for what a decoded message points to; all of it goes at once. Zeroed: empty. */
struct api_arena {
    struct api_chunk *chunks;
};
void *api_arena_alloc(struct api_arena *a, size_t bytes); /* zeroed */
/* Keeps one chunk for the next message. */
void api_arena_reset(struct api_arena *a);
void api_arena_free(struct api_arena *a);

/* Bytes to be sent. Zeroed: empty. */
struct api_bytes {
    u8 *v; /* owned */
    size_t n, cap;
};
/* Room for n more bytes, which are added; valid until the next call. */
u8 *api_bytes_add(struct api_bytes *b, size_t n);
void api_bytes_free(struct api_bytes *b);

/* Decodes one message (behind its id) into s, which has type->struct_bytes; what varies in length
 * goes to the arena. Bytes behind the message are left alone. Returns how many were taken, or
 * -EMSGSIZE when the message is shorter than it says: nothing is then allocated for what is not
 * there. */
i64 api_decode(const struct api_type *type, const u8 *wire, size_t n, void *s,
               struct api_arena *arena) MUST_CHECK;
/* Appends s to b. */
void api_encode(const struct api_type *type, const void *s, struct api_bytes *b);
/* Its fields as members of the enclosing object, JSON only: strings, numbers (as digits in a string
 * from 2^63 on), bytes in hex. */
void api_out(struct out *o, const struct api_type *type, const void *s);
/* The way back, into s as api_decode does. What is absent is zero, arrays say how many they have;
 * members whose names begin with `_' are left alone, others must be fields of it. */
int api_in(const struct json_t *j, const struct api_type *type, void *s, struct api_arena *arena,
           struct error *e) MUST_CHECK;
