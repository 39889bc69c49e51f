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
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_with_its_mode),
        cmocka_unit_test(a_link_is_followed),
        cmocka_unit_test(a_link_of_others_is_not_followed),
        cmocka_unit_test(what_cannot_be_written_stays_as_it_was),
        cmocka_unit_test(folders_are_made),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
