/* The packet generator: interfaces pgN that nothing is connected to. What leaves through one is
 * written to a capture file, or gone; what a stream makes, or reads from a file, enters through
 * one.
 *
 *     stream ──► pg-input ──► any node (ethernet-input, ip4-lookup, pg1-output ...)
 *     pgN-output ──► pgN-tx ──► capture file
 *
 * Context: control thread. Source: behaviour of VPP's generator as its users and its test suite
 * know it. */
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "engine/index.h"

struct module;
struct piste;

extern const struct module pg_module;

/* The interface of streams that name none: "pg-1". */
#define PG_ID_NONE UINT32_MAX
#define PG_CAPTURE_UNLIMITED UINT32_MAX

enum pg_mode { PG_MODE_ETHERNET, PG_MODE_IP4, PG_MODE_IP6 };

struct pg_interface_args {
    u32 id;
    enum pg_mode mode;
    const u8 *mac; /* NULL: made up */
    bool csum_offload, gso, coalesce;
    u32 gso_size;
};

/* An id that is in use: that interface, as it is. */
int pg_interface_create(struct piste *p, const struct pg_interface_args *args, struct if_index *out,
                        struct error *e) MUST_CHECK;
/* Streams through it go, too. -EINVAL: another kind of interface. */
int pg_interface_delete(struct piste *p, struct if_index i, struct error *e) MUST_CHECK;
bool pg_interface_is(const struct piste *p, struct if_index i);
/* By id; false when there is none. */
bool pg_interface_by_id(const struct piste *p, u32 id, struct if_index *out);
int pg_interface_set_coalesce(struct piste *p, struct if_index i, bool on,
                              struct error *e) MUST_CHECK;

/* From now on packets that leave through i are written to path, which must not exist; the file is
 * made when there is something to write. -EEXIST. */
int pg_capture_start(struct piste *p, struct if_index i, const char *path, u32 count,
                     struct error *e) MUST_CHECK;
/* Everything sent before is in the file when it returns. */
void pg_capture_stop(struct piste *p, struct if_index i);

/* name NULL: all streams. -ENOENT. */
int pg_stream_enable(struct piste *p, const char *name, bool enable, struct error *e) MUST_CHECK;
