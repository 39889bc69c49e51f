/* A growing string. Used wherever output is built: CLI, traces, logs, running config. */
#pragma once

#include <stdarg.h>

#include "base/types.h"

struct text {
    char *s;    /* owned, NUL-terminated once anything was added; NULL when empty */
    size_t len; /* bytes without the NUL */
    size_t cap;
};

void text_add(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_vadd(struct text *t, const char *fmt, va_list ap);
void text_puts(struct text *t, const char *s);
void text_putn(struct text *t, const char *s, size_t n);
void text_putc(struct text *t, char c);
void text_repeat(struct text *t, char c, size_t n);
/* Appends with every line of s indented by n blanks. */
void text_indented(struct text *t, unsigned n, const char *s);
/* Scientific notation as VPP prints it: "1.00e1", "8.4199e-2", "0.0000e0" (no '+', no zero
 * padding). */
void text_sci(struct text *t, double x, int decimals);
/* Two hex digits a byte. */
void text_hex(struct text *t, const void *data, size_t n);
/* Hex dump, 32 bytes a line as VPP prints it: "00000000: 0011..." each line indented. */
void text_hex_lines(struct text *t, const void *data, size_t n, unsigned indent);
/* Never NULL: "" when empty. Borrowed until the next change. */
const char *text_str(const struct text *t);
void text_clear(struct text *t);
void text_free(struct text *t);
