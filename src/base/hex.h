/* Bytes as people write them in hex. */
#pragma once

#include <stddef.h>

#include "base/types.h"

/* How many hex digits are at s. */
size_t hex_digits(const char *s);
/* n bytes from twice as many digits, which the caller has counted. */
void hex_bytes(const char *digits, u8 *to, size_t n);
/* A MAC address at *s, "aa:bb:cc:dd:ee:ff" or "aabb.ccdd.eeff", whose groups may be shorter; *s is
 * behind it then. false: there is none. */
bool hex_mac(const char **s, u8 mac[6]);
