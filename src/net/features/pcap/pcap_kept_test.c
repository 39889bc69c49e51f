/* A file of kept packets, read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/features/pcap/pcap_kept.h"

#define PACKETS 5

/* Time passes while a file is written, more of it between two clocks than between two packets. */
static const u8 *time_passes(void *arg, const struct pcap_place *at, struct text *out)
{
    __atomic_fetch_add(&clock_ahead_ns, NS_PER_SEC, __ATOMIC_RELAXED);
    return (const u8 *)(at + 1);
}

static void times_are_as_far_apart_as_they_were(void **state)
{
    struct pcap_kept kept = {0};
    struct error e;
    char name[32];
    snprintf(name, sizeof(name), "pcap-kept-test-%d", (int)getpid());
    assert_int_equal(pcap_kept_init(&kept, PACKETS, 4, name, name, &e), 0);
    u64 now = clock_ns() / NS_PER_USEC * NS_PER_USEC;
    for (u32 i = 0; i < PACKETS; i++)
        *pcap_kept_take(&kept) =
            (struct pcap_place){.time_ns = now + i * NS_PER_USEC, .incl_bytes = 4, .orig_bytes = 4};
    assert_null(pcap_kept_take(&kept));
    assert_int_equal(pcap_kept_write(&kept, PCAP_LINK_ETHERNET, time_passes, NULL, &e), 0);

    u8 file[1024];
    FILE *f = fopen(kept.path, "r");
    assert_non_null(f);
    size_t bytes = fread(file, 1, sizeof(file), f);
    fclose(f);
    unlink(kept.path);
    pcap_kept_fini(&kept);

    struct pcap_reader r;
    struct pcap_record record;
    u64 first_ns = 0;
    assert_int_equal(pcap_read_start(&r, file, bytes, &e), 0);
    for (u32 i = 0; i < PACKETS; i++) {
        assert_int_equal(pcap_read_next(&r, &record, &e), 1);
        if (!i)
            first_ns = record.time_ns;
        assert_int_equal(record.time_ns - first_ns, i * NS_PER_USEC);
    }
    assert_int_equal(pcap_read_next(&r, &record, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times_are_as_far_apart_as_they_were)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
