#include "control/api_trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

const u8 api_trace_magic[API_MAGIC_BYTES] = "PISTEAPI";

enum {
    CRC_DIGITS = 8,
    READ_BYTES = 64 << 10,
    MAX_FILE_BYTES = 256 << 20,
    /* of one message: what the parser makes of it is many times as large */
    MAX_JSON_BYTES = 2 << 20,
};

/* --- names --- */

void api_record_name(char name[API_NAME_BYTES], const struct api_message *m)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = strnlen(m->name, API_NAME_BYTES - 1 - CRC_DIGITS - 1);
    memset(name, 0, API_NAME_BYTES);
    memcpy(name, m->name, n);
    name[n++] = '_';
    for (int shift = 28; shift >= 0; shift -= 4)
        name[n++] = digits[m->crc >> shift & 15];
}

/* Names that a message can have: what a file says is shown on terminals. */
static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              *c == '_'))
            return false;
    return *name;
}

/* NAME_CRC; false: it is none. */
static bool split_name(const char *name_crc, char name[API_NAME_BYTES], u32 *crc)
{
    const char *at = strrchr(name_crc, '_');
    if (!at || at == name_crc || at - name_crc >= API_NAME_BYTES || !is_name(name_crc) ||
        strlen(at + 1) != CRC_DIGITS || strspn(at + 1, "0123456789abcdef") != CRC_DIGITS)
        return false;
    memset(name, 0, API_NAME_BYTES);
    memcpy(name, name_crc, (size_t)(at - name_crc));
    *crc = (u32)strtoul(at + 1, NULL, 16);
    return true;
}

/* From NAME_CRC, with NULs to its end, to the message's number here. */
static void names_init(struct hash *names, const struct api_server *s)
{
    hash_init(names, API_NAME_BYTES);
    for (u32 i = 1; i < s->ids.n; i++) {
        char name[API_NAME_BYTES];
        api_record_name(name, s->ids.v[i].message);
        hash_set(names, name, i);
    }
}

static const struct api_message *api_trace_file_find(const struct hash *names,
                                                     const struct api_server *s,
                                                     const char name[API_NAME_BYTES])
{
    u64 i;
    return hash_get(names, name, &i) ? s->ids.v[i].message : NULL;
}

/* --- saved traces --- */

void api_record_header(u8 header[API_RECORD_HEADER_BYTES], const struct api_record *r)
{
    put_be32(header, r->n);
    put_be64(header + 4, r->time_ns);
    put_be32(header + 12, r->client_index);
    header[16] = r->sent;
    memcpy(header + 17, r->name, API_NAME_BYTES);
}

static bool read_record(struct api_record *r, const u8 *x, size_t left)
{
    char name[API_NAME_BYTES];
    u32 crc;
    if (left < API_RECORD_HEADER_BYTES || x[API_RECORD_HEADER_BYTES - 1])
        return false;
    *r = (struct api_record){
        .n = get_be32(x),
        .time_ns = get_be64(x + 4),
        .client_index = get_be32(x + 12),
        .sent = x[16],
        .body = x + API_RECORD_HEADER_BYTES,
    };
    strcpy(r->name, (const char *)x + 17); /* it ends: seen above */
    return r->n <= left - API_RECORD_HEADER_BYTES && split_name(r->name, name, &crc);
}

int api_records_read(const struct api_server *s, const u8 *file, size_t bytes,
                     struct api_records *records, struct error *e)
{
    struct hash names;
    int rc = 0;
    if (bytes < API_MAGIC_BYTES || memcmp(file, api_trace_magic, API_MAGIC_BYTES) != 0)
        return error_set(e, EINVAL, "it is not a saved API trace");
    names_init(&names, s);
    for (size_t at = API_MAGIC_BYTES; at < bytes && !rc;) {
        struct api_record r;
        if (!read_record(&r, file + at, bytes - at)) {
            rc = error_set(e, EINVAL, "the trace is damaged at byte %zu", at);
            break;
        }
        r.message = api_trace_file_find(&names, s, r.name);
        vec_add(&records->list, r);
        at += API_RECORD_HEADER_BYTES + r.n;
    }
    hash_fini(&names);
    return rc;
}

void api_records_free(struct api_records *records)
{
    vec_free(&records->list);
    api_bytes_free(&records->file);
    api_arena_free(&records->arena);
}

