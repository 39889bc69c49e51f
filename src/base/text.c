/* A growing string, see text.h. Growth doubles, so that building n bytes costs O(n). */
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { TEXT_MIN_CAP = 64, TEXT_HEX_LINE_BYTES = 32 };

/* Makes room for n more bytes and the NUL. */
static void text_reserve(struct text *t, size_t n)
{
    size_t need = t->len + n + 1;
    if (need <= t->cap)
        return;
    size_t cap = t->cap ? t->cap : TEXT_MIN_CAP;
    while (cap < need)
        cap *= 2;
    t->s = mem_resize(t->s, cap);
    t->cap = cap;
}

void text_vadd(struct text *t, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t room = t->cap - t->len;
    int n = vsnprintf(room ? t->s + t->len : NULL, room, fmt, ap);
    if (n > 0 && (size_t)n >= room) {
        text_reserve(t, (size_t)n);
        vsnprintf(t->s + t->len, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    if (n > 0)
        t->len += (size_t)n;
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    text_vadd(t, fmt, ap);
    va_end(ap);
}

void text_putn(struct text *t, const char *s, size_t n)
{
    text_reserve(t, n);
    if (n)
        memcpy(t->s + t->len, s, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
    text_putn(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
    text_putn(t, &c, 1);
}

void text_repeat(struct text *t, char c, size_t n)
{
    text_reserve(t, n);
    memset(t->s + t->len, c, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void text_indented(struct text *t, unsigned n, const char *s)
{
    while (*s) {
        size_t line = strcspn(s, "\n");
        if (line)
            text_repeat(t, ' ', n);
        if (s[line])
            line++;
        text_putn(t, s, line);
        s += line;
    }
}

void text_sci(struct text *t, double x, int decimals)
{
    char digits[64];
    if (decimals < 0)
        decimals = 0;
    if (decimals > 40)
        decimals = 40;
    snprintf(digits, sizeof(digits), "%.*e", decimals, x);
    char *e = strchr(digits, 'e');
    if (!isfinite(x) || !e) {
        text_puts(t, digits);
        return;
    }
    text_putn(t, digits, (size_t)(e - digits));
    text_add(t, "e%d", atoi(e + 1));
}

void text_hex(struct text *t, const void *data, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const u8 *bytes = data;
    for (size_t i = 0; i < n; i++) {
        text_putc(t, hex[bytes[i] >> 4]);
        text_putc(t, hex[bytes[i] & 15]);
    }
}

void text_hex_lines(struct text *t, const void *data, size_t n, unsigned indent)
{
    for (size_t at = 0; at < n; at += TEXT_HEX_LINE_BYTES) {
        text_repeat(t, ' ', indent);
        text_add(t, "%08zx: ", at);
        text_hex(t, (const u8 *)data + at, min_u64(n - at, TEXT_HEX_LINE_BYTES));
        text_putc(t, '\n');
    }
}

const char *text_str(const struct text *t)
{
    return t->len ? t->s : "";
}

void text_clear(struct text *t)
{
    t->len = 0;
    if (t->s)
        t->s[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->s);
    *t = (struct text){0};
}
