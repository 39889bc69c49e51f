/* Output as text or JSON, see out.h. In text mode nothing is kept but the text; in JSON mode
 * nothing but a jansson tree and the path of open containers. */
#include "base/out.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"

struct out {
    enum out_format format;
    struct text text;

    /* JSON: open[0] is the document; a container without a key in an object is filled, but hangs
     * nowhere */
    VEC(json_t *) open;

    const struct out_column *cols; /* of the open table, or NULL */
    unsigned n_cols;
    unsigned next_col;
};

static json_t *out_top(const struct out *o)
{
    return o->open.v[o->open.n - 1];
}

static void out_document_new(struct out *o)
{
    o->open.n = 0;
    vec_add(&o->open, json_object());
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
    for (u32 i = 0; i < o->open.n; i++)
        json_decref(o->open.v[i]);
    vec_free(&o->open);
    text_free(&o->text);
    free(o);
}

enum out_format out_format(const struct out *o)
{
    return o->format;
}

/* Takes over value. */
static void out_member(struct out *o, const char *key, json_t *value)
{
    json_t *top = out_top(o);
    if (json_is_array(top))
        json_array_append_new(top, value);
    else if (key)
        json_object_set_new(top, key, value);
    else
        json_decref(value);
}

/* Names come from the kernel and from peers: what is no UTF-8 must not lose the whole document. */
static json_t *out_json_string(const char *s)
{
    json_t *j = json_string(s);
    if (j)
        return j;
    struct text ascii = {0};
    for (; *s; s++)
        text_putc(&ascii, (u8)*s < 0x80 ? *s : '?');
    j = json_string(text_str(&ascii));
    text_free(&ascii);
    return j;
}

static json_t *out_json_u64(u64 value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

static json_t *out_json_f64(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

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
        out_member(o, key, out_json_u64(value));
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_i64(struct out *o, const char *key, i64 value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_member(o, key, json_integer(value));
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_f64(struct out *o, const char *key, double value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_member(o, key, out_json_f64(value));
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_str(struct out *o, const char *key, const char *value, const char *fmt)
{
    if (o->format == OUT_JSON)
        out_member(o, key, out_json_string(value));
    else if (fmt)
        text_add(&o->text, fmt, value);
}

void out_bool(struct out *o, const char *key, bool value, const char *text_if_true,
              const char *text_if_false)
{
    const char *text = value ? text_if_true : text_if_false;
    if (o->format == OUT_JSON)
        out_member(o, key, json_boolean(value));
    else if (text)
        text_puts(&o->text, text);
}

/* Opens container; o->open keeps one reference, the parent another. */
static void out_open(struct out *o, const char *key, json_t *container)
{
    json_t *top = out_top(o);
    if (o->open.n == 1 && !key && json_is_object(top) && json_object_size(top) == 0) {
        /* the document itself is this container */
        json_decref(top);
        o->open.v[0] = json_incref(container);
    } else {
        out_member(o, key, json_incref(container));
    }
    vec_add(&o->open, container);
}

void out_object(struct out *o, const char *key)
{
    if (o->format == OUT_JSON)
        out_open(o, key, json_object());
}

void out_array(struct out *o, const char *key)
{
    if (o->format == OUT_JSON)
        out_open(o, key, json_array());
}

void out_end(struct out *o)
{
    if (o->format != OUT_JSON)
        return;
    if (o->open.n < 2)
        panic("out_end without out_object or out_array");
    json_decref(o->open.v[--o->open.n]);
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

/* One cell: text in text mode; in JSON value, which it takes over (NULL: the text). */
static void out_put_cell(struct out *o, const char *text, json_t *value)
{
    if (!o->cols)
        panic("out_cell outside a table");
    const struct out_column *col = &o->cols[o->next_col];
    if (o->format == OUT_JSON) {
        if (o->next_col == 0)
            out_object(o, NULL);
        out_member(o, col->key, value ? value : out_json_string(text));
    } else {
        out_aligned(o, text, col->width, col->cell_align);
    }
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
    va_list ap;
    va_start(ap, fmt);
    text_vadd(&t, fmt, ap);
    va_end(ap);
    out_put_cell(o, text_str(&t), NULL);
    text_free(&t);
}

void out_cell_u64(struct out *o, u64 value)
{
    char s[24];
    snprintf(s, sizeof(s), "%" PRIu64, value);
    out_put_cell(o, s, o->format == OUT_JSON ? out_json_u64(value) : NULL);
}

void out_cell_i64(struct out *o, i64 value)
{
    char s[24];
    snprintf(s, sizeof(s), "%" PRId64, value);
    out_put_cell(o, s, o->format == OUT_JSON ? json_integer(value) : NULL);
}

void out_cell_sci(struct out *o, double value, int decimals)
{
    struct text t = {0};
    text_sci(&t, value, decimals);
    out_put_cell(o, text_str(&t), o->format == OUT_JSON ? out_json_f64(value) : NULL);
    text_free(&t);
}

void out_cell_f64(struct out *o, double value, int decimals)
{
    struct text t = {0};
    text_add(&t, "%.*f", decimals, value);
    out_put_cell(o, text_str(&t), o->format == OUT_JSON ? out_json_f64(value) : NULL);
    text_free(&t);
}

void out_table_end(struct out *o)
{
    if (!o->cols || o->next_col)
        panic("out_table_end within a row or outside a table");
    o->cols = NULL;
    out_end(o);
}

static char *out_take_json(struct out *o)
{
    char *dump = json_dumps(o->open.v[0], JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (!dump)
        panic("no memory for JSON output");
    char *s = mem_printf("%s\n", dump);
    free(dump);
    for (u32 i = 0; i < o->open.n; i++)
        json_decref(o->open.v[i]);
    out_document_new(o);
    return s;
}

char *out_take(struct out *o)
{
    if (o->format == OUT_JSON)
        return out_take_json(o);
    char *s = o->text.s ? o->text.s : mem_strdup("");
    o->text = (struct text){0};
    return s;
}