/* --- as JSON --- */

void api_record_out(struct out *o, const struct api_record *r)
{
    char name[API_NAME_BYTES], digits[16];
    u32 crc = 0;
    split_name(r->name, name, &crc);
    snprintf(digits, sizeof(digits), "%08" PRIx32, crc);
    out_str(o, "_msgname", name, NULL);
    out_str(o, "_crc", digits, NULL);
    if (!r->message)
        return;
    struct api_arena arena = {0};
    void *msg = api_arena_alloc(&arena, r->message->type->struct_bytes);
    if (api_decode(r->message->type, r->body, r->n, msg, &arena) >= 0)
        api_out(o, r->message->type, msg);
    api_arena_free(&arena);
}

char *api_records_json(const struct api_records *records)
{
    struct out *o = out_new(OUT_JSON);
    out_array(o, "messages");
    for (u32 i = 0; i < records->list.n; i++) {
        out_object(o, NULL);
        api_record_out(o, &records->list.v[i]);
        out_end(o);
    }
    out_end(o);
    char *text = out_take(o);
    out_free(o);
    return text;
}

/* The body of a message, encoded. */
static int encode_json(const json_t *j, struct api_record *r, struct api_arena *keep,
                       struct error *e)
{
    struct api_arena arena = {0};
    struct api_bytes b = {0};
    void *msg = api_arena_alloc(&arena, r->message->type->struct_bytes);
    int rc = api_in(j, r->message->type, msg, &arena, e);
    if (!rc) {
        api_encode(r->message->type, msg, &b);
        if (b.n > API_MAX_MESSAGE_BYTES - 2)
            rc = error_set(e, EMSGSIZE, "a message is too long");
    }
    if (!rc) {
        u8 *body = api_arena_alloc(keep, b.n);
        memcpy(body, b.v, b.n);
        r->body = body;
        r->n = (u32)b.n;
    }
    api_bytes_free(&b);
    api_arena_free(&arena);
    return rc;
}

static int record_of_json(const json_t *j, const struct hash *names, const struct api_server *s,
                          struct api_records *records, struct error *e)
{
    const char *name = json_string_value(json_object_get(j, "_msgname"));
    const char *crc = json_string_value(json_object_get(j, "_crc"));
    struct api_record r = {0};
    char plain[API_NAME_BYTES];
    u32 number;
    /* as VPP writes it, too */
    if (crc && !strncmp(crc, "0x", 2))
        crc += 2;
    if (!name || !crc || strlen(name) + 1 + strlen(crc) >= sizeof(r.name))
        return error_set(e, EINVAL, "it has no _msgname or no _crc");
    snprintf(r.name, sizeof(r.name), "%s_%s", name, crc);
    if (!split_name(r.name, plain, &number))
        return error_set(e, EINVAL, "its _msgname or _crc cannot be");
    r.message = api_trace_file_find(names, s, r.name);
    int rc = r.message ? encode_json(j, &r, &records->arena, e) : 0;
    if (!rc)
        vec_add(&records->list, r);
    return rc;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at;
}

/* Behind this word; NULL: it is not there. */
static const char *skip_word(const char *at, const char *end, const char *word)
{
    size_t n = strlen(word);
    at = at ? skip_blanks(at, end) : end;
    return (size_t)(end - at) >= n && !memcmp(at, word, n) ? at + n : NULL;
}

