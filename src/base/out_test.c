/* out.c: one description, rendered both ways. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "base/out.h"

static void expect(struct out *o, const char *want)
{
    char *got = out_take(o);
    assert_string_equal(got, want);
    free(got);
    out_free(o);
}

static const struct out_column errors[] = {
    {"Count", "count", 10, OUT_CENTER, OUT_RIGHT},
    {"Node", "node", 35, OUT_CENTER, OUT_CENTER},
    {"Severity", NULL, 10, OUT_CENTER, OUT_CENTER},
};

static void error_rows(struct out *o, const char *key)
{
    out_table(o, key, errors, array_len(errors));
    out_cell_u64(o, 20);
    out_cell(o, "%s", "af-packet-input");
    out_cell(o, "error");
    out_cell_u64(o, 12345678901);
    out_cell(o, "a-node-name-that-is-longer-than-its-column");
    out_cell(o, "info");
    out_table_end(o);
}

static void table_as_text(void **state)
{
    struct out *o = out_new(OUT_TEXT);
    error_rows(o, "errors");
    expect(o, "   Count                  Node                Severity \n"
              "        20          af-packet-input             error  \n"
              "1234567890a-node-name-that-is-longer-than-its   info   \n");
}

static void table_as_json(void **state)
{
    struct out *o = out_new(OUT_JSON);
    error_rows(o, "errors");
    expect(o, "{\n  \"errors\": [\n    {\n      \"count\": 20,\n      \"node\": "
              "\"af-packet-input\"\n    },\n"
              "    {\n      \"count\": 12345678901,\n"
              "      \"node\": \"a-node-name-that-is-longer-than-its-column\"\n    }\n  ]\n}\n");
}

static void table_is_the_document(void **state)
{
    static const struct out_column cols[] = {{NULL, "f", 8, OUT_LEFT, OUT_RIGHT},
                                             {NULL, "s", 0, OUT_LEFT, OUT_LEFT}};
    for (int json = 0; json < 2; json++) {
        struct out *o = out_new(json ? OUT_JSON : OUT_TEXT);
        out_table(o, NULL, cols, array_len(cols));
        out_cell_f64(o, 0.5, 2);
        out_cell_sci(o, 1500, 1);
        out_table_end(o);
        expect(o,
               json ? "[\n  {\n    \"f\": 0.5,\n    \"s\": 1500.0\n  }\n]\n" : "    0.501.5e3\n");
    }
}

static void values(struct out *o)
{
    out_text(o, "only text\n");
    out_str(o, "name", "local0", "%s ");
    out_u64(o, "big", UINT64_MAX, NULL);
    out_i64(o, "small", -5, "%" PRId64 " ");
    out_object(o, "state");
    out_bool(o, "up", true, "up", "down");
    out_bool(o, "link", false, NULL, " no link");
    out_array(o, "speeds");
    out_f64(o, NULL, 2.5, " %.1f");
    out_str(o, NULL, "\xff-", NULL);
    out_end(o);
    out_end(o);
    out_str(o, NULL, "decoration", " %s\n");
}

static void values_both_ways(void **state)
{
    struct out *o = out_new(OUT_TEXT);
    values(o);
    expect(o, "only text\nlocal0 -5 up no link 2.5 decoration\n");
    o = out_new(OUT_JSON);
    values(o);
    expect(o, "{\n  \"name\": \"local0\",\n  \"big\": 1.8446744073709552e19,\n  \"small\": -5,\n  "
              "\"state\": {\n"
              "    \"up\": true,\n    \"link\": false,\n    \"speeds\": [\n      2.5,\n      "
              "\"?-\"\n    ]\n  }\n}\n");
}

static void taken_piece_by_piece(void **state)
{
    struct out *o = out_new(OUT_TEXT);
    out_text(o, "one\n");
    char *one = out_take(o);
    assert_string_equal(one, "one\n");
    free(one);
    out_text(o, "two\n");
    expect(o, "two\n");
}

/* Takes what there is when step comes, or nothing before the end. */
static void out_test_step(struct out *o, struct text *all, bool in_pieces)
{
    char *piece = in_pieces ? out_take_piece(o) : NULL;
    text_puts(all, piece ? piece : "");
    free(piece);
}

static void odd_values(struct out *o, struct text *all, bool in_pieces)
{
    values(o);
    out_test_step(o, all, in_pieces);
    out_array(o, "empty");
    out_end(o);
    out_object(o, NULL); /* hangs nowhere */
    out_array(o, "lost");
    out_str(o, NULL, "lost", NULL);
    out_end(o);
    out_end(o);
    out_test_step(o, all, in_pieces);
    out_array(o, "odd");
    out_str(o, NULL, "a \"b\" \\ \t \x01 \xc3\xa9 /", NULL);
    out_test_step(o, all, in_pieces);
    out_object(o, NULL);
    out_end(o);
    out_f64(o, NULL, 1e300, NULL);
    out_test_step(o, all, in_pieces);
    out_object(o, NULL);
    out_i64(o, "left open", -1, NULL);
}

static void json_is_as_jansson_writes_it(void **state)
{
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        struct out *o = out_new(OUT_JSON);
        struct text all = {0};
        odd_values(o, &all, in_pieces);
        char *end = out_take(o);
        text_puts(&all, end);
        free(end);
        json_t *parsed = json_loads(text_str(&all), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(parsed);
        char *again = json_dumps(parsed, JSON_INDENT(2));
        text_putc(&all, '\0');
        assert_int_equal(strlen(again), strlen(text_str(&all)) - 1);
        assert_memory_equal(again, text_str(&all), strlen(again));
        free(again);
        json_decref(parsed);
        text_free(&all);
        out_free(o);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_as_text),         cmocka_unit_test(table_as_json),
        cmocka_unit_test(table_is_the_document), cmocka_unit_test(values_both_ways),
        cmocka_unit_test(taken_piece_by_piece),  cmocka_unit_test(json_is_as_jansson_writes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
