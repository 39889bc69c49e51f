/* Quality of service: what a packet says of itself is kept with it where it comes in (recorded, or
 * stored as a value of the interface's), and written where it leaves, as a map of numbers says.
 *
 *   [vlan] PCP ─┐                                      ┌─► [vlan] PCP
 *   [ip] TOS  ──┼─► value of 8 bits, source ─► map ────┤
 *   store ──────┘        (in the buffer's flags)       └─► [ip] TOS
 *
 * IPv6 calls that octet the traffic class.
 *
 * Source: words and layouts are VPP's; IEEE 802.1Q, RFC 791, RFC 8200 7. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/buffer.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module qos_module;

/* The numbers are those of the API. */
enum qos_source { QOS_EXT, QOS_VLAN, QOS_MPLS, QOS_IP, QOS_SOURCE_N };

#define QOS_VALUES 256

struct qos_map {
    u8 rows[QOS_SOURCE_N][QOS_VALUES]; /* what leaves, by source and value */
};

/* ---- data path ---- */

ALWAYS_INLINE void qos_record(struct buffer *b, enum qos_source source, u8 value)
{
    b->flags &= ~(0x3ffu << BUFFER_QOS_SHIFT);
    b->flags |= BUFFER_QOS | ((u32)source << 8 | value) << BUFFER_QOS_SHIFT;
}

/* b has BUFFER_QOS. */
ALWAYS_INLINE u8 qos_output(const struct qos_map *m, const struct buffer *b)
{
    u32 source = b->flags >> (BUFFER_QOS_SHIFT + 8) & 3;
    return __atomic_load_n(&m->rows[source][b->flags >> BUFFER_QOS_SHIFT & 255], __ATOMIC_RELAXED);
}

/* ---- control thread ---- */

const char *qos_source_name(enum qos_source source);

/* What comes in by i. Sources are QOS_VLAN and QOS_IP. -EOPNOTSUPP: another; -ENOENT: it was not
 * recorded before. */
int qos_set_record(struct piste *p, struct if_index i, enum qos_source source, bool on,
                   struct error *e) MUST_CHECK;
bool qos_is_recorded(const struct piste *p, struct if_index i, enum qos_source source);

#define QOS_STORE_NONE UINT32_MAX
/* What comes in by i gets a value as if recorded. value QOS_STORE_NONE: no more. Source is QOS_IP.
 * -EOPNOTSUPP, -ENOENT as above. */
int qos_set_store(struct piste *p, struct if_index i, enum qos_source source, u32 value,
                  struct error *e) MUST_CHECK;
u32 qos_stored(const struct piste *p, struct if_index i, enum qos_source source);

/* Makes or changes the map. */
void qos_map_set(struct piste *p, u32 id, const struct qos_map *map);
/* -ENOENT; -EBUSY: packets are marked by it. */
int qos_map_del(struct piste *p, u32 id, struct error *e) MUST_CHECK;
const struct qos_map *qos_map_find(const struct piste *p, u32 id); /* NULL: there is none */
/* The k-th map, in order of ids. */
bool qos_map_at(const struct piste *p, u32 k, u32 *id);

/* What leaves by i is marked. Sources are QOS_VLAN and QOS_IP. -EOPNOTSUPP: another; -ENOENT: no
 * such map. */
int qos_set_mark(struct piste *p, struct if_index i, enum qos_source source, u32 map_id,
                 struct error *e) MUST_CHECK;
/* -ENOENT. */
int qos_clear_mark(struct piste *p, struct if_index i, enum qos_source source,
                   struct error *e) MUST_CHECK;
/* false: there is no mark. */
bool qos_marked_by(const struct piste *p, struct if_index i, enum qos_source source, u32 *map_id);
