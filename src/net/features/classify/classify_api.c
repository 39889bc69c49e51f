/* Messages of classify.api. A session's match is told with the vectors that its table skips. */
#include "net/features/classify/classify_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_classify.h"
#include "control/api.h"
#include "net/features/classify/acl.h"
#include "net/features/classify/classify_filter.h"
#include "net/features/classify/classify.h"
#include "net/features/classify/classify_internal.h"
#include "net/features/classify/ip_classify.h"
#include "net/features/classify/l2_classify.h"
#include "net/link/interface/interface.h"
#include "net/link/interface/interface_api.h"

#define MATCH_BYTES_MAX ((CLASSIFY_SKIP_MAX + CLASSIFY_MATCH_MAX) * CLASSIFY_VECTOR_BYTES)

static i32 retval_of(int rc)
{
    return rc == -ENOENT ? API_NO_SUCH_TABLE : api_retval(rc);
}

/* --- tables --- */

static int table_add(struct piste *p, const struct api_classify_add_del_table *m, u32 *index)
{
    struct classify_table_args a = {
        .skip = m->skip_n_vectors,
        .match = m->match_n_vectors,
        .next_table = m->next_table_index,
        .miss_next = m->miss_next_index,
        .buckets = m->nbuckets,
        .current = m->current_data_flag,
        .offset = m->current_data_offset,
    };
    if (!m->nbuckets || m->mask_len != (u64)m->match_n_vectors * CLASSIFY_VECTOR_BYTES ||
        m->mask_len > sizeof(a.mask))
        return -EINVAL;
    memcpy(a.mask, m->mask, m->mask_len);
    return classify_table_add(p, &a, index, NULL);
}

static void add_del_table(struct api_call *c)
{
    const struct api_classify_add_del_table *m = c->msg;
    struct api_classify_add_del_table_reply reply = {
        .new_table_index = m->table_index,
        .skip_n_vectors = m->skip_n_vectors,
        .match_n_vectors = m->match_n_vectors,
    };
    int rc;
    if (!m->is_add)
        rc = classify_table_del(c->piste, m->table_index, m->del_chain, NULL);
    else if (m->table_index == CLASSIFY_NONE)
        rc = table_add(c->piste, m, &reply.new_table_index);
    else
        rc = classify_table_set(c->piste, m->table_index, m->next_table_index, m->miss_next_index,
                                NULL);
    reply.retval = retval_of(rc);
    api_reply(c, &api_message_classify_add_del_table_reply, &reply);
}

static void table_ids(struct api_call *c)
{
    VEC(u32) ids = {0};
    for (u32 i = 0; (i = classify_table_next(c->piste, i)) != CLASSIFY_NONE; i++)
        vec_add(&ids, i);
    struct api_classify_table_ids_reply reply = {.count = ids.n, .ids = ids.v};
    api_reply(c, &api_message_classify_table_ids_reply, &reply);
    vec_free(&ids);
}

static void table_info(struct api_call *c)
{
    const struct api_classify_table_info *m = c->msg;
    const struct classify_table *t = classify_table_at(m->table_id);
    struct api_classify_table_info_reply reply = {.table_id = m->table_id,
                                                  .retval = t ? 0 : API_CLASSIFY_TABLE_NOT_FOUND};
    if (t) {
        reply.nbuckets = classify_table_buckets(c->piste, m->table_id);
        reply.match_n_vectors = t->match;
        reply.skip_n_vectors = t->skip;
        reply.active_sessions = classify_session_count(c->piste, m->table_id);
        reply.next_table_index = t->next_table;
        reply.miss_next_index = t->miss_next;
        reply.mask_length = t->match * (u32)CLASSIFY_VECTOR_BYTES;
        reply.mask = (const u8 *)t->mask;
    }
    api_reply(c, &api_message_classify_table_info_reply, &reply);
}

/* --- sessions --- */

