/* Any words as mask and as match: what is taken ends within the text, and bytes fit. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/features/classify/classify_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(int (*parse)(const char **text, struct classify_bytes *out), const char *text)
{
    struct classify_bytes b;
    const char *p = text;
    if (!parse(&p, &b) && (p <= text || p > text + strlen(text) || b.n > sizeof(b.bytes)))
        panic("%zu bytes of text, %u of the mask", (size_t)(p - text), b.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    one(classify_parse_mask, text);
    one(classify_parse_match, text);
    free(text);
    return 0;
}
