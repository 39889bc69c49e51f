/* `ip mroute`, whatever is said: nothing crashes, and what was accepted is said again by the
 * running configuration, whose lines make the same from nothing.
 *
 * An input is lines, each what follows the command. */
#include "net/ip/ip6/ip6_world.h"
#include "net/ip/mfib/mfib_internal.h"

static const u8 my_mac[6] = {2, 0, 0, 0, 0, 1};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void open_world(void)
{
    struct fib_index t;
    struct error e = {0};
    world_open(world_ip6);
    world_interface("local0", NULL);
    world_interface("in0", my_mac);
    world_interface("out0", my_mac);
    world_must(!fib_table_lock(fib_of(&world.p), IP_FAMILY_4, 5, NULL, FIB_SOURCE_CLI, &t, &e));
}

static void run(const char *line, bool must)
{
    char *out = NULL;
    int rc = cli_run(world.p.cli, line, OUT_TEXT, &out);
    world_must(!must || !rc);
    free(out);
}

static char *said(void)
{
    struct text t = {0};
    void *place = NULL;
    while (mfib_running_config_rows(&world.p, mfib_of(&world.p), RC_ROUTES, &place, &t))
        ;
    free(place);
    return t.s ? t.s : mem_strdup("");
}

/* All lines, with another word in place of `add`. */
static void run_lines(const char *lines, const char *word)
{
    char *copy = mem_strdup(lines), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line) {
            struct text t = {0};
            text_add(&t, "ip mroute %s%s", word, line + strlen("ip mroute add"));
            run(text_str(&t), true);
            text_free(&t);
        }
    free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!world.p.engine) {
        open_world();
        atexit(world_close);
    }
    for (size_t at = 0; at < size;) {
        const u8 *end = memchr(data + at, '\n', size - at);
        int n = (int)(end ? (size_t)(end - data) - at : size - at);
        struct text t = {0};
        if (!memchr(data + at, '\0', (size_t)n) && !memchr(data + at, '|', (size_t)n)) {
            text_add(&t, "ip mroute %.*s", n, (const char *)data + at);
            run(text_str(&t), false);
        }
        text_free(&t);
        at += (size_t)n + 1;
    }
    char *lines = said();
    run_lines(lines, "del");
    char *none = said();
    world_must(!*none);
    run_lines(lines, "add");
    char *again = said();
    world_must(!strcmp(lines, again));
    run_lines(again, "del");
    free(lines);
    free(none);
    free(again);
    return 0;
}
