#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_in_place.h"
#include "base/hash.h"

static char dir[] = "/tmp/piste-file-test.XXXXXX";
static char path[64], content[64];

static const char *read_back(const char *name)
{
    FILE *f = fopen(name, "r");
    size_t n = f ? fread(content, 1, sizeof(content) - 1, f) : 0;
    content[n] = 0;
    if (f)
        fclose(f);
    return content;
}

static unsigned files_in_dir(void)
{
    DIR *d = opendir(dir);
    unsigned n = 0;
    for (struct dirent *ent; (ent = readdir(d));)
        n += ent->d_name[0] != '.';
    closedir(d);
    return n;
}

static int setup(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/file", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[80];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static void a_file_is_replaced_with_its_mode(void **state)
{
    struct error e = {0};
    struct stat st;
    assert_int_equal(file_write_atomic(path, "one", 3, &e), 0);
    assert_string_equal(read_back(path), "one");
    chmod(path, 0640);
    assert_int_equal(file_write_atomic(path, "two!", 4, &e), 0);
    assert_string_equal(read_back(path), "two!");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(files_in_dir(), 1);
}

static void a_link_is_followed(void **state)
{
    struct error e = {0};
    struct stat st;
    char link[80];
    snprintf(link, sizeof(link), "%s/link", dir);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(file_write_atomic(link, "three", 5, &e), 0);
    assert_string_equal(read_back(path), "three");
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    unlink(link);
}

static void what_cannot_be_written_stays_as_it_was(void **state)
{
    struct error e = {0};
    assert_true(file_write_atomic(dir, "x", 1, &e) < 0);
    assert_non_null(strstr(e.text, "not a regular file"));
    assert_true(file_write_atomic("/nonexistent-folder/x", "x", 1, &e) < 0);
    assert_true(file_write_atomic("/proc/sys/kernel/ostype", "x", 1, &e) < 0);
    assert_int_equal(files_in_dir(), 1);
}

static void folders_are_made(void **state)
{
    struct error e = {0};
    char deep[80];
    snprintf(deep, sizeof(deep), "%s/a/b/c", dir);
    assert_int_equal(file_make_dirs(deep, 0755, &e), 0);
    assert_int_equal(file_make_dirs(deep, 0755, &e), 0);
    snprintf(deep, sizeof(deep), "%s/x", path);
    assert_true(file_make_dirs(deep, 0755, &e) < 0);
}

static void a_link_of_others_is_not_followed(void **state)
{
    struct error e = {0};
    struct stat st;
    char link[80];
    snprintf(link, sizeof(link), "%s/link", dir);
    assert_int_equal(file_write_atomic(path, "mine", 4, &e), 0);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(file_write_shared(link, "new", 3, &e), -EINVAL);
    assert_string_equal(read_back(path), "mine");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(file_write_shared(link, "new", 3, &e), 0);
    chmod(link, 0777);
    assert_int_equal(file_write_shared(link, "newer", 5, &e), 0);
    assert_string_equal(read_back(link), "newer");
    stat(link, &st);
    assert_int_equal(st.st_mode & 0111, 0);
    unlink(link);
}

static void a_link_to_nothing_is_followed(void **state)
{
    struct error e = {0};
    struct stat st;
    char link[80], second[80], target[80];
    snprintf(link, sizeof(link), "%s/link", dir);
    snprintf(second, sizeof(second), "%s/second", dir);
    snprintf(target, sizeof(target), "%s/target", dir);
    assert_int_equal(symlink("second", link), 0);
    assert_int_equal(symlink("target", second), 0);
    assert_int_equal(file_write_atomic(link, "made", 4, &e), 0);
    assert_string_equal(read_back(target), "made");
    assert_true(!lstat(link, &st) && S_ISLNK(st.st_mode));
    assert_true(!lstat(second, &st) && S_ISLNK(st.st_mode));
    unlink(target);
    unlink(second);
    assert_int_equal(symlink("no-folder/target", second), 0);
    assert_int_equal(file_write_atomic(link, "made", 4, &e), -ENOENT);
    unlink(second);
    assert_int_equal(symlink("link", second), 0);
    assert_true(file_write_atomic(link, "made", 4, &e) < 0);
    unlink(second);
    unlink(link);
}

static void what_a_killed_writer_left_is_taken_over(void **state)
{
    struct error e = {0};
    char temp[80];
    snprintf(temp, sizeof(temp), "%s.new", path);
    assert_int_equal(file_write_atomic(temp, "left", 4, &e), 0);
    assert_int_equal(file_write_atomic(path, "four", 4, &e), 0);
    assert_string_equal(read_back(path), "four");
    assert_int_equal(files_in_dir(), 1);

    int fd = open(temp, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* a writer that lives */
    assert_int_equal(file_write_atomic(path, "five", 4, &e), -EBUSY);
    file_remove_left_over(path);
    assert_int_equal(access(temp, F_OK), 0);
    close(fd);
    file_remove_left_over(path);
    assert_int_equal(files_in_dir(), 1);
    assert_string_equal(read_back(path), "four");
}

static void a_writer_takes_pieces(void **state)
{
    struct error e = {0};
    struct file_writer *w, *other;
    assert_int_equal(file_write_atomic(path, "old", 3, &e), 0);
    assert_int_equal(file_writer_open(&w, path, &e), 0);
    assert_int_equal(file_writer_put(w, "lost", 4, &e), 0);
    assert_int_equal(file_writer_open(&other, path, &e), -EBUSY);
    assert_int_equal(file_writer_restart(w, &e), 0);
    assert_int_equal(file_writer_put(w, "ne", 2, &e), 0);
    assert_false(file_writer_is_same(w, path));
    assert_string_equal(read_back(path), "old"); /* until the end */
    assert_int_equal(file_writer_put(w, "w", 1, &e), 0);
    assert_int_equal(file_writer_end(w, &e), 0);
    assert_string_equal(read_back(path), "new");

    assert_int_equal(file_writer_open(&w, path, &e), 0);
    assert_int_equal(file_writer_put(w, "new ones", 8, &e), 0);
    assert_int_equal(file_writer_restart(w, &e), 0);
    assert_int_equal(file_writer_put(w, "new", 3, &e), 0);
    assert_true(file_writer_is_same(w, path));
    file_writer_free(w);
    assert_int_equal(files_in_dir(), 1);
    assert_string_equal(read_back(path), "new");
}

static void only_text_is_copied(void **state)
{
    struct error e = {0};
    char to[80];
    snprintf(to, sizeof(to), "%s.copy", path);
    assert_int_equal(file_write_atomic(path, "a\0b", 3, &e), 0);
    assert_int_equal(file_copy_text(path, to, &e), -EINVAL);
    assert_int_equal(files_in_dir(), 1);
    assert_int_equal(file_write_atomic(path, "ab\0", 3, &e), 0);
    assert_int_equal(file_copy_text(path, to, &e), 0);
    assert_string_equal(read_back(to), "ab");
    unlink(to);
}

/* --- in place --- */

static void put(const char *text, size_t n)
{
    FILE *f = fopen(path, "w");
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void in_place_it_becomes_longer_and_shorter(void **state)
{
    static const char *const texts[] = {"a\n", "a much longer text\nof lines\n", "b\n", "", "c\n"};
    struct stat before, after;
    put("first\n", 6);
    assert_int_equal(stat(path, &before), 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(file_write_in_place(path, texts[i], strlen(texts[i])), 0);
        assert_string_equal(read_back(path), texts[i]);
    }
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* Writing in place with the file's size limited to `limit` ends as a full disk would make it. */
static int write_limited(const char *text, size_t limit)
{
    int status;
    pid_t child = fork();
    if (!child) {
        struct rlimit r = {limit, limit};
        signal(SIGXFSZ, SIG_IGN);
        _exit(setrlimit(RLIMIT_FSIZE, &r) ? 99 : -file_write_in_place(path, text, strlen(text)));
    }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void a_full_disk_leaves_the_old_content(void **state)
{
    for (size_t limit = 4; limit < 112; limit += limit < 100 ? 8 : 1) {
        put("old\n", 4);
        int rc = write_limited("new, and longer\n", limit);
        assert_int_equal(rc, limit < 4 + 13 + 74 + 16 ? EFBIG : 0);
        assert_string_equal(read_back(path), rc ? "old\n" : "new, and longer\n");
    }
}

/* All that a crash can leave: the bytes of each write up to some point, or the file grown and zeros
 * in it. */
static void cut_off_anywhere_it_is_the_old_or_the_new(void **state)
{
    static const char *const news[] = {"new\n", "the new text, which is longer\n"};
    const char old[] = "the old text\n";
    char all[400], image[400], *text;
    struct error e = {0};
    for (size_t k = 0; k < 2; k++) {
        const char *new = news[k];
        size_t n = strlen(new), pad = 1 + (n > sizeof(old) - 1 ? n - (sizeof(old) - 1) : 0);
        put(old, sizeof(old) - 1);
        /* the file as it is when all is laid down: what a limit of its size at the last byte but
         * one would leave is tried above */
        size_t at = (size_t)snprintf(all, sizeof(all), "%s", old);
        memset(all + at, '\n', pad);
        at += pad;
        at += (size_t)snprintf(all + at, sizeof(all) - at,
                               "#! what follows replaces all before it: %016zx %016llx\n", n,
                               (unsigned long long)hash_bytes(new, n, 0));
        size_t content_at = at;
        at += (size_t)snprintf(all + at, sizeof(all) - at, "%s", new);
        for (size_t cut = sizeof(old) - 1; cut <= at; cut++)
            for (int zeros = 0; zeros < 2; zeros++) {
                memcpy(image, all, cut);
                memset(image + cut, 0, at - cut);
                put(image, zeros ? at : cut);
                assert_int_equal(file_read_text(path, &text, &e), 0);
                if (cut == at)
                    assert_string_equal(text, new);
                else if (cut >= content_at)
                    assert_string_equal(text, old);
                else /* a beginning of the mark is a comment */
                    assert_memory_equal(text, old, sizeof(old) - 1);
                free(text);
                if (cut % 16)
                    continue;
                assert_int_equal(file_write_in_place(path, "third\n", 6), 0);
                assert_string_equal(read_back(path), "third\n");
            }
        for (size_t copied = 0; copied <= n; copied++) {
            memcpy(image, all, at);
            memcpy(image, new, copied);
            put(image, at);
            assert_int_equal(file_read_text(path, &text, &e), 0);
            assert_string_equal(text, new);
            free(text);
        }
    }
}

static void a_mount_is_written_in_place(void **state)
{
    struct error e = {0};
    char other[80];
    snprintf(other, sizeof(other), "%s/other", dir);
    put("old\n", 4);
    assert_int_equal(file_write_atomic(other, "inside\n", 7, &e), 0);
    if (mount(other, path, NULL, MS_BIND, NULL)) {
        unlink(other);
        skip(); /* as others than root */
    }
    int rc = file_write_atomic(path, "new\n", 4, &e);
    umount(path);
    assert_int_equal(rc, 0);
    assert_string_equal(read_back(other), "new\n");
    assert_string_equal(read_back(path), "old\n");
    unlink(other);
    assert_int_equal(files_in_dir(), 1);
}

static void texts_are_read(void **state)
{
    struct error e = {0};
    char *text;
    put("a\0b", 3);
    assert_int_equal(file_read_text(path, &text, &e), -EINVAL);
    assert_non_null(strstr(e.text, "not text"));
    put("", 0);
    assert_int_equal(file_read_text(path, &text, &e), -EINVAL);
    assert_int_equal(file_read_text(dir, &text, &e), -EINVAL);
    assert_int_equal(file_read_text("/nonexistent", &text, &e), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_with_its_mode),
        cmocka_unit_test(a_link_is_followed),
        cmocka_unit_test(a_link_of_others_is_not_followed),
        cmocka_unit_test(a_link_to_nothing_is_followed),
        cmocka_unit_test(what_a_killed_writer_left_is_taken_over),
        cmocka_unit_test(a_writer_takes_pieces),
        cmocka_unit_test(only_text_is_copied),
        cmocka_unit_test(what_cannot_be_written_stays_as_it_was),
        cmocka_unit_test(in_place_it_becomes_longer_and_shorter),
        cmocka_unit_test(a_full_disk_leaves_the_old_content),
        cmocka_unit_test(cut_off_anywhere_it_is_the_old_or_the_new),
        cmocka_unit_test(a_mount_is_written_in_place),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(folders_are_made),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
