/* Files of the API: saved traces, traces as JSON, tables of messages. Whoever wrote them, reading
 * takes any bytes: lengths and counts are checked against what is there.
 *
 * A saved trace names its messages, so that a daemon with other numbers can play it:
 *
 *   "PISTEAPI"  then for each message  u32 body bytes | u64 time, ns since 1970 | u32 client index
 * | u8 sent by us | name_crc, NUL to 64 bytes | body
 *
 * Integers are big-endian; the body is the message as on the socket, without its number.
 *
 * JSON is an array of objects, each with _msgname, _crc and what api_out makes of the fields; it
 * may be the member `messages' of an object.
 *
 * A table of messages is text: a line `NUMBER NAME_CRC' for each.
 *
 * Context: control thread, but for what says otherwise. */
#pragma once

#include "base/error.h"
#include "base/out.h"
#include "base/vec.h"
#include "control/api_internal.h"

enum {
    API_NAME_BYTES = 64, /* name_crc, with its NUL */
    API_RECORD_HEADER_BYTES = 4 + 8 + 4 + 1 + API_NAME_BYTES,
    API_MAGIC_BYTES = 8,
};

extern const u8 api_trace_magic[API_MAGIC_BYTES];

struct api_record {
    u64 time_ns; /* since 1970 */
    u32 client_index;
    bool sent;                         /* by us */
    char name[API_NAME_BYTES];         /* with the CRC */
    const struct api_message *message; /* NULL: none of that name here */
    const u8 *body;                    /* borrowed: within the file */
    u32 n;
};

/* --- saved traces --- */

/* NAME_CRC. Async-signal-safe. */
void api_record_name(char name[API_NAME_BYTES], const struct api_message *m);
/* What stands before r's body. Async-signal-safe. */
void api_record_header(u8 header[API_RECORD_HEADER_BYTES], const struct api_record *r);

struct api_records {
    VEC(struct api_record) list;
    struct api_bytes file;
    struct api_arena arena;
};
/* Zeroed records: none. What a failed call read is there, and to be freed. */
int api_records_read(const struct api_server *s, const u8 *file, size_t bytes,
                     struct api_records *records, struct error *e) MUST_CHECK;
void api_records_free(struct api_records *records);

/* --- as JSON --- */

/* _msgname, _crc and the fields, as members of the enclosing object. */
void api_record_out(struct out *o, const struct api_record *r);
/* All of them as a file; the caller frees it. */
char *api_records_json(const struct api_records *records);
/* A message whose name is not here has no body. */
int api_records_read_json(const struct api_server *s, const char *text, size_t bytes,
                          struct api_records *records, struct error *e) MUST_CHECK;

/* --- tables of messages --- */

struct api_table_entry {
    u16 id;
    char name[API_NAME_BYTES]; /* without the CRC */
    u32 crc;
};
struct api_table {
    VEC(struct api_table_entry) list;
};
/* The running daemon's. */
void api_table_of(const struct api_server *s, struct api_table *table);
int api_table_write(const struct api_server *s, const char *path, struct error *e) MUST_CHECK;
int api_table_read(const char *text, size_t bytes, struct api_table *table,
                   struct error *e) MUST_CHECK;
void api_table_free(struct api_table *table);

/* --- files in /tmp --- */

/* As VPP: a plain name, in /tmp. NULL with the error. */
char *api_file_path(const char *name, struct error *e);
/* The whole file. */
int api_file_read(const char *path, struct api_bytes *b, struct error *e) MUST_CHECK;
