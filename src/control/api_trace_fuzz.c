/* Any bytes as a saved trace, as one in JSON, and as a table of messages. What the JSON of a
 * message was read from makes the same JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/api_fuzz.h"
#include "control/api_trace_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const struct api_server *s, const struct api_records *records)
{
    struct api_records again = {0};
    struct error e;
    char *first = api_records_json(records);
    /* a body that does not decode is JSON without fields, and a message of zeros on the way back */
    bool whole = true;
    for (u32 i = 0; i < records->list.n; i++) {
        const struct api_record *r = &records->list.v[i];
        struct api_arena arena = {0};
        if (r->message) {
            void *msg = api_arena_alloc(&arena, r->message->type->struct_bytes);
            whole = whole && api_decode(r->message->type, r->body, r->n, msg, &arena) >= 0;
        }
        api_arena_free(&arena);
    }
    if (api_records_read_json(s, first, strlen(first), &again, &e))
        abort();
    char *second = api_records_json(&again);
    if (whole && strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
    api_records_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct piste p;
    struct api_records trace = {0}, json = {0};
    struct api_table table = {0};
    struct error e;
    if (!p.loop)
        api_fuzz_start(&p);
    const struct api_server *s = api_server_of(&p);
    if (!api_records_read(s, data, size, &trace, &e))
        there_and_back(s, &trace);
    if (!api_records_read_json(s, (const char *)data, size, &json, &e))
        there_and_back(s, &json);
    (void)!api_table_read((const char *)data, size, &table, &e);
    api_records_free(&trace);
    api_records_free(&json);
    api_table_free(&table);
    return 0;
}
