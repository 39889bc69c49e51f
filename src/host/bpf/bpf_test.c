/* What the kernel's verifier has against a program is told, line by line. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "host/bpf/bpf.h"

/* r0 is what that register has. */
static int load(u32 reg, struct error *e)
{
    static struct bpf_asm a;
    bpf_asm_begin(&a);
    bpf_mov(&a, BPF_REG_0, reg);
    bpf_exit(&a);
    return bpf_program_load(&a, "of_a_test", BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, e);
}

static void find_reason(const struct log_entry *entry, void *arg)
{
    bool *found = arg;
    *found |= entry->level == LOG_LEVEL_ERROR && strstr(entry->text, "of_a_test: ") &&
              strstr(entry->text, "R3 !read_ok");
}

static void test_refused(void **state)
{
    struct error e = {0};
    bool found = false;
    int rc = load(BPF_REG_3, &e); /* which nobody has written */
    if (rc == -EPERM || rc == -ENOSYS) {
        printf("BPF programs cannot be loaded here: %s\n", e.text);
        skip();
    }
    assert_int_equal(rc, -EACCES);
    assert_non_null(strstr(e.text, "the kernel refuses the BPF program of_a_test"));
    log_each(find_reason, &found);
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
