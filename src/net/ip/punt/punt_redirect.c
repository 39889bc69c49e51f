/* Where punted packets go; see punt_redirect.h. */
#include "net/ip/punt/punt_redirect.h"

#include <errno.h>

#include "base/log.h"
#include "engine/feature.h"
#include "engine/thread.h"

const char punt_redirect_module_name[] = "punt-redirect";

static struct log_class log_class = {"punt", NULL};

static const struct {
    const char *arc, *node;
} points[IP_FAMILY_N] = {
    [IP_FAMILY_4] = {"ip4-punt", "ip4-punt-redirect"},
    [IP_FAMILY_6] = {"ip6-punt", "ip6-punt-redirect"},
};

static u32 *punt_redirect_word(const struct piste *p, enum ip_family f, struct if_index rx)
{
    struct punt_redirects *s = module_state(p, punt_redirect_module_name);
    return if_is_none(rx) ? &s->of[f].rest : &s->of[f].by_rx[rx.i];
}

/* The feature is on while there are any. */
static int punt_redirect_count(struct piste *p, enum ip_family f, u32 n, struct error *e)
{
    static const struct if_index local0 = {0}; /* whose features those of punted packets are */
    struct punt_redirects *s = module_state(p, punt_redirect_module_name);
    int rc = feature_enable(engine_of(p), points[f].arc, points[f].node, local0, n > 0, 0, e);
    if (!rc)
        s->n[f] = n;
    return rc;
}

static int punt_redirect_new(struct piste *p, enum ip_family f, u32 *word,
                             const struct fib_path *paths, u32 n, struct error *e)
{
    const struct punt_redirects *s = module_state(p, punt_redirect_module_name);
    struct lb_index lb;
    int rc = fib_paths_new(fib_of(p), f, paths, n, &lb, e);
    if (rc)
        return rc;
    rc = punt_redirect_count(p, f, s->n[f] + 1, e);
    if (rc)
        fib_paths_free(fib_of(p), lb);
    else
        __atomic_store_n(word, lb.i + 1, __ATOMIC_RELEASE);
    return rc;
}

int punt_redirect_set(struct piste *p, enum ip_family f, struct if_index rx,
                      const struct fib_path *paths, u32 n, struct error *e)
{
    u32 *word = punt_redirect_word(p, f, rx);
    return *word ? fib_paths_update(fib_of(p), (struct lb_index){*word - 1}, paths, n, e)
                 : punt_redirect_new(p, f, word, paths, n, e);
}

int punt_redirect_del(struct piste *p, enum ip_family f, struct if_index rx, struct error *e)
{
    const struct punt_redirects *s = module_state(p, punt_redirect_module_name);
    u32 *word = punt_redirect_word(p, f, rx), was = *word;
    if (!was)
        return error_set(e, ENOENT, "no redirect of punted %s there", ip_family_name(f));
    int rc = punt_redirect_count(p, f, s->n[f] - 1, e);
    if (rc)
        return rc;
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
    fib_paths_free(fib_of(p), (struct lb_index){was - 1});
    return 0;
}

void punt_redirect_each(const struct piste *p, enum ip_family f,
                        void (*fn)(void *arg, struct if_index rx, struct lb_index lb), void *arg)
{
    const struct punt_redirects *s = module_state(p, punt_redirect_module_name);
    const struct punt_redirect *r = &s->of[f];
    const struct interface *it;
    if (r->rest)
        fn(arg, IF_NONE, (struct lb_index){r->rest - 1});
    for (u32 i = 0; s->n[f] && (it = interface_next(p, i)); i = it->index.i + 1)
        if (r->by_rx[it->index.i])
            fn(arg, it->index, (struct lb_index){r->by_rx[it->index.i] - 1});
}

/* --- life --- */

struct punt_redirect_gone {
    struct piste *p;
    const struct interface *it;
};

static void punt_redirect_forget(void *arg, struct if_index rx, struct lb_index lb)
{
    const struct punt_redirect_gone *gone = arg;
    struct error e;
    if (fib_paths_forget(fib_of(gone->p), lb, gone->it->index, &e))
        log_warn(&log_class, "paths through %s: %s", gone->it->name, e.text);
}

static void punt_redirect_on_interface(struct piste *p, struct interface *it, enum if_event ev,
                                       void *arg)
{
    struct error e;
    for (enum ip_family f = 0; ev == IF_EVENT_DELETE && f < IP_FAMILY_N; f++) {
        struct punt_redirect_gone gone = {p, it};
        if (*punt_redirect_word(p, f, it->index) && punt_redirect_del(p, f, it->index, &e))
            log_warn(&log_class, "%s: %s", it->name, e.text);
        punt_redirect_each(p, f, punt_redirect_forget, &gone);
    }
}

int punt_redirect_init(struct piste *p, void **state, struct error *e)
{
    static const char *const words[] = {"all", NULL}; /* what commands have in a name's place */
    struct mem_map map;
    struct punt_redirects *s = mem_reserve(&map, "redirects of punted packets", sizeof(*s));
    s->map = map;
    *state = s;
    interface_on_event(p, punt_redirect_on_interface, NULL);
    interface_reserve_names(p, words);
    return 0;
}

void punt_redirect_stop(struct piste *p, void *state)
{
    struct mem_map map = ((struct punt_redirects *)state)->map;
    mem_map_free(&map);
}