static void add_del_session(struct api_call *c)
{
    const struct api_classify_add_del_session *m = c->msg;
    const struct classify_table *t = classify_table_at(m->table_index);
    u8 match[MATCH_BYTES_MAX] = {0};
    struct classify_session_args a = {
        .match = match,
        .next = m->hit_next_index,
        .opaque = m->opaque_index,
        .advance = m->advance,
        .action = m->action,
        .metadata = m->metadata,
    };
    int rc;
    if (!t)
        rc = -ENOENT;
    else if (m->match_len < (t->skip + t->match) * (u32)CLASSIFY_VECTOR_BYTES ||
             m->match_len > sizeof(match) || m->action > CLASSIFY_ACTION_SET_METADATA)
        rc = -EINVAL;
    else {
        memcpy(match, m->match, m->match_len);
        rc = m->is_add ? classify_session_add(c->piste, m->table_index, &a, NULL)
                       : classify_session_del(c->piste, m->table_index, match, NULL);
    }
    api_reply_retval(c, rc == -ENOENT && t ? API_NO_SUCH_ENTRY : retval_of(rc));
}

static bool session_dump_more(struct api_call *c, void *state)
{
    struct classify_session_walk *w = state;
    u8 match[MATCH_BYTES_MAX] = {0};
    while (api_room(c)) {
        const struct classify_session *s = classify_session_walk_next(w);
        if (!s)
            return false;
        const struct classify_table *t = classify_table_at(w->table);
        u32 skipped_bytes = t->skip * (u32)CLASSIFY_VECTOR_BYTES;
        u32 key_bytes = t->match * (u32)CLASSIFY_VECTOR_BYTES;
        memcpy(match + skipped_bytes, s->key, key_bytes);
        struct api_classify_session_details details = {
            .table_id = w->table,
            .hit_next_index = s->next,
            .advance = s->advance,
            .opaque_index = s->opaque,
            .match_length = skipped_bytes + key_bytes,
            .match = match,
        };
        api_reply(c, &api_message_classify_session_details, &details);
    }
    return true;
}

static void session_dump_end(void *state)
{
    classify_session_walk_end(state);
    free(state);
}

static void session_dump(struct api_call *c)
{
    const struct api_classify_session_dump *m = c->msg;
    if (!classify_table_at(m->table_id))
        return;
    struct classify_session_walk *w = mem_alloc(sizeof(*w));
    classify_session_walk_begin(w, c->piste, m->table_id);
    api_continue(c, session_dump_more, session_dump_end, w);
}

/* --- interfaces --- */

static void table_by_interface(struct api_call *c)
{
    const struct api_classify_table_by_interface *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    struct api_classify_table_by_interface_reply reply = {
        .retval = f ? 0 : API_INVALID_SW_IF_INDEX,
        .sw_if_index = m->sw_if_index,
        .l2_table_id = f ? acl_table(c->piste, ACL_L2_INPUT, f->index) : CLASSIFY_NONE,
        .ip4_table_id = f ? acl_table(c->piste, ACL_IP4_INPUT, f->index) : CLASSIFY_NONE,
        .ip6_table_id = f ? acl_table(c->piste, ACL_IP6_INPUT, f->index) : CLASSIFY_NONE,
    };
    api_reply(c, &api_message_classify_table_by_interface_reply, &reply);
}

/* Tables by kind; all else is as it is. */
struct acl_change {
    u32 tables[ACL_KIND_N];
};

static struct acl_change no_change(void)
{
    struct acl_change x;
    for (u32 k = 0; k < ACL_KIND_N; k++)
        x.tables[k] = CLASSIFY_NONE;
    return x;
}

static void set_acl(struct api_call *c, u32 sw_if_index, const struct acl_change *x, bool add)
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    if (!f)
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
    else
        api_reply_retval(c, retval_of(acl_set(c->piste, f->index, x->tables, add, NULL)));
}

static void input_acl(struct api_call *c)
{
    const struct api_input_acl_set_interface *m = c->msg;
    struct acl_change x = no_change();
    x.tables[ACL_L2_INPUT] = m->l2_table_index;
    x.tables[ACL_IP4_INPUT] = m->ip4_table_index;
    x.tables[ACL_IP6_INPUT] = m->ip6_table_index;
    set_acl(c, m->sw_if_index, &x, m->is_add);
}

