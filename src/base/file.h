/* Files that must be whole after a crash or a power cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The whole of a regular text file that is not empty, NUL-terminated, the caller's to free; of one
 * whose writing in place was cut off: what was to be written, or what stood there before. */
int file_read_text(const char *path, char **text, struct error *e) MUST_CHECK;
/* Replaces path by one step: a reader sees the old content or the new, never a part. Mode and owner
 * of an existing file are kept (the owner if we may); a link is followed, also to a file that is
 * not there yet. A text file that is a mount, as a container's configuration may be, or in a folder
 * where nothing can be made, is written in place: there only file_read_text sees the one or the
 * other. On failure path is as it was. */
int file_write_atomic(const char *path, const void *data, size_t bytes, struct error *e) MUST_CHECK;
/* The same in pieces, so that the whole is never in memory, but of a file that is written in place.
 * path changes only in file_writer_end, which waits for the disk; not before that, and never when
 * one of these fails. At a time one writes a path: -EBUSY for others. A writer may go on in another
 * thread. */
struct file_writer;
int file_writer_open(struct file_writer **w, const char *path, struct error *e) MUST_CHECK;
int file_writer_put(struct file_writer *w, const void *data, size_t bytes,
                    struct error *e) MUST_CHECK;
/* Nothing was put. */
int file_writer_restart(struct file_writer *w, struct error *e) MUST_CHECK;
/* Whether path holds what was put. */
bool file_writer_is_same(const struct file_writer *w, const char *path);
/* Frees w in any case. */
int file_writer_end(struct file_writer *w, struct error *e) MUST_CHECK;
/* Gives up; NULL is fine. */
void file_writer_free(struct file_writer *w);
/* file_write_atomic of what is in another file, in pieces; one that is not text is refused. Of one
 * whose writing in place was cut off, the copy is cut off, too. */
int file_copy_text(const char *from, const char *to, struct error *e) MUST_CHECK;
/* file_write_atomic in a folder that others write to, as /tmp: what stands there gives the new file
 * neither mode nor owner, and a link is not followed. */
int file_write_shared(const char *path, const void *data, size_t bytes, struct error *e) MUST_CHECK;
/* Removes what file_write_atomic for path left beside it when the process was killed. */
void file_remove_left_over(const char *path);
/* Opens /dev/null for those of standard input, output and error that are closed, first thing in a
 * program: what is said to them must not be found in a socket, nor be waited for from one. */
void file_open_standard(void);
/* Makes a folder and those above it; one that exists is fine. */
int file_make_dirs(const char *path, unsigned mode, struct error *e) MUST_CHECK;
