/* Differences of configs: their size against an oracle that tries all (dynamic programming), and
 * that they lead from the one text to the other. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "control/running_config_internal.h"

static void add(void *arg, bool is_new, struct config_lines line)
{
    text_add(arg, "%c%.*s\n", is_new ? '+' : '-', (int)line.n, line.s);
}

static char *diff(const char *old, const char *new)
{
    struct text t = {0};
    config_diff((struct config_lines){old, strlen(old)}, (struct config_lines){new, strlen(new)},
                add, &t);
    return t.s ? t.s : mem_strdup("");
}

static void expect(const char *old, const char *new, const char *wanted)
{
    char *got = diff(old, new);
    assert_string_equal(got, wanted);
    free(got);
}

static void differences_are_in_order(void **state)
{
    expect("", "", "");
    expect("# a comment\n\na\n", "# another\na", "");
    expect("a\nb\nc\n", "a\nc\n", "-b\n");
    expect("a\nc\n", "a\nb\nc\n", "+b\n");
    expect("a\nb\nc\n", "a\nx\nc\n", "-b\n+x\n");
    expect("", "a\nb\n", "+a\n+b\n");
    expect("a\nb\n", "", "-a\n-b\n");
    expect("a\na\nb\n", "a\nb\n", "-a\n");
    expect("xa\nb", "a\nb", "-xa\n+a\n"); /* ends of lines are not lines */
    expect("xa\n", "a\n", "-xa\n+a\n");
    expect("a\nxb\nc\n", "a\nb\nc\n", "-xb\n+b\n");
    expect("b\n", "a\nb\n", "+a\n");
    expect("b", "a\nb", "+a\n");
    expect("a\nb\na\n", "a\na\nb\n", "-b\n+b\n");
}

static u64 random_state = 1;

static u32 draw(u32 below)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(random_state >> 33) % below;
}

#define LINES_MAX 24

/* Lines are letters, each at most once. */
static u32 make(char letters[LINES_MAX], u32 kinds)
{
    u32 n = draw(LINES_MAX), used[26] = {0}, k = 0;
    for (u32 i = 0; i < n; i++) {
        u32 letter = draw(kinds);
        if (used[letter]++ < 1)
            letters[k++] = (char)('a' + letter);
    }
    return k;
}

static char *text_of(const char *letters, u32 n)
{
    struct text t = {0};
    for (u32 i = 0; i < n; i++)
        text_add(&t, "%c\n", letters[i]);
    return t.s ? t.s : mem_strdup("");
}

static u32 common(const char *a, u32 n, const char *b, u32 m)
{
    u32 best[LINES_MAX + 1][LINES_MAX + 1] = {0};
    for (u32 i = 1; i <= n; i++)
        for (u32 j = 1; j <= m; j++) {
            u32 x = best[i - 1][j] > best[i][j - 1] ? best[i - 1][j] : best[i][j - 1];
            best[i][j] = a[i - 1] == b[j - 1] ? best[i - 1][j - 1] + 1 : x;
        }
    return best[n][m];
}

/* The lines of text that the difference does not name with that sign. */
static void without(const char *text, const char *difference, char sign, char out[LINES_MAX + 1])
{
    for (; *text; text += 2) {
        bool named = false;
        for (const char *d = difference; *d; d += 3)
            named |= d[0] == sign && d[1] == *text;
        if (!named)
            *out++ = *text;
    }
    *out = 0;
}

static void random_ones_are_the_shortest(void **state)
{
    for (u32 round = 0; round < 20000; round++) {
        char a[LINES_MAX], b[LINES_MAX];
        u32 kinds = 2 + draw(24), n = make(a, kinds), m = make(b, kinds);
        char *old = text_of(a, n), *new = text_of(b, m), *got = diff(old, new);
        u32 removed = 0, added = 0;
        for (const char *d = got; *d; d += 3) {
            removed += *d == '-';
            added += *d == '+';
        }
        u32 same = common(a, n, b, m);
        assert_int_equal(removed, n - same);
        assert_int_equal(added, m - same);
        char left[LINES_MAX + 1], common_lines[LINES_MAX + 1];
        without(old, got, '-', left);
        without(new, got, '+', common_lines);
        assert_string_equal(left, common_lines);
        free(old);
        free(new);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_in_order),
        cmocka_unit_test(random_ones_are_the_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
