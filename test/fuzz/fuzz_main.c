/* Drives a fuzz target where libFuzzer is not to be had (gcc, musl): replays the corpus, then feeds
 * mutations of it. Blind (no coverage feedback), but seeded: the same seed gives the same inputs.
 * Takes the few libFuzzer options that our scripts use, so that a call fits both.
 *
 *   x_fuzz [-max_total_time=SECONDS] [-runs=N] [-seed=N] [-max_len=BYTES] [CORPUS-DIR | FILE]...
 *
 * An input that kills the target is left in crash-<target> in the current folder. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static struct input *corpus;
static size_t corpus_count;
static size_t max_len = 4096;
static uint64_t random_state;
static const char *target_name;

/* The input under test, for the crash handler. */
static const uint8_t *now_data;
static size_t now_size;

static uint64_t random_u64(void)
{
    /* splitmix64 */
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t random_below(size_t n)
{
    return n ? (size_t)(random_u64() % n) : 0;
}

/* Async-signal-safe: saves the input, then lets the signal (or sanitizer) have its way. */
static void save_crash(void)
{
    char path[256] = "crash-";
    size_t n = strlen(path);
    for (const char *p = target_name; *p && n < sizeof path - 1; p++)
        path[n++] = *p;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        return;
    if (write(fd, now_data, now_size) == (ssize_t)now_size) {
        static const char text[] = "fuzz: the input is saved in ";
        if (write(2, text, sizeof text - 1) < 0 || write(2, path, n) < 0 || write(2, "\n", 1) < 0)
            _exit(1);
    }
    close(fd);
}

static void on_crash(int sig)
{
    signal(sig, SIG_DFL);
    save_crash();
    raise(sig);
}

/* Sanitizers end the program by this, not by a signal. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void run_one(const uint8_t *data, size_t size)
{
    /* An exact heap copy, so that address sanitizers see a read past the end. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    now_data = data;
    now_size = size;
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void corpus_add(uint8_t *data, size_t size)
{
    corpus = realloc(corpus, (corpus_count + 1) * sizeof *corpus);
    if (!corpus)
        abort();
    corpus[corpus_count++] = (struct input){data, size};
}

static void load_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    if (size < 0) {
        perror(path);
        exit(1);
    }
    uint8_t *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, f) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    corpus_add(data, (size_t)size);
}

static int not_hidden(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void load(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(st.st_mode)) {
        load_file(path);
        return;
    }
    /* sorted: the seed decides everything else */
    struct dirent **names;
    int n = scandir(path, &names, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        char child[4096];
        snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
        if (stat(child, &st) == 0 && S_ISREG(st.st_mode))
            load_file(child);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

/* One small change of buf[size] in place; returns the new size, at most max_len. */
static size_t mutate_once(uint8_t *buf, size_t size)
{
    static const uint8_t odd_bytes[] = {0, 1, 0x7f, 0x80, 0xff, ' ', '\n', '{', '}', '"', '/', '.'};
    static const int64_t odd_numbers[] = {0, -1, 1, INT32_MAX, INT32_MIN, UINT16_MAX, INT16_MIN};
    size_t at = random_below(size), n;

    switch (random_below(size ? 8 : 1)) {
    case 0: /* insert bytes */
        at = random_below(size + 1);
        n = 1 + random_below(8);
        if (size + n > max_len)
            return size;
        memmove(buf + at + n, buf + at, size - at);
        for (size_t i = 0; i < n; i++)
            buf[at + i] = (uint8_t)random_u64();
        return size + n;
    case 1: /* take bytes out */
        n = 1 + random_below(size - at);
        memmove(buf + at, buf + at + n, size - at - n);
        return size - n;
    case 2:
        buf[at] ^= (uint8_t)(1u << random_below(8));
        return size;
    case 3:
        buf[at] = (uint8_t)random_u64();
        return size;
    case 4:
        buf[at] = odd_bytes[random_below(sizeof odd_bytes)];
        return size;
    case 5: { /* a number of 1, 2, 4 or 8 bytes, in either byte order */
        int64_t v = odd_numbers[random_below(sizeof odd_numbers / sizeof *odd_numbers)];
        n = (size_t)1 << random_below(4);
        int swap = (int)random_below(2);
        for (size_t i = 0; i < n && at + i < size; i++)
            buf[at + i] = (uint8_t)((uint64_t)v >> (8 * (swap ? n - 1 - i : i)));
        return size;
    }
    case 6: { /* repeat a piece elsewhere */
        size_t from = random_below(size);
        n = 1 + random_below(size - from);
        if (size + n > max_len)
            return size;
        uint8_t *piece = malloc(n);
        if (!piece)
            abort();
        memcpy(piece, buf + from, n);
        memmove(buf + at + n, buf + at, size - at);
        memcpy(buf + at, piece, n);
        free(piece);
        return size + n;
    }
    default: { /* graft in a piece of another input */
        if (!corpus_count)
            return size;
        const struct input *other = &corpus[random_below(corpus_count)];
        size_t from = random_below(other->size);
        n = random_below(other->size - from + 1);
        if (n > max_len - at)
            n = max_len - at;
        if (n)
            memcpy(buf + at, other->data + from, n);
        return at + n > size ? at + n : size;
    }
    }
}

static void mutate_and_run(uint8_t *buf)
{
    size_t size = 0;
    if (corpus_count && random_below(16)) {
        const struct input *start = &corpus[random_below(corpus_count)];
        size = start->size < max_len ? start->size : max_len;
        if (size)
            memcpy(buf, start->data, size);
    } else {
        size = random_below(max_len < 128 ? max_len : 128);
        for (size_t i = 0; i < size; i++)
            buf[i] = (uint8_t)random_u64();
    }
    for (size_t n = 1 + random_below(6); n; n--)
        size = mutate_once(buf, size);
    run_one(buf, size);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    double seconds = 0;
    uint64_t runs = 0, seed = 1;

    target_name = slash ? slash + 1 : argv[0];
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "-max_total_time=%lf", &seconds) == 1 ||
            sscanf(argv[i], "-runs=%" SCNu64, &runs) == 1 ||
            sscanf(argv[i], "-seed=%" SCNu64, &seed) == 1 ||
            sscanf(argv[i], "-max_len=%zu", &max_len) == 1)
            continue;
        if (argv[i][0] != '-')
            load(argv[i]);
    }
    random_state = seed;

    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP};
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(save_crash);
    else
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
            signal(signals[i], on_crash);

    for (size_t i = 0; i < corpus_count; i++)
        run_one(corpus[i].data, corpus[i].size);

    uint8_t *buf = malloc(max_len + 1);
    if (!buf)
        abort();
    double end = now_s() + seconds;
    uint64_t done = 0;
    while ((runs && done < runs) || (!runs && seconds > 0 && now_s() < end)) {
        for (int i = 0; i < 64; i++, done++)
            mutate_and_run(buf);
    }
    printf("%s: %zu inputs of the corpus, %" PRIu64 " mutations, seed %" PRIu64 "\n", target_name,
           corpus_count, done, seed);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i].data);
    free(corpus);
    free(buf);
    return 0;
}
