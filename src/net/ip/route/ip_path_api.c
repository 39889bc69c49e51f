/* Paths and tables of messages; see ip_path_api.h. */
#include <string.h>

#include "api/api_fib.h"
#include "control/api.h"
#include "net/ip/route/ip_path_api.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

i32 api_fib_table(const struct fib *f, enum ip_family family, u32 id, struct fib_index *out)
{
    *out = fib_table_find(f, family, id);
    if (!fib_is_none(*out))
        return 0;
    return fib_is_none(fib_table_next(f, family, 0)) ? API_INVALID_ADDRESS_FAMILY : API_NO_SUCH_FIB;
}

static i32 normal_path(struct fib *f, const struct api_type_fib_path *m, enum ip_family family,
                       struct fib_path *out)
{
    bool has_interface = m->sw_if_index != UINT32_MAX;
    enum ip_family of = ip_family_of(m->proto == FIB_API_PATH_NH_PROTO_IP6);
    if (m->proto > FIB_API_PATH_NH_PROTO_IP6 || (of != family && !has_interface) ||
        fib_is_none(fib_table_next(f, of, 0)))
        return API_FIB_PATH_UNSUPPORTED_NH_PROTO;
    out->family = (u8)of;
    out->next_hop = ip_address_from_bytes(of, m->nh.address);
    bool has_next_hop = !ip_address_is_zero(&out->next_hop);
    if (has_next_hop)
        out->kind = FIB_PATH_NEXT_HOP;
    else
        out->kind = has_interface ? FIB_PATH_ATTACHED : FIB_PATH_LOOKUP;
    return has_interface ? 0 : api_fib_table(f, family, m->table_id, &out->table);
}

static i32 api_fib_path(struct piste *p, const struct api_type_fib_path *m, enum ip_family family,
                        struct fib_path *out)
{
    static const u8 kinds[] = {
        [FIB_API_PATH_TYPE_NORMAL] = FIB_PATH_NEXT_HOP,
        [FIB_API_PATH_TYPE_LOCAL] = FIB_PATH_LOCAL,
        [FIB_API_PATH_TYPE_DROP] = FIB_PATH_DROP,
        [FIB_API_PATH_TYPE_ICMP_UNREACH] = FIB_PATH_UNREACHABLE,
        [FIB_API_PATH_TYPE_ICMP_PROHIBIT] = FIB_PATH_PROHIBIT,
        [FIB_API_PATH_TYPE_SOURCE_LOOKUP] = FIB_PATH_LOOKUP_SRC,
        [FIB_API_PATH_TYPE_INTERFACE_RX] = FIB_PATH_INTERFACE_RX,
        [FIB_API_PATH_TYPE_CLASSIFY] = FIB_PATH_CLASSIFY,
    };
    if (m->n_labels)
        return API_UNSUPPORTED;
    if (m->type >= array_len(kinds) || (m->type != FIB_API_PATH_TYPE_NORMAL && !kinds[m->type]))
        return API_UNSUPPORTED;
    *out = fib_path_special(kinds[m->type]);
    out->weight = m->weight;
    out->preference = m->preference;
    if (m->type == FIB_API_PATH_TYPE_SOURCE_LOOKUP)
        return api_fib_table(fib_of(p), family, m->table_id, &out->table);
    if (m->type == FIB_API_PATH_TYPE_CLASSIFY) {
        out->classify_table = m->nh.classify_table_index;
        return fib_classifier_has(fib_of(p), out->classify_table) ? 0 : API_NO_SUCH_TABLE;
    }
    if (m->type != FIB_API_PATH_TYPE_NORMAL && m->type != FIB_API_PATH_TYPE_INTERFACE_RX)
        return 0;
    if (m->sw_if_index != UINT32_MAX && !api_interface(p, m->sw_if_index))
        return API_NO_MATCHING_INTERFACE;
    out->interface = (struct if_index){m->sw_if_index};
    if (m->type == FIB_API_PATH_TYPE_INTERFACE_RX)
        return if_is_none(out->interface) ? API_NO_MATCHING_INTERFACE : 0;
    if (m->flags & FIB_API_PATH_FLAG_RESOLVE_VIA_ATTACHED)
        out->flags |= FIB_PATH_RESOLVE_ATTACHED;
    if (m->flags & FIB_API_PATH_FLAG_RESOLVE_VIA_HOST)
        out->flags |= FIB_PATH_RESOLVE_HOST;
    return normal_path(fib_of(p), m, family, out);
}

