/* Output as text or JSON, see out.h. Nothing is kept but what was not taken yet and the path of
 * open containers. */
#include "base/out.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"

/* An open container of JSON. */
struct out_level {
    bool is_array, has_members;
    bool is_document;   /* it is the document itself, which ends at the end */
    bool hangs_nowhere; /* it has no key in an object: nothing of it is shown */
};

struct out {
    enum out_format format;
    struct text text; /* what was not taken yet */

    /* JSON: levels[0] is the document, an object unless the first to be opened has no key */
    VEC(struct out_level) levels;
    u32 depth; /* of levels, those that are the document counted once */

    const struct out_column *cols; /* of the open table, or NULL */
    unsigned n_cols;
    unsigned next_col;
};

enum { OUT_INDENT = 2 };

static struct out_level *out_top(const struct out *o)
{
    return &o->levels.v[o->levels.n - 1];
}

static void out_document_new(struct out *o)
{
    o->levels.n = 0;
    o->depth = 1;
    vec_add(&o->levels, ((struct out_level){.is_document = true}));
}

struct out *out_new(enum out_format format)
{
    struct out *o = mem_alloc(sizeof(*o));
    o->format = format;
    if (format == OUT_JSON)
        out_document_new(o);
    return o;
}

void out_free(struct out *o)
{
    if (!o)
        return;
    vec_free(&o->levels);
    text_free(&o->text);
    free(o);
}

enum out_format out_format(const struct out *o)
{
    return o->format;
}

size_t out_bytes(const struct out *o)
{
    return o->text.len;
}

/* --- JSON --- */

static void out_json_line(struct out *o, u32 depth)
{
    text_putc(&o->text, '\n');
    text_repeat(&o->text, ' ', (size_t)depth * OUT_INDENT);
}

static void out_json_value(struct out *o, json_t *value)
{
    char *s = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (!s)
        panic("no memory for JSON output");
    text_puts(&o->text, s);
    free(s);
    json_decref(value);
}

/* Names come from the kernel and from peers: what is no UTF-8 must not lose the whole document. */
static void out_json_odd_string(struct out *o, const char *s)
{
    struct text ascii = {0};
    json_t *j = json_string(s);
    for (; !j && *s; s++)
        text_putc(&ascii, (u8)*s < 0x80 ? *s : '?');
    out_json_value(o, j ? j : json_string(text_str(&ascii)));
    text_free(&ascii);
}

static void out_json_string(struct out *o, const char *s)
{
    for (const char *p = s; *p; p++)
        if ((u8)*p < ' ' || (u8)*p > '~' || *p == '"' || *p == '\\') {
            out_json_odd_string(o, s);
            return;
        }
    text_putc(&o->text, '"');
    text_puts(&o->text, s);
    text_putc(&o->text, '"');
}

/* What stands in front of a value; false: it is not shown. */
static bool out_json_begin(struct out *o, const char *key)
{
    if (o->format != OUT_JSON)
        return false;
    struct out_level *top = out_top(o);
    if (top->hangs_nowhere || (!top->is_array && !key))
        return false;
    if (!top->has_members && top->is_document)
        text_putc(&o->text, top->is_array ? '[' : '{');
    else if (top->has_members)
        text_putc(&o->text, ',');
    top->has_members = true;
    out_json_line(o, o->depth);
    if (!top->is_array) {
        out_json_string(o, key);
        text_puts(&o->text, ": ");
    }
    return true;
}

static void out_json_u64(struct out *o, const char *key, u64 value)
{
    if (!out_json_begin(o, key))
        return;
    if (value <= INT64_MAX)
        text_add(&o->text, "%" PRIu64, value);
    else
        out_json_value(o, json_real((double)value));
}

static void out_json_i64(struct out *o, const char *key, i64 value)
{
    if (out_json_begin(o, key))
        text_add(&o->text, "%" PRId64, value);
}

static void out_json_f64(struct out *o, const char *key, double value)
{
    if (out_json_begin(o, key))
        out_json_value(o, isfinite(value) ? json_real(value) : json_null());
}

static void out_json_str(struct out *o, const char *key, const char *value)
{
    if (out_json_begin(o, key))
        out_json_string(o, value);
}

static void out_json_open(struct out *o, const char *key, bool is_array)
{
    struct out_level *top = out_top(o), level = {.is_array = is_array};
    if (o->depth == 1 && !key && !top->is_array && !top->has_members && !top->hangs_nowhere) {
        top->is_array = is_array;
        level.is_document = true;
    } else if (out_json_begin(o, key)) {
        text_putc(&o->text, is_array ? '[' : '{');
        o->depth++;
    } else {
        level.hangs_nowhere = true;
    }
    vec_add(&o->levels, level);
}

static void out_json_close(struct out *o)
{
    struct out_level level = *out_top(o);
    o->levels.n--;
    if (level.is_document && o->levels.n) /* shows in the end */
        out_top(o)->has_members |= level.has_members;
    if (level.hangs_nowhere || (level.is_document && o->levels.n))
        return;
    o->depth--;
    if (level.has_members)
        out_json_line(o, o->depth);
    else if (level.is_document)
        text_putc(&o->text, level.is_array ? '[' : '{');
    text_putc(&o->text, level.is_array ? ']' : '}');
}

