/* Text files that can only be written in place, without a moment at which a crash would lose both
 * the old content and the new. The new content is laid down behind the old one first, with its
 * length and checksum:
 *
 *     old content \n... | mark, length, checksum \n | new content
 *
 * then copied to the front, and the file cut. At any moment either the part before the mark is the
 * old content, or what is behind it is complete. */
#pragma once

#include <stddef.h>

/* 0 or -errno; then path is as it was. */
int file_write_in_place(const char *path, const void *data, size_t bytes);
/* text, of len bytes and a NUL, as read from such a file: becomes the content that counts, whose
 * length is returned. */
size_t file_in_place_resolve(char *text, size_t len);
