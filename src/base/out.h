/* Output of a command, described once and rendered as VPP-like text or as JSON.
 *
 * A handler says each value once, with the key it has in JSON and the way it looks as text.
 * Text-only decoration goes through out_text, and is absent from JSON. Tables know VPP's column
 * layouts: a width pads and truncates. JSON is written as it comes: what is made can be taken in
 * pieces, so that its length does not matter.
 *
 *     static const struct out_column cols[] = {
 *         {"Name", "name", 30, OUT_CENTER, OUT_LEFT},
 *         {"Calls", "calls", 16, OUT_CENTER, OUT_RIGHT},
 *     };
 *     out_table(o, "nodes", cols, array_len(cols));
 *     out_cell(o, "%s", name);
 *     out_cell_u64(o, calls);
 *     out_table_end(o);
 */
#pragma once

#include "base/text.h"
#include "base/types.h"

enum out_format { OUT_TEXT, OUT_JSON };
enum out_align { OUT_LEFT, OUT_CENTER, OUT_RIGHT };

struct out_column {
    const char *title; /* NULL: a table without title line when all are NULL */
    const char *key;   /* JSON member name; NULL: text only */
    u16 width;         /* characters; pads and truncates; 0: as long as it is */
    enum out_align title_align, cell_align;
};

struct out;

struct out *out_new(enum out_format format);
void out_free(struct out *o);
enum out_format out_format(const struct out *o);

/* Text only. */
void out_text(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Text, or in JSON a member of the enclosing object; fmt (with exactly one conversion of the value,
 * PRIu64, PRId64, %s or %f as fits) may be NULL: JSON only. A NULL key: text only; inside an array
 * the key is ignored. */
void out_u64(struct out *o, const char *key, u64 value, const char *fmt);
void out_i64(struct out *o, const char *key, i64 value, const char *fmt);
void out_f64(struct out *o, const char *key, double value, const char *fmt);
void out_str(struct out *o, const char *key, const char *value, const char *fmt);
void out_bool(struct out *o, const char *key, bool value, const char *text_if_true,
              const char *text_if_false);
/* Text only: s in a field of width characters, which pads and truncates (0: as long as it is). The
 * odd blank of a centred text goes to the left, as in VPP. */
void out_aligned(struct out *o, const char *s, unsigned width, enum out_align align);
/* Nesting for JSON; no effect on text. key is ignored inside an array. */
void out_object(struct out *o, const char *key);
void out_array(struct out *o, const char *key);
void out_end(struct out *o);

/* A table: title line now, a line per n_cols cells; in JSON an array of objects. cols is borrowed
 * until out_table_end. */
void out_table(struct out *o, const char *key, const struct out_column *cols, unsigned n_cols);
void out_cell(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void out_cell_u64(struct out *o, u64 value);
void out_cell_i64(struct out *o, i64 value);
/* Scientific with the given decimals as text ("1.00e1"), a number in JSON. */
void out_cell_sci(struct out *o, double value, int decimals);
void out_cell_f64(struct out *o, double value, int decimals);
void out_table_end(struct out *o);

/* How much waits to be taken. */
size_t out_bytes(const struct out *o);
/* Takes what was made up to here, as a malloc'ed string, which the caller frees; more may come. */
char *out_take_piece(struct out *o);
/* Finishes and takes the rest: the end of the text, or of the JSON document (2-space indent, final
 * newline). */
char *out_take(struct out *o);
