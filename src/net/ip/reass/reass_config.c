/* See reass_config.h. */
#include "net/ip/reass/reass_config.h"

#include <errno.h>

#include "engine/engine.h"
#include "net/ip/reass/reass_module.h"
#include "net/ip/reass/sv_reass_module.h"

struct reass_settings reass_settings_at_start(const struct engine *e, enum reass_kind kind,
                                              u32 n_owners)
{
    struct reass_config c = reass_config_default();
    struct buffer_pool_info pool;
    if (n_owners && buffer_pool_get_info(e, BUFFER_POOL_DEFAULT, &pool)) {
        u32 share = pool.total / (kind == REASS_FULL ? 2 : 4) / IP_FAMILY_N / n_owners;
        c.max_buffers = (u32)max_u64(1, min_u64(c.max_buffers, share));
    }
    return (struct reass_settings){c, c};
}

/* --- as they are --- */

static struct reass_settings *settings_of(const struct piste *p, enum reass_kind kind,
                                          enum ip_family f)
{
    return kind == REASS_VIRTUAL ? sv_reass_settings(p, f) : reass_full_settings(p, f);
}

int reass_set(struct piste *p, enum reass_kind kind, enum ip_family f, const struct reass_config *c,
              struct error *e)
{
    struct reass_settings *s = settings_of(p, kind, f);

    if (!s)
        return error_set(e, EAFNOSUPPORT, "no reassembly of that protocol");
    if (!c->timeout_ms || !c->max_fragments || !c->max_buffers || !c->expire_walk_ms)
        return error_set(e, EINVAL, "timeout, lengths and intervals of reassembly are at least 1");
    if (c->max_datagrams > REASS_DATAGRAMS_MAX)
        return error_set(e, EINVAL, "at most %u concurrent reassemblies", REASS_DATAGRAMS_MAX);
    struct reass_config *to = &s->config;
    __atomic_store_n(&to->timeout_ms, c->timeout_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&to->max_datagrams, c->max_datagrams, __ATOMIC_RELAXED);
    __atomic_store_n(&to->max_fragments, c->max_fragments, __ATOMIC_RELAXED);
    __atomic_store_n(&to->max_buffers, c->max_buffers, __ATOMIC_RELAXED);
    to->expire_walk_ms = c->expire_walk_ms;
    return 0;
}

struct reass_config reass_get(const struct piste *p, enum reass_kind kind, enum ip_family f)
{
    const struct reass_settings *s = settings_of(p, kind, f);
    return s ? s->config : reass_config_default();
}

/* --- in words --- */

/* Numbers of `set ip reassembly`, by word. */
static const struct {
    const char *word;
    size_t at; /* in struct reass_config */
} numbers[] = {
    {"timeout-ms", offsetof(struct reass_config, timeout_ms)},
    {"max-reassemblies", offsetof(struct reass_config, max_datagrams)},
    {"max-reassembly-length", offsetof(struct reass_config, max_fragments)},
    {"max-buffers", offsetof(struct reass_config, max_buffers)},
    {"expire-walk-interval-ms", offsetof(struct reass_config, expire_walk_ms)},
};

static u32 number_in(const struct reass_config *config, u32 k)
{
    return *(const u32 *)(const void *)((const u8 *)config + numbers[k].at);
}

u32 reass_config_from_words(const struct cli_call *c, struct reass_config *config)
{
    u32 n = 0;
    for (u32 k = 0; k < array_len(numbers); k++) {
        n += cli_has(c, numbers[k].word);
        *(u32 *)(void *)((u8 *)config + numbers[k].at) =
            (u32)cli_u64(c, numbers[k].word, number_in(config, k));
    }
    return n;
}

void reass_settings_write(const struct reass_settings *s, enum reass_kind kind, enum ip_family f,
                          const char *more, struct text *t)
{
    struct text words = {0};
    for (u32 k = 0; k < array_len(numbers); k++)
        if (number_in(&s->config, k) != number_in(&s->first, k))
            text_add(&words, " %s %u", numbers[k].word, number_in(&s->config, k));
    text_puts(&words, more);
    if (words.len)
        text_add(t, "set ip reassembly%s%s%s\n", f == IP_FAMILY_6 ? " ip6" : "",
                 kind == REASS_VIRTUAL ? " shallow-virtual" : "", text_str(&words));
    text_free(&words);
}

void reass_interface_write(const char *interface, bool ip4, bool ip6, enum reass_kind kind,
                           struct text *t)
{
    if (ip4 || ip6)
        text_add(t, "set interface reassembly %s %s%s\n", interface,
                 ip4 && ip6 ? "on"
                 : ip4      ? "ip4"
                            : "ip6",
                 kind == REASS_VIRTUAL ? " shallow-virtual" : "");
}

void reass_show_bounds(struct cli_call *c, const struct reass_config *config, enum reass_kind kind,
                       enum ip_family f)
{
    const char *full = kind == REASS_VIRTUAL ? "shallow virtual" : "full",
               *ip = f == IP_FAMILY_6 ? "IP6" : "IP4";
    const struct {
        const char *key, *before, *after, *unit;
        u32 value;
    } lines[] = {
        {"max_reassemblies", "concurrent ", " reassemblies per worker-thread", "",
         config->max_datagrams},
        {"max_fragments", "amount of fragments per ", " reassembly", "", config->max_fragments},
        {"max_buffers", "buffers held per worker-thread of ", " reassembly", "",
         config->max_buffers},
        {"timeout_ms", "", " reassembly timeout", "ms", config->timeout_ms},
        {"expire_walk_ms", "", " reassembly expire walk interval", "ms", config->expire_walk_ms},
    };
    for (u32 k = 0; k < array_len(lines); k++) {
        out_u64(c->out, lines[k].key, lines[k].value, NULL);
        out_text(c->out, "Maximum configured %s%s %s%s: %u%s\n", lines[k].before, full, ip,
                 lines[k].after, lines[k].value, lines[k].unit);
    }
}
