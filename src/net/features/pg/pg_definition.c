/* The text of `packet-generator new { ... }`: keys and values in any order. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/cli_grammar.h"
#include "net/features/pg/pg_internal.h"

#define SIZE_DEFAULT_BYTES 64
#define BUFFER_BYTES 2048

struct reader {
    const char *p;
    struct piste *piste;
    struct pg_definition *d; /* NULL: only what may be changed later */
    struct pg_stream_settings *set;
};

static void pg_definition_skip(struct reader *r)
{
    while (isspace((u8)*r->p))
        r->p++;
}

/* The keyword, whole. */
static bool pg_definition_take(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    pg_definition_skip(r);
    if (strncmp(r->p, word, n) != 0 || (r->p[n] && !isspace((u8)r->p[n])))
        return false;
    r->p += n;
    return true;
}

static bool pg_definition_take_word(struct reader *r, char *word, size_t size)
{
    pg_definition_skip(r);
    size_t n = strcspn(r->p, " \t\r\n");
    if (!n || n >= size)
        return false;
    memcpy(word, r->p, n);
    word[n] = '\0';
    r->p += n;
    return true;
}

static bool take_float(struct reader *r, double *out)
{
    char word[40], *end;
    if (!pg_definition_take_word(r, word, sizeof(word)) ||
        (!isdigit((u8)*word) && !strchr(".-", *word)))
        return false;
    *out = strtod(word, &end);
    return !*end && *out == *out && *out <= 1e18 && *out >= -1e18;
}

/* As a float: 1e6 is a million. */
static bool take_count(struct reader *r, u64 *out)
{
    double x;
    if (!take_float(r, &x) || x < 0)
        return false;
    *out = (u64)x;
    return true;
}

static bool take_u32(struct reader *r, u32 *out)
{
    u64 n;
    if (!take_count(r, &n) || n > UINT32_MAX)
        return false;
    *out = (u32)n;
    return true;
}

/* A-B or A+B */
static bool pg_definition_take_size(struct reader *r)
{
    char word[32], *sign, *end;
    if (!pg_definition_take_word(r, word, sizeof(word)) || !isdigit((u8)*word))
        return false;
    unsigned long min = strtoul(word, &sign, 10);
    if ((*sign != '-' && *sign != '+') || !isdigit((u8)sign[1]))
        return false;
    unsigned long max = strtoul(sign + 1, &end, 10);
    if (*end || min > INT32_MAX || max > INT32_MAX)
        return false;
    r->set->min_bytes = (u32)min;
    r->set->max_bytes = (u32)max;
    r->set->size_kind = *sign == '-' ? PG_SIZE_INCREMENT : PG_SIZE_RANDOM;
    return true;
}

static bool take_interface(struct reader *r, struct if_index *out)
{
    pg_definition_skip(r);
    const struct interface *f = interface_take(r->piste, &r->p);
    if (f)
        *out = f->index;
    return f != NULL;
}

static bool pg_definition_take_source(struct reader *r, u32 *id)
{
    char word[IF_NAME_BYTES], *end;
    if (!pg_definition_take_word(r, word, sizeof(word)) || strncmp(word, "pg", 2) != 0 ||
        !isdigit((u8)word[2]))
        return false;
    unsigned long n = strtoul(word + 2, &end, 10);
    *id = (u32)n;
    return !*end && n < PG_ID_NONE;
}

/* A node, or an interface: then its output node. */
static bool take_node(struct reader *r)
{
    char word[IF_NAME_BYTES];
    pg_definition_skip(r);
    const char *name = r->p;
    const struct interface *f = interface_take(r->piste, &name);
    if (!pg_definition_take_word(r, word, sizeof(word)))
        return false;
    r->d->has_node = true;
    if (f && f->cls->tx) {
        r->set->node = f->output_node;
        return true;
    }
    return node_find(engine_of(r->piste), word, &r->set->node);
}

static bool take_string(struct reader *r, char **out)
{
    char word[4096];
    if (!pg_definition_take_word(r, word, sizeof(word)))
        return false;
    free(*out);
    *out = mem_strdup(word);
    return true;
}

/* { ... } with what is balanced within. */
static bool take_data(struct reader *r)
{
    int depth = 0;
    pg_definition_skip(r);
    if (*r->p != '{')
        return false;
    const char *start = r->p + 1;
    do {
        if (*r->p == '{')
            depth++;
        else if (*r->p == '}')
            depth--;
        else if (!*r->p)
            return false;
        r->p++;
    } while (depth);
    free(r->d->data);
    r->d->data = mem_printf("%.*s", (int)(r->p - 1 - start), start);
    return true;
}