static void output_acl(struct api_call *c)
{
    const struct api_output_acl_set_interface *m = c->msg;
    struct acl_change x = no_change();
    x.tables[ACL_L2_OUTPUT] = m->l2_table_index;
    x.tables[ACL_IP4_OUTPUT] = m->ip4_table_index;
    x.tables[ACL_IP6_OUTPUT] = m->ip6_table_index;
    set_acl(c, m->sw_if_index, &x, m->is_add);
}

static void classify_api_ip_table(struct api_call *c)
{
    const struct api_classify_set_interface_ip_table *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    if (!f) {
        api_reply_retval(c, API_INVALID_SW_IF_INDEX);
        return;
    }
    int rc = ip_classify_set(c->piste, ip_family_of(m->is_ipv6), f->index, m->table_index, NULL);
    api_reply_retval(c, rc == -ENOENT   ? API_NO_SUCH_ENTRY
                        : rc == -ENODEV ? API_NO_MATCHING_INTERFACE
                                        : api_retval(rc));
}

/* The tables are local0's, see ip4_ends_node.c. */
static void punt_acl_add_del(struct api_call *c)
{
    const struct api_punt_acl_add_del *m = c->msg;
    struct acl_change x = no_change();
    x.tables[ACL_IP4_PUNT] = m->ip4_table_index;
    x.tables[ACL_IP6_PUNT] = m->ip6_table_index;
    set_acl(c, 0, &x, m->is_add);
}

static void punt_acl_get(struct api_call *c)
{
    struct api_punt_acl_get_reply reply = {
        .ip4_table_index = acl_table(c->piste, ACL_IP4_PUNT, (struct if_index){0}),
        .ip6_table_index = acl_table(c->piste, ACL_IP6_PUNT, (struct if_index){0}),
    };
    api_reply(c, &api_message_punt_acl_get_reply, &reply);
}

static void classify_api_l2_tables(struct api_call *c)
{
    const struct api_classify_set_interface_l2_tables *m = c->msg;
    const struct interface *f = api_interface(c->piste, m->sw_if_index);
    const u32 tables[L2_CLASSIFY_KIND_N] = {
        [L2_CLASSIFY_IP4] = m->ip4_table_index,
        [L2_CLASSIFY_IP6] = m->ip6_table_index,
        [L2_CLASSIFY_OTHER] = m->other_table_index,
    };
    api_reply_retval(c,
                     f ? retval_of(l2_classify_set(c->piste, m->is_input, f->index, tables, NULL))
                       : API_INVALID_SW_IF_INDEX);
}

/* --- filters of traces and captures --- */

/* The table of that mask in a filter; UINT32_MAX: there is none, which is no error. */
static i32 classify_api_find_table(u32 first, u32 skip, u32 match, u32 mask_len, const u8 *mask,
                                   u32 *table)
{
    if (!match || match > CLASSIFY_MATCH_MAX || mask_len != match * CLASSIFY_VECTOR_BYTES)
        return API_INVALID_VALUE;
    *table = classify_filter_find(first, skip, match, mask);
    return 0;
}

static void trace_lookup_table(struct api_call *c)
{
    const struct api_classify_trace_lookup_table *m = c->msg;
    struct api_classify_trace_lookup_table_reply reply = {.table_index = CLASSIFY_NONE};
    reply.retval =
        classify_api_find_table(classify_filter_trace(c->piste), m->skip_n_vectors,
                                m->match_n_vectors, m->mask_len, m->mask, &reply.table_index);
    api_reply(c, &api_message_classify_trace_lookup_table_reply, &reply);
}

static void trace_set_table(struct api_call *c)
{
    const struct api_classify_trace_set_table *m = c->msg;
    struct api_classify_trace_set_table_reply reply = {.table_index = m->table_index};
    reply.retval = retval_of(classify_filter_set_trace(c->piste, m->table_index, NULL));
    api_reply(c, &api_message_classify_trace_set_table_reply, &reply);
}

