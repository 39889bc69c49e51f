/* See pcap_kept.h. Files of captures lie in /tmp, where others write too: a link is not followed.
 */
#include "net/features/pcap/pcap_kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define FOLDER "/tmp/"
#define MEMORY_MAX_BYTES (1ull << 38)

static struct pcap_place *pcap_kept_at(const struct pcap_kept *k, u64 i)
{
    return (struct pcap_place *)(void *)((u8 *)k->places.base + i * k->stride_bytes);
}

u32 pcap_kept_count(const struct pcap_kept *k)
{
    return (u32)min_u64(atomic_load(&k->taken), k->max_packets);
}

struct pcap_place *pcap_kept_take(struct pcap_kept *k)
{
    u64 i = atomic_fetch_add_explicit(&k->taken, 1, memory_order_relaxed);
    if (i < k->max_packets)
        return pcap_kept_at(k, i);
    /* full: the counter stays where it does not overflow */
    atomic_store_explicit(&k->taken, k->max_packets, memory_order_relaxed);
    return NULL;
}

static int pcap_kept_set_path(struct pcap_kept *k, const char *name, const char *otherwise,
                              struct error *e)
{
    if (!name) {
        snprintf(k->path, sizeof(k->path), FOLDER "%s", otherwise);
        return 0;
    }
    if (!*name || *name == '.' || strchr(name, '/') ||
        strlen(name) + sizeof(FOLDER) > sizeof(k->path))
        return error_set(e, EINVAL, "illegal characters in filename '%s'", name);
    snprintf(k->path, sizeof(k->path), FOLDER "%s", name);
    return 0;
}

int pcap_kept_init(struct pcap_kept *k, u32 max_packets, u32 place_bytes, const char *name,
                   const char *otherwise, struct error *e)
{
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    k->max_packets = max_packets;
    k->stride_bytes = (u32)round_up_u64(sizeof(struct pcap_place) + place_bytes, CACHE_LINE_BYTES);
    u64 bytes = (u64)max_packets * k->stride_bytes;
    int rc = pcap_kept_set_path(k, name, otherwise, e);
    if (!rc && (!bytes || bytes > MEMORY_MAX_BYTES))
        rc =
            error_set(e, EINVAL, "%u packets of %u bytes cannot be kept", max_packets, place_bytes);
    return rc ? rc : mem_map_new(&k->places, "pcap-trace", bytes, page, false, e);
}

void pcap_kept_fini(struct pcap_kept *k)
{
    mem_map_free(&k->places);
}

/* By time, then by place. */
static int by_time(const void *x, const void *y)
{
    const struct pcap_place *a = *(struct pcap_place *const *)x,
                            *b = *(struct pcap_place *const *)y;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* base_ns: the time of day at time 0, one for the whole file: read anew for each packet it would
 * differ by what the reading costs, and put packets of one vector out of order. */
static void pcap_kept_put(FILE *f, u64 base_ns, const struct pcap_place *at, const u8 *data,
                          const struct text *front)
{
    u8 record[PCAP_RECORD_HEADER_BYTES];
    u32 more = (u32)front->len;
    pcap_put_record_header(record, base_ns + at->time_ns, at->incl_bytes + more,
                           at->orig_bytes + more);
    fwrite(record, sizeof(record), 1, f);
    fwrite(text_str(front), 1, more, f);
    fwrite(data, 1, at->incl_bytes, f);
}

static int pcap_kept_open(const struct pcap_kept *k, FILE **f, struct error *e)
{
    int fd = open(k->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    *f = fd < 0 ? NULL : fdopen(fd, "w");
    int failed = *f ? 0 : errno;
    if (!*f && fd >= 0)
        close(fd);
    return failed ? error_errno(e, failed, "cannot write %s", k->path) : 0;
}

int pcap_kept_write(const struct pcap_kept *k, enum pcap_link link,
                    const u8 *(*header)(void *arg, const struct pcap_place *at, struct text *out),
                    void *arg, struct error *e)
{
    u8 file_header[PCAP_HEADER_BYTES];
    u32 n = pcap_kept_count(k);
    FILE *f;
    int rc = pcap_kept_open(k, &f, e);
    if (rc)
        return rc;
    struct pcap_place **places = mem_alloc((n + 1) * sizeof(struct pcap_place *));
    for (u32 i = 0; i < n; i++)
        places[i] = pcap_kept_at(k, i);
    qsort(places, n, sizeof(struct pcap_place *), by_time);
    pcap_put_header(file_header, link);
    fwrite(file_header, sizeof(file_header), 1, f);
    struct text front = {0};
    u64 base_ns = clock_wall_base_ns();
    for (u32 i = 0; i < n; i++) {
        text_clear(&front);
        const u8 *data = header ? header(arg, places[i], &front) : (const u8 *)(places[i] + 1);
        pcap_kept_put(f, base_ns, places[i], data, &front);
    }
    text_free(&front);
    free(places);
    int failed = ferror(f) ? EIO : 0;
    if (fclose(f) && !failed)
        failed = errno;
    return failed ? error_errno(e, failed, "cannot write %s", k->path) : 0;
}