/* One message after the other: the whole file as JSON values would be many times as large. */
int api_records_read_json(const struct api_server *s, const char *text, size_t bytes,
                          struct api_records *records, struct error *e)
{
    const char *end = text + bytes, *at = text, *next;
    struct hash names;
    size_t total = 0;
    int rc = 0;
    next = skip_word(skip_word(skip_word(at, end, "{"), end, "\"messages\""), end, ":");
    bool in_object = next;
    next = skip_word(next ? next : at, end, "[");
    if (!next)
        return error_set(e, EINVAL, "it is not an API trace as JSON");
    names_init(&names, s);
    at = next;
    next = skip_word(at, end, "]");
    while (!next && !rc) {
        json_error_t error;
        size_t n = min_u64((u64)(end - at), MAX_JSON_BYTES);
        json_t *j = json_loadb(at, n, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
        if (!j) {
            rc = error_set(e, EINVAL, "no JSON, or too much for a message");
        } else {
            rc = record_of_json(j, &names, s, records, e);
            at += error.position;
        }
        json_decref(j);
        if (!rc && records->list.v[records->list.n - 1].n > MAX_FILE_BYTES - total)
            rc = error_set(e, EMSGSIZE, "that is too much");
        if (rc) {
            error_prefix(e, "message %u, at byte %zu", records->list.n, (size_t)(at - text));
            break;
        }
        total += records->list.v[records->list.n - 1].n;
        next = skip_word(at, end, "]");
        at = next ? next : skip_word(at, end, ",");
        if (!at)
            rc =
                error_set(e, EINVAL, "the array breaks off behind message %u", records->list.n - 1);
    }
    hash_fini(&names);
    if (rc)
        return rc;
    if (in_object)
        next = skip_word(next, end, "}");
    if (!next || skip_blanks(next, end) != end)
        return error_set(e, EINVAL, "there is more behind the array");
    return 0;
}

/* --- tables of messages --- */

void api_table_of(const struct api_server *s, struct api_table *table)
{
    for (u32 i = 1; i < s->ids.n; i++) {
        struct api_table_entry x = {.id = (u16)i, .crc = s->ids.v[i].message->crc};
        snprintf(x.name, sizeof(x.name), "%s", s->ids.v[i].message->name);
        if (s->ids.v[i].listed)
            vec_add(&table->list, x);
    }
}

int api_table_write(const struct api_server *s, const char *path, struct error *e)
{
    struct api_table table = {0};
    struct text t = {0};
    api_table_of(s, &table);
    for (u32 i = 0; i < table.list.n; i++) {
        const struct api_table_entry *x = &table.list.v[i];
        text_add(&t, "%u %s_%08" PRIx32 "\n", x->id, x->name, x->crc);
    }
    int rc = file_write_shared(path, text_str(&t), t.len, e);
    text_free(&t);
    api_table_free(&table);
    return rc;
}

static bool read_entry(struct api_table_entry *x, const char *line, size_t n)
{
    char copy[API_NAME_BYTES + 8];
    if (n >= sizeof(copy) || memchr(line, 0, n))
        return false;
    memcpy(copy, line, n);
    copy[n] = 0;
    size_t digits = strspn(copy, "0123456789");
    u64 id = digits && digits <= 5 ? strtoul(copy, NULL, 10) : 0;
    if (!id || id > UINT16_MAX || copy[digits] != ' ')
        return false;
    x->id = (u16)id;
    return split_name(copy + digits + 1, x->name, &x->crc);
}

int api_table_read(const char *text, size_t bytes, struct api_table *table, struct error *e)
{
    for (size_t at = 0; at < bytes;) {
        const char *newline = memchr(text + at, '\n', bytes - at);
        size_t n = newline ? (size_t)(newline - text) - at : bytes - at;
        struct api_table_entry x;
        if (table->list.n == UINT16_MAX || !read_entry(&x, text + at, n))
            return error_set(e, EINVAL, "line %u is not a message of an API table",
                             table->list.n + 1);
        vec_add(&table->list, x);
        at += n + (newline ? 1 : 0);
    }
    return 0;
}

void api_table_free(struct api_table *table)
{
    vec_free(&table->list);
}

/* --- files in /tmp --- */

char *api_file_path(const char *name, struct error *e)
{
    if (strchr(name, '/') || strstr(name, "..") || !*name) {
        error_set(e, EINVAL, "illegal characters in filename `%s'", name);
        return NULL;
    }
    return mem_printf("/tmp/%s", name);
}

int api_file_read(const char *path, struct api_bytes *b, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_errno(e, errno, "cannot open %s", path);
    ssize_t got = 1;
    while (got > 0 && b->n <= MAX_FILE_BYTES) {
        got = read(fd, api_bytes_add(b, READ_BYTES), READ_BYTES);
        b->n -= READ_BYTES - (size_t)(got > 0 ? got : 0);
    }
    int rc = got < 0 ? error_errno(e, errno, "cannot read %s", path) : 0;
    if (!rc && b->n > MAX_FILE_BYTES)
        rc = error_set(e, EFBIG, "%s is too large", path);
    close(fd);
    return rc;
}
