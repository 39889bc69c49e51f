#include "base/hex.h"

#include <string.h>

static const char digits_known[] = "0123456789abcdefABCDEF";

static u8 hex_value(char digit)
{
    size_t i = (size_t)(strchr(digits_known, digit) - digits_known);
    return (u8)(i < 16 ? i : i - 6);
}

size_t hex_digits(const char *s)
{
    return strspn(s, digits_known);
}

void hex_bytes(const char *digits, u8 *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (u8)(hex_value(digits[2 * i]) << 4 | hex_value(digits[2 * i + 1]));
}

bool hex_mac(const char **s, u8 mac[6])
{
    const char *p = *s;
    char sign = p[hex_digits(p)];
    size_t per_group = sign == ':' ? 2 : sign == '.' ? 4 : 0, bytes = per_group / 2;
    for (size_t at = 0; at < 6; at += bytes) {
        char group[5] = "0000";
        if (at && *p++ != sign)
            return false;
        size_t n = hex_digits(p);
        if (!n || n > per_group)
            return false;
        memcpy(group + per_group - n, p, n);
        hex_bytes(group, mac + at, bytes);
        p += n;
    }
    *s = p;
    return true;
}