typedef VEC(u32) tables_vec;

static tables_vec tables_from(u32 first)
{
    tables_vec list = {0};
    const struct classify_table *t = classify_table_at(first);
    for (; t && list.n < CLASSIFY_CHAIN_MAX; t = classify_table_at(t->next_table))
        vec_add(&list, t->index);
    return list;
}

static void trace_get_tables(struct api_call *c)
{
    tables_vec list = tables_from(classify_filter_trace(c->piste));
    struct api_classify_trace_get_tables_reply reply = {.count = list.n, .indices = list.v};
    api_reply(c, &api_message_classify_trace_get_tables_reply, &reply);
    vec_free(&list);
}

/* Interface 0 stands for all; *i is IF_NONE then. */
static bool pcap_interface(struct api_call *c, u32 sw_if_index, struct if_index *i)
{
    const struct interface *f = api_interface(c->piste, sw_if_index);
    *i = f && sw_if_index ? f->index : IF_NONE;
    return f;
}

static void pcap_lookup_table(struct api_call *c)
{
    const struct api_classify_pcap_lookup_table *m = c->msg;
    struct api_classify_pcap_lookup_table_reply reply = {.retval = API_INVALID_SW_IF_INDEX,
                                                         .table_index = CLASSIFY_NONE};
    struct if_index i;
    if (pcap_interface(c, m->sw_if_index, &i))
        reply.retval =
            classify_api_find_table(classify_filter_pcap(c->piste, i), m->skip_n_vectors,
                                    m->match_n_vectors, m->mask_len, m->mask, &reply.table_index);
    api_reply(c, &api_message_classify_pcap_lookup_table_reply, &reply);
}

static void pcap_set_table(struct api_call *c)
{
    const struct api_classify_pcap_set_table *m = c->msg;
    struct api_classify_pcap_set_table_reply reply = {.retval = API_INVALID_SW_IF_INDEX,
                                                      .table_index = m->table_index};
    struct if_index i;
    if (pcap_interface(c, m->sw_if_index, &i))
        reply.retval = retval_of(classify_filter_set_pcap(c->piste, i, m->table_index, NULL));
    api_reply(c, &api_message_classify_pcap_set_table_reply, &reply);
}

static void pcap_get_tables(struct api_call *c)
{
    const struct api_classify_pcap_get_tables *m = c->msg;
    struct if_index i;
    bool there = pcap_interface(c, m->sw_if_index, &i);
    tables_vec list = tables_from(there ? classify_filter_pcap(c->piste, i) : CLASSIFY_NONE);
    struct api_classify_pcap_get_tables_reply reply = {
        .retval = there ? 0 : API_INVALID_SW_IF_INDEX, .count = list.n, .indices = list.v};
    api_reply(c, &api_message_classify_pcap_get_tables_reply, &reply);
    vec_free(&list);
}

const struct api_handler classify_api[] = {
    {&api_message_classify_add_del_table, add_del_table},
    {&api_message_classify_add_del_session, add_del_session},
    {&api_message_classify_table_ids, table_ids},
    {&api_message_classify_table_info, table_info},
    {&api_message_classify_table_by_interface, table_by_interface},
    {&api_message_classify_session_dump, session_dump},
    {&api_message_classify_set_interface_l2_tables, classify_api_l2_tables},
    {&api_message_input_acl_set_interface, input_acl},
    {&api_message_output_acl_set_interface, output_acl},
    {&api_message_classify_trace_lookup_table, trace_lookup_table},
    {&api_message_classify_trace_set_table, trace_set_table},
    {&api_message_classify_trace_get_tables, trace_get_tables},
    {&api_message_classify_pcap_lookup_table, pcap_lookup_table},
    {&api_message_classify_pcap_set_table, pcap_set_table},
    {&api_message_classify_pcap_get_tables, pcap_get_tables},
    {&api_message_classify_set_interface_ip_table, classify_api_ip_table},
    {&api_message_punt_acl_add_del, punt_acl_add_del},
    {&api_message_punt_acl_get, punt_acl_get},
    {0},
};