i32 api_fib_paths(struct piste *p, const struct api_type_fib_path *m, u32 n, enum ip_family family,
                  struct fib_path out[FIB_PATHS_MAX])
{
    i32 wrong = n > FIB_PATHS_MAX ? API_LIMIT_EXCEEDED : 0;
    for (u32 i = 0; i < n && !wrong; i++)
        wrong = api_fib_path(p, &m[i], family, &out[i]);
    return wrong;
}

void api_fib_path_to(const struct fib *f, const struct fib_path *path, struct fib_index table,
                     struct api_type_fib_path *out)
{
    static const u8 types[] = {
        [FIB_PATH_NEXT_HOP] = FIB_API_PATH_TYPE_NORMAL,
        [FIB_PATH_ATTACHED] = FIB_API_PATH_TYPE_NORMAL,
        [FIB_PATH_DROP] = FIB_API_PATH_TYPE_DROP,
        [FIB_PATH_NO_ROUTE] = FIB_API_PATH_TYPE_DROP,
        [FIB_PATH_PUNT] = FIB_API_PATH_TYPE_LOCAL,
        [FIB_PATH_UNREACHABLE] = FIB_API_PATH_TYPE_ICMP_UNREACH,
        [FIB_PATH_PROHIBIT] = FIB_API_PATH_TYPE_ICMP_PROHIBIT,
        [FIB_PATH_LOCAL] = FIB_API_PATH_TYPE_LOCAL,
        [FIB_PATH_RECEIVE] = FIB_API_PATH_TYPE_LOCAL,
        [FIB_PATH_LOOKUP] = FIB_API_PATH_TYPE_NORMAL,
        [FIB_PATH_LOOKUP_SRC] = FIB_API_PATH_TYPE_SOURCE_LOOKUP,
        [FIB_PATH_INTERFACE_RX] = FIB_API_PATH_TYPE_INTERFACE_RX,
        [FIB_PATH_ADJ] = FIB_API_PATH_TYPE_NORMAL,
        [FIB_PATH_CLASSIFY] = FIB_API_PATH_TYPE_CLASSIFY,
    };
    memset(out, 0, sizeof(*out));
    out->sw_if_index = path->interface.i;
    out->table_id = fib_table_id(f, fib_is_none(path->table) ? table : path->table);
    out->weight = path->weight ? path->weight : 1;
    out->preference = path->preference;
    out->type = path->kind < array_len(types) ? types[path->kind] : FIB_API_PATH_TYPE_NORMAL;
    out->flags =
        (path->flags & FIB_PATH_RESOLVE_ATTACHED ? FIB_API_PATH_FLAG_RESOLVE_VIA_ATTACHED : 0) |
        (path->flags & FIB_PATH_RESOLVE_HOST ? FIB_API_PATH_FLAG_RESOLVE_VIA_HOST : 0);
    out->proto =
        path->family == IP_FAMILY_4 ? FIB_API_PATH_NH_PROTO_IP4 : FIB_API_PATH_NH_PROTO_IP6;
    if (path->kind != FIB_PATH_ATTACHED) /* whose subnet is no next hop */
        memcpy(out->nh.address, path->next_hop.bytes, sizeof(out->nh.address));
    if (path->kind == FIB_PATH_CLASSIFY)
        out->nh.classify_table_index = path->classify_table;
    if (path->flags & FIB_PATH_DEAD) {
        out->sw_if_index = UINT32_MAX;
        out->type = FIB_API_PATH_TYPE_DROP;
    }
}

u32 api_fib_paths_to(const struct fib *f, struct lb_index lb, enum ip_family family,
                     struct api_type_fib_path *out)
{
    struct fib_path paths[FIB_PATHS_MAX];
    struct fib_index table = fib_table_find(f, family, 0);
    u32 n = fib_paths_get(f, lb, paths, FIB_PATHS_MAX);
    for (u32 i = 0; i < n; i++)
        api_fib_path_to(f, &paths[i], table, &out[i]);
    return n;
}
