/* `set interface l2 input classify`: tables by interface and direction. See l2_classify.h. */
#include "net/features/classify/l2_classify.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/vec.h"
#include "control/module.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/l2_classify_internal.h"
#include "net/link/interface/interface.h"

static struct log_class log_class = {"classify", "l2"};

const struct l2_classify_direction l2_classify_directions[L2_CLASSIFY_DIRECTIONS] = {
    [L2_CLASSIFY_INPUT] = {"l2-input", "l2-input-classify", "input"},
    [L2_CLASSIFY_OUTPUT] = {"l2-output", "l2-output-classify", "output"},
};

const char *const l2_classify_kind_words[L2_CLASSIFY_KIND_N] = {
    [L2_CLASSIFY_IP4] = "ip4-table",
    [L2_CLASSIFY_IP6] = "ip6-table",
    [L2_CLASSIFY_OTHER] = "other-table",
};

const char l2_classify_module_name[] = "l2-classify";

static struct l2_classify *l2_classify_state_of(const struct piste *p)
{
    return module_state(p, l2_classify_module_name);
}

static u64 word_at(const struct l2_classify *s, u32 direction, struct if_index i)
{
    return i.i < s->words[direction].n ? s->words[direction].v[i.i] : 0;
}

static void unref_all(struct piste *p, u64 word)
{
    for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
        u32 table = l2_classify_table_of(word, (enum l2_classify_kind)k);
        if (table != CLASSIFY_NONE)
            classify_table_unref(p, table);
    }
}

static int ref_all(struct piste *p, const u32 *tables, u64 *word, struct error *e)
{
    *word = 0;
    for (u32 k = 0; k < L2_CLASSIFY_KIND_N; k++) {
        int rc = tables[k] == CLASSIFY_NONE ? 0 : classify_table_ref(p, tables[k], e);
        if (rc) {
            unref_all(p, *word);
            return rc;
        }
        *word |= (u64)(tables[k] + 1) << (k * L2_CLASSIFY_BITS);
    }
    return 0;
}

int l2_classify_set(struct piste *p, bool is_input, struct if_index i,
                    const u32 tables[L2_CLASSIFY_KIND_N], struct error *e)
{
    struct l2_classify *s = l2_classify_state_of(p);
    u32 direction = is_input ? L2_CLASSIFY_INPUT : L2_CLASSIFY_OUTPUT;
    u64 word, old = word_at(s, direction, i);
    int rc = ref_all(p, tables, &word, e);
    if (rc)
        return rc;
    rc = feature_enable(engine_of(p), l2_classify_directions[direction].arc,
                        l2_classify_directions[direction].node, i, word != 0, word, e);
    if (rc) {
        unref_all(p, word);
        return rc;
    }
    while (s->words[direction].n <= i.i)
        vec_add(&s->words[direction], 0);
    s->words[direction].v[i.i] = word;
    unref_all(p, old);
    return 0;
}

static void l2_classify_on_interface(struct piste *p, struct interface *f, enum if_event ev,
                                     void *arg)
{
    static const u32 none[] = {CLASSIFY_NONE, CLASSIFY_NONE, CLASSIFY_NONE};
    struct error e;
    for (u32 d = 0; ev == IF_EVENT_DELETE && d < L2_CLASSIFY_DIRECTIONS; d++)
        if (word_at(l2_classify_state_of(p), d, f->index) &&
            l2_classify_set(p, d == L2_CLASSIFY_INPUT, f->index, none, &e))
            log_warn(&log_class, "%s: %s", f->name, e.text);
}

/* --- commands --- */

/* --- nodes --- */

/* --- module --- */

int l2_classify_init(struct piste *p, void **state, struct error *e)
{
    struct l2_classify *s = mem_alloc(sizeof(*s));
    interface_on_event(p, l2_classify_on_interface, s);
    *state = s;
    return 0;
}

void l2_classify_stop(struct piste *p, void *state)
{
    struct l2_classify *s = state;
    for (u32 d = 0; d < L2_CLASSIFY_DIRECTIONS; d++)
        vec_free(&s->words[d]);
    free(s);
}