/* --- values --- */

void out_text(struct out *o, const char *fmt, ...)
{
    if (o->format != OUT_TEXT)
        return;
    va_list ap;
    va_start(ap, fmt);
    text_vadd(&o->text, fmt, ap);
    va_end(ap);
}

void out_u64(struct out *o, const char *key, u64 value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_json_u64(o, key, value);
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_i64(struct out *o, const char *key, i64 value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_json_i64(o, key, value);
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_f64(struct out *o, const char *key, double value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_json_f64(o, key, value);
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_str(struct out *o, const char *key, const char *value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_json_str(o, key, value);
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_bool(struct out *o, const char *key, bool value, const char *text_if_true,
              const char *text_if_false)
{
    const char *text = value ? text_if_true : text_if_false;
    if (out_json_begin(o, key))
        text_puts(&o->text, value ? "true" : "false");
    else if (text && o->format == OUT_TEXT)
        text_puts(&o->text, text);
}

void out_object(struct out *o, const char *key)
{
    if (o->format == OUT_JSON)
        out_json_open(o, key, false);
}

void out_array(struct out *o, const char *key)
{
    if (o->format == OUT_JSON)
        out_json_open(o, key, true);
}

void out_end(struct out *o)
{
    if (o->format != OUT_JSON)
        return;
    if (o->levels.n < 2)
        panic("out_end without out_object or out_array");
    out_json_close(o);
}

void out_aligned(struct out *o, const char *s, unsigned width, enum out_align align)
{
    if (o->format == OUT_JSON)
        return;
    size_t len = strlen(s);
    if (width == 0)
        width = (unsigned)len;
    if (len > width)
        len = width;
    size_t blanks = width - len;
    size_t left = align == OUT_LEFT ? 0 : align == OUT_RIGHT ? blanks : (blanks + 1) / 2;
    text_repeat(&o->text, ' ', left);
    text_putn(&o->text, s, len);
    text_repeat(&o->text, ' ', blanks - left);
}

void out_table(struct out *o, const char *key, const struct out_column *cols, unsigned n_cols)
{
    o->cols = cols;
    o->n_cols = n_cols;
    o->next_col = 0;
    if (o->format == OUT_JSON) {
        out_array(o, key);
        return;
    }
    bool titled = false;
    for (unsigned i = 0; i < n_cols; i++)
        titled |= cols[i].title != NULL;
    if (!titled)
        return;
    for (unsigned i = 0; i < n_cols; i++)
        out_aligned(o, cols[i].title ? cols[i].title : "", cols[i].width, cols[i].title_align);
    text_putc(&o->text, '\n');
}

/* The key of the next cell in JSON. */
static const char *out_cell_begin(struct out *o)
{
    if (!o->cols)
        panic("out_cell outside a table");
    if (o->format == OUT_JSON && o->next_col == 0)
        out_object(o, NULL);
    return o->cols[o->next_col].key;
}

static void out_cell_end(struct out *o, const char *text)
{
    const struct out_column *col = &o->cols[o->next_col];
    if (o->format == OUT_TEXT)
        out_aligned(o, text, col->width, col->cell_align);
    if (++o->next_col < o->n_cols)
        return;
    o->next_col = 0;
    if (o->format == OUT_JSON)
        out_end(o);
    else
        text_putc(&o->text, '\n');
}

void out_cell(struct out *o, const char *fmt, ...)
{
    struct text t = {0};
    const char *key = out_cell_begin(o);
    va_list ap;
    va_start(ap, fmt);
    text_vadd(&t, fmt, ap);
    va_end(ap);
    out_json_str(o, key, text_str(&t));
    out_cell_end(o, text_str(&t));
    text_free(&t);
}

void out_cell_u64(struct out *o, u64 value)
{
    char s[24];
    snprintf(s, sizeof(s), "%" PRIu64, value);
    out_json_u64(o, out_cell_begin(o), value);
    out_cell_end(o, s);
}

void out_cell_i64(struct out *o, i64 value)
{
    char s[24];
    snprintf(s, sizeof(s), "%" PRId64, value);
    out_json_i64(o, out_cell_begin(o), value);
    out_cell_end(o, s);
}

void out_cell_sci(struct out *o, double value, int decimals)
{
    struct text t = {0};
    text_sci(&t, value, decimals);
    out_json_f64(o, out_cell_begin(o), value);
    out_cell_end(o, text_str(&t));
    text_free(&t);
}

void out_cell_f64(struct out *o, double value, int decimals)
{
    struct text t = {0};
    text_add(&t, "%.*f", decimals, value);
    out_json_f64(o, out_cell_begin(o), value);
    out_cell_end(o, text_str(&t));
    text_free(&t);
}

void out_table_end(struct out *o)
{
    if (!o->cols || o->next_col)
        panic("out_table_end within a row or outside a table");
    o->cols = NULL;
    out_end(o);
}

char *out_take_piece(struct out *o)
{
    char *s = o->text.s ? o->text.s : mem_strdup("");
    o->text = (struct text){0};
    return s;
}

char *out_take(struct out *o)
{
    if (o->format == OUT_JSON) {
        while (o->levels.n)
            out_json_close(o);
        text_putc(&o->text, '\n');
        out_document_new(o);
    }
    return out_take_piece(o);
}
