/* Any text as startup.conf: taken or refused with words, without a fault. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli.h"
#include "control/module.h"
#include "control/startup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct piste p;
    struct error e = {0};
    if (!p.cli) {
        p.cli = cli_new(&p);
        p.modules = modules_new(&p);
    }
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = 0;
    p.startup = startup_new();
    if (startup_set_text(p.startup, "fuzz", text, &e) || startup_apply_core(&p, &e) ||
        startup_apply_modules(&p, &e)) {
        if (!e.text[0])
            abort();
    }
    startup_free(p.startup);
    free(text);
    return 0;
}