/* One or more names of flags. VPP's that mean nothing here have no effect. */
static bool take_flags(struct reader *r)
{
    static const struct {
        const char *name;
        u32 flags, offload;
    } names[] = {
        {"ip4", BUFFER_IS_IP4, 0},
        {"ip6", BUFFER_IS_IP6, 0},
        {"gso", 0, PG_OFFLOAD_TCP_CSUM | PG_OFFLOAD_UDP_CSUM | PG_OFFLOAD_GSO_ALL},
        {"l4-cksum-computed", BUFFER_CSUM_VALID, 0},
        {"l4-cksum-correct", BUFFER_CSUM_VALID, 0},
        {"local", BUFFER_LOCAL, 0},
        {"offload", 0, 0},
        {"offload-ip-cksum", 0, 0},
        {"offload-tcp-cksum", 0, PG_OFFLOAD_TCP_CSUM},
        {"offload-udp-cksum", 0, PG_OFFLOAD_UDP_CSUM},
    };
    bool any = false;
    for (u32 i = 0; i < array_len(names); i++)
        if (pg_definition_take(r, names[i].name)) {
            r->set->buffer_flags |= names[i].flags;
            r->set->offload |= names[i].offload;
            any = true;
            i = UINT32_MAX; /* the next may be any again */
        }
    return any;
}

/* A number below 0 is none that a stream reaches. */
static bool take_limit(struct reader *r, u64 *out)
{
    double x;
    if (!take_float(r, &x))
        return false;
    *out = x < 0 ? PG_LIMIT_NONE : (u64)x;
    return true;
}

/* A key and its value; false when it is none. */
static bool take_setting(struct reader *r)
{
    if (pg_definition_take(r, "limit"))
        return take_limit(r, &r->set->limit);
    if (pg_definition_take(r, "rate"))
        return take_float(r, &r->set->rate);
    if (pg_definition_take(r, "size"))
        return pg_definition_take_size(r);
    if (pg_definition_take(r, "buffer-size"))
        return take_u32(r, &r->set->buffer_bytes);
    return false;
}

static bool pg_definition_take_key(struct reader *r)
{
    if (pg_definition_take(r, "name"))
        return pg_definition_take_word(r, r->set->name, sizeof(r->set->name));
    if (pg_definition_take(r, "interface"))
        return take_interface(r, &r->set->rx_if);
    if (pg_definition_take(r, "tx-interface"))
        return take_interface(r, &r->set->tx_if);
    if (pg_definition_take(r, "source"))
        return pg_definition_take_source(r, &r->d->source);
    if (pg_definition_take(r, "node"))
        return take_node(r);
    if (pg_definition_take(r, "worker"))
        return take_u32(r, &r->set->worker);
    if (pg_definition_take(r, "maxframe"))
        return take_u32(r, &r->set->max_frame);
    if (pg_definition_take(r, "buffer-flags") || pg_definition_take(r, "buffer-offload-flags"))
        return take_flags(r);
    if (pg_definition_take(r, "pcap"))
        return take_string(r, &r->d->pcap);
    if (pg_definition_take(r, "data"))
        return take_data(r);
    return pg_definition_take(r, "no-recycle") || take_setting(r);
}

static int pg_definition_read_all(struct reader *r, struct error *e)
{
    for (pg_definition_skip(r); *r->p; pg_definition_skip(r)) {
        const char *start = r->p;
        if (r->d ? pg_definition_take_key(r) : take_setting(r))
            continue;
        struct text rest = {0};
        cli_rest(&rest, start);
        error_set(e, EINVAL, "unknown input `%s'", text_str(&rest));
        text_free(&rest);
        return -EINVAL;
    }
    return 0;
}

/* Without the braces around it. */
static char *pg_definition_unwrap(const char *text)
{
    while (isspace((u8)*text))
        text++;
    size_t n = strlen(text);
    while (n && isspace((u8)text[n - 1]))
        n--;
    bool braces = n >= 2 && text[0] == '{' && text[n - 1] == '}';
    return mem_printf("%.*s", (int)(braces ? n - 2 : n), text + braces);
}

int pg_definition_parse(struct piste *p, const char *text, struct pg_definition *d, struct error *e)
{
    *d = (struct pg_definition){
        .source = PG_ID_NONE,
        .set =
            {
                .min_bytes = SIZE_DEFAULT_BYTES,
                .max_bytes = SIZE_DEFAULT_BYTES,
                .buffer_bytes = BUFFER_BYTES,
                .max_frame = FRAME_PKTS,
                .rx_if = IF_NONE,
                .tx_if = IF_NONE,
            },
    };
    char *inner = pg_definition_unwrap(text);
    struct reader r = {.p = inner, .piste = p, .d = d, .set = &d->set};
    int rc = pg_definition_read_all(&r, e);
    free(inner);
    if (rc) {
        pg_definition_free(d);
        return rc;
    }
    if (!d->set.max_frame || d->set.max_frame > FRAME_PKTS)
        d->set.max_frame = FRAME_PKTS;
    return 0;
}

int pg_configure_parse(const char *text, struct pg_stream_settings *set, struct error *e)
{
    char *inner = pg_definition_unwrap(text);
    struct reader r = {.p = inner, .set = set};
    int rc = pg_definition_read_all(&r, e);
    free(inner);
    return rc;
}

void pg_definition_free(struct pg_definition *d)
{
    free(d->data);
    free(d->pcap);
    d->data = d->pcap = NULL;
}
