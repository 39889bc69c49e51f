/* Interfaces: making, changing, finding them. See interface.h. */
#include "net/link/interface/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/vec.h"
#include "control/cli.h"
#include "control/module.h"
#include "control/plugin.h"
#include "engine/rx_queue.h"
#include "engine/tx_queue.h"
#include "net/link/interface/capture_data.h"
#include "net/link/interface/interface_internal.h"
#include "net/packet/ethernet_packet.h"

#define MTU_MAX 65535u

static struct log_class log_class = {"interface", NULL};

struct if_data *if_data_base;
struct capture *capture_active;

struct listener {
    void (*fn)(struct piste *p, struct interface *f, enum if_event ev, void *arg);
    void *arg;
    const bool *alive; /* the module that asked */
};

struct user {
    bool (*fn)(struct piste *p, struct if_index i);
};

struct show_hook {
    void (*fn)(struct piste *p, struct interface *f, struct out *o);
};

struct interfaces {
    VEC(struct interface *) by_index; /* NULL: free */
    struct hash by_name, by_original; /* names, and those that renamed interfaces were made with */
    VEC(struct listener) listeners;
    VEC(const char *const *) reserved; /* names, see interface_reserve_names */
    VEC(struct user) users;
    VEC(struct show_hook) show_hooks[IF_SHOW_N];
    struct mem_map data_map;
    struct stats_names stats_names;
    u32 default_mtu;
};

const char interface_module_name[] = "interface";

static struct interfaces *interfaces_of(const struct piste *p)
{
    return module_state(p, interface_module_name);
}

u32 interface_default_mtu(const struct piste *p)
{
    return interfaces_of(p)->default_mtu;
}

/* --- finding --- */

struct interface *interface_at(const struct piste *p, struct if_index i)
{
    struct interfaces *ifs = interfaces_of(p);
    return i.i < ifs->by_index.n ? ifs->by_index.v[i.i] : NULL;
}

static void name_key(char key[IF_NAME_BYTES], const char *name)
{
    memset(key, 0, IF_NAME_BYTES);
    snprintf(key, IF_NAME_BYTES, "%s", name);
}

struct interface *interface_find(const struct piste *p, const char *name)
{
    char key[IF_NAME_BYTES];
    u64 i;
    if (strlen(name) >= IF_NAME_BYTES)
        return NULL;
    name_key(key, name);
    return hash_get(&interfaces_of(p)->by_name, key, &i) ? interfaces_of(p)->by_index.v[i] : NULL;
}

struct interface *interface_take(const struct piste *p, const char **text)
{
    size_t n = strcspn(*text, " \t\r\n");
    char name[IF_NAME_BYTES];
    if (!n || n >= sizeof(name))
        return NULL;
    memcpy(name, *text, n);
    name[n] = 0;
    struct interface *f = interface_find(p, name);
    *text += f ? n : 0;
    return f;
}

bool interface_is_up(const struct interface *f)
{
    return f->admin_up && f->link_up && (!f->super || interface_is_up(f->super));
}

struct interface *interface_next(const struct piste *p, u32 from)
{
    struct interfaces *ifs = interfaces_of(p);
    for (; from < ifs->by_index.n; from++)
        if (ifs->by_index.v[from])
            return ifs->by_index.v[from];
    return NULL;
}

static int by_name(const void *x, const void *y)
{
    const struct interface *a = *(struct interface *const *)x, *b = *(struct interface *const *)y;
    return strcmp(a->name, b->name);
}

u32 interface_list_sorted(const struct piste *p, struct interface ***out)
{
    struct interfaces *ifs = interfaces_of(p);
    u32 n = 0;
    *out = mem_alloc((ifs->by_index.n + 1) * sizeof(**out));
    for (u32 i = 0; i < ifs->by_index.n; i++)
        if (ifs->by_index.v[i])
            (*out)[n++] = ifs->by_index.v[i];
    qsort(*out, n, sizeof(**out), by_name);
    return n;
}

/* --- events --- */

void interface_on_event(struct piste *p,
                        void (*fn)(struct piste *p, struct interface *f, enum if_event ev,
                                   void *arg),
                        void *arg)
{
    vec_add(&interfaces_of(p)->listeners, ((struct listener){fn, arg, module_alive(p)}));
}

void interface_on_use(struct piste *p, bool (*fn)(struct piste *p, struct if_index i))
{
    vec_add(&interfaces_of(p)->users, ((struct user){fn}));
}

bool interface_is_used(struct piste *p, struct if_index i)
{
    const struct interfaces *ifs = interfaces_of(p);
    for (u32 k = 0; k < ifs->users.n; k++)
        if (ifs->users.v[k].fn(p, i))
            return true;
    return false;
}

void interface_on_show_address(struct piste *p, enum if_show_place place,
                               void (*fn)(struct piste *p, struct interface *f, struct out *o))
{
    vec_add(&interfaces_of(p)->show_hooks[place], ((struct show_hook){fn}));
}

void interface_show_address(struct piste *p, struct interface *f, struct out *o)
{
    const struct interfaces *ifs = interfaces_of(p);
    for (u32 place = 0; place < IF_SHOW_N; place++)
        for (u32 k = 0; k < ifs->show_hooks[place].n; k++)
            ifs->show_hooks[place].v[k].fn(p, f, o);
}

static void interface_tell(struct piste *p, struct interface *f, enum if_event ev)
{
    struct interfaces *ifs = interfaces_of(p);
    for (u32 i = 0; i < ifs->listeners.n; i++)
        if (*ifs->listeners.v[i].alive)
            ifs->listeners.v[i].fn(p, f, ev, ifs->listeners.v[i].arg);
}

/* Brings what data threads read in line with f. */
static void interface_publish(struct interface *f)
{
    struct if_data *d = if_data(f->index);
    u8 flags = (u8)((f->admin_up ? IF_DATA_ADMIN_UP : 0) | (f->promiscuous ? IF_DATA_PROMISC : 0) |
                    (f->cls->is_ip ? IF_DATA_IS_IP : 0));
    memcpy(d->mac, f->mac, 6);
    d->mtu_ip4 = (u16)interface_mtu(f, IF_MTU_IP4);
    d->mtu_ip6 = (u16)interface_mtu(f, IF_MTU_IP6);
    d->caps = f->caps;
    d->parent = f->parent;
    d->tx_node = f->tx_node;
    __atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
}

/* --- making and deleting --- */

/* L3 bytes that super's device sends with the tags of its sub-interface f. */
static u32 room_behind_tags(const struct interface *f, const struct interface *super)
{
    const struct if_limit *l = &super->limit;
    u32 spare = l->spares_tag && f->outer_8021q ? (u32)min_u64(f->tag_bytes, VLAN_TAG_BYTES) : 0;
    return l->bytes ? (u32)min_u64(super->max_frame_bytes, l->bytes + spare - f->tag_bytes)
                    : super->max_frame_bytes;
}

/* Makes f a sub-interface of super: what the two have in common. */
static void interface_follow(struct interface *f, struct interface *super)
{
    f->super = super;
    memcpy(f->mac, super->mac, 6);
    f->has_mac = super->has_mac;
    f->link_up = super->link_up;
    f->max_frame_bytes = room_behind_tags(f, super);
    f->limit = super->limit;
    f->link_kbps = super->link_kbps;
    f->caps = IF_CAP_TX_ALL; /* the super-interface sees to what the port cannot */
}

static void interface_join(struct interface *f, struct interface *super)
{
    interface_follow(f, super);
    *(super->subs ? &super->last_sub->next_sub : &super->subs) = f;
    super->last_sub = f;
}

static void interface_leave(struct interface *f)
{
    struct interface **at = &f->super->subs, *before = NULL;
    for (; *at != f; at = &before->next_sub)
        before = *at;
    *at = f->next_sub;
    if (f->super->last_sub == f)
        f->super->last_sub = before;
}

/* What befell f befalls its sub-interfaces. */
static void tell_all(struct piste *p, struct interface *f, enum if_event ev)
{
    interface_publish(f);
    interface_tell(p, f, ev);
    for (struct interface *sub = f->subs; sub; sub = sub->next_sub) {
        interface_follow(sub, f);
        interface_publish(sub);
        interface_tell(p, sub, ev);
    }
}

static u32 free_index(struct interfaces *ifs)
{
    for (u32 i = 0; i < ifs->by_index.n; i++)
        if (!ifs->by_index.v[i])
            return i;
    if (ifs->by_index.n == IF_MAX)
        return IF_MAX;
    vec_add(&ifs->by_index, NULL);
    return ifs->by_index.n - 1;
}

static void make_nodes(struct piste *p, struct interface *f)
{
    struct engine *e = engine_of(p);
    char name[IF_NAME_BYTES + 8];
    if (!f->cls->tx && !f->super)
        return;
    snprintf(name, sizeof(name), "%s-tx", f->name);
    f->tx_node = f->super ? f->super->output_node : node_register(e, f->cls->tx, name, f->port);
    snprintf(name, sizeof(name), "%s-output", f->name);
    struct if_output *out = mem_alloc(sizeof(*out));
    out->index = f->index;
    out->arc = feature_arc_find(e, "interface-output");
    f->output_node = node_register(e, &interface_output_node, name, out);
    out->next_tx = node_edge(e, f->output_node, f->tx_node);
    f->output = out;
    feature_set_start(e, "interface-output", f->index, f->output_node);
    feature_set_end(e, "interface-output", f->index, f->tx_node);
}

/* The node is on where the port does not take everything; what is in a tunnel, which is rare, its
 * tx node sees to (interface_tx.h). */
static int apply_software_offload(struct piste *p, const struct interface *f, struct error *e)
{
    u32 all = IF_CAP_CSUM_ALL | IF_CAP_GSO_ALL;
    return feature_enable(engine_of(p), "interface-output", "interface-offload", f->index,
                          f->software_offload && (f->caps & all) != all, 0, e);
}

static int check_mac(const u8 mac[6], struct error *e)
{
    static const u8 zero[6];
    return mac[0] & 1 || !memcmp(mac, zero, 6)
               ? error_set(e, EINVAL, "a MAC address of an interface is neither multicast nor zero")
               : 0;
}

void interface_reserve_names(struct piste *p, const char *const *words)
{
    vec_add(&interfaces_of(p)->reserved, words);
}

/* Whether commands would take it for something else. */
static bool is_reserved(const struct interfaces *ifs, const char *name)
{
    u8 address[16];
    for (u32 k = 0; k < ifs->reserved.n; k++)
        for (const char *const *word = ifs->reserved.v[k]; *word; word++)
            if (!strcmp(*word, name))
                return true;
    return cli_asks_for_help(name) || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

/* Whether an interface may be called so: commands take the name as it is, and nobody has it, nor
 * its nodes. */
static int check_name(const struct piste *p, const char *name, struct error *e)
{
    static const char *const node[] = {"output", "tx"};
    char node_name[IF_NAME_BYTES + 8];
    struct node_index other;
    if (!*name || strlen(name) >= IF_NAME_BYTES)
        return error_set(e, EINVAL, "interface names have 1 to %d characters", IF_NAME_BYTES - 1);
    if (!cli_is_plain_word(name) || is_reserved(interfaces_of(p), name))
        return error_set(e, EINVAL, "`%s' is no interface name", name);
    if (interface_find(p, name))
        return error_set(e, EEXIST, "interface %s exists already", name);
    for (u32 k = 0; k < array_len(node); k++) {
        snprintf(node_name, sizeof(node_name), "%s-%s", name, node[k]);
        if (node_find(engine_of(p), node_name, &other))
            return error_set(e, EEXIST, "`%s' is no interface name: there is a node %s", name,
                             node_name);
    }
    return 0;
}

int interface_new(struct piste *p, const struct if_new_args *args, struct if_index *index,
                  struct error *e)
{
    struct interfaces *ifs = interfaces_of(p);
    int rc = check_name(p, args->name, e);
    if (rc)
        return rc;
    char key[IF_NAME_BYTES];
    u64 other;
    name_key(key, args->name);
    if (!args->has_parent && hash_get(&ifs->by_original, key, &other))
        return error_set(e, EEXIST, "%s is what interface %s was made as", args->name,
                         ifs->by_index.v[other]->name);
    rc = args->mac ? check_mac(args->mac, e) : 0;
    if (rc)
        return rc;
    struct interface *super = args->has_parent ? interface_at(p, args->parent) : NULL;
    if (args->has_parent && (!super || super->super || !super->output))
        return error_set(e, EINVAL, "%s has no interface to be a part of", args->name);
    u32 i = free_index(ifs);
    if (i == IF_MAX)
        return error_set(e, ENOSPC, "at most %u interfaces are possible", IF_MAX);
    struct interface *f = mem_alloc(sizeof(*f));
    u32 mtu = args->mtu ? args->mtu : ifs->default_mtu;
    snprintf(f->name, sizeof(f->name), "%s", args->name);
    f->index.i = i;
    f->parent = args->has_parent ? args->parent : f->index;
    f->cls = args->cls;
    f->port = args->port;
    f->caps = args->caps;
    f->software_offload = f->default_software_offload = !args->no_software_offload;
    if (args->mac) {
        memcpy(f->mac, args->mac, 6);
        f->has_mac = true;
    }
    f->mtu[IF_MTU_L3] = args->cls->tx ? mtu : 0;
    f->max_frame_bytes = args->max_frame_bytes ? args->max_frame_bytes : mtu;
    f->tag_bytes = args->tag_bytes;
    f->outer_8021q = args->outer_8021q;
    if (super)
        interface_join(f, super);
    struct stats *stats = stats_of(engine_of(p));
    stats_lock(stats); /* with what its nodes add */
    interface_stats_add(engine_of(p), &ifs->stats_names, f);
    *if_data(f->index) = (struct if_data){0};
    ifs->by_index.v[i] = f;
    hash_set(&ifs->by_name, key, i);
    make_nodes(p, f);
    stats_unlock(stats);
    interface_publish(f);
    *index = f->index;
    rc = f->cls->tx ? apply_software_offload(p, f, e) : 0;
    if (rc) {
        interface_delete(p, f->index);
        return rc;
    }
    interface_tell(p, f, IF_EVENT_NEW);
    log_debug(&log_class, "%s is interface %u", f->name, i);
    return 0;
}

void interface_delete(struct piste *p, struct if_index i)
{
    struct interfaces *ifs = interfaces_of(p);
    struct engine *e = engine_of(p);
    struct interface *f = interface_at(p, i);
    if (!f)
        return;
    f->admin_up = f->link_up = false;
    interface_publish(f);
    interface_tell(p, f, IF_EVENT_DELETE);
    feature_forget_interface(e, i);
    if (f->output) {
        node_delete(e, f->output_node);
        if (!f->super)
            node_delete(e, f->tx_node);
        engine_defer_free(e, free, f->output);
    }
    if (f->super)
        interface_leave(f);
    char key[IF_NAME_BYTES];
    name_key(key, f->name);
    hash_del(&ifs->by_name, key);
    if (f->original_name[0])
        hash_del(&ifs->by_original, f->original_name);
    ifs->by_index.v[i.i] = NULL;
    interface_stats_remove(e, &ifs->stats_names, f);
    engine_synchronize(e);
    vec_free(&f->cleared);
    free(f);
}

/* --- changes --- */

static struct interface *must_find(const struct piste *p, struct if_index i, struct error *e)
{
    struct interface *f = interface_at(p, i);
    if (!f)
        error_set(e, ENOENT, "no interface %u", i.i);
    return f;
}

int interface_set_admin(struct piste *p, struct if_index i, bool up, struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (f->admin_up == up)
        return 0;
    int rc = f->cls->set_admin ? f->cls->set_admin(f->port, up, e) : 0;
    if (rc)
        return rc;
    f->admin_up = up;
    interface_publish(f);
    interface_tell(p, f, IF_EVENT_ADMIN);
    return 0;
}

void interface_set_link(struct piste *p, struct if_index i, bool up)
{
    struct interface *f = interface_at(p, i);
    if (!f || f->link_up == up)
        return;
    f->link_up = up;
    log_info(&log_class, "%s: link is %s", f->name, up ? "up" : "down");
    tell_all(p, f, IF_EVENT_LINK);
}

int interface_set_mac(struct piste *p, struct if_index i, const u8 mac[6], struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->has_mac)
        return error_set(e, EOPNOTSUPP, "%s has no MAC address", f->name);
    if (f->super)
        return error_set(e, EOPNOTSUPP, "a sub-interface has the MAC address of %s",
                         f->super->name);
    int rc = check_mac(mac, e);
    if (!rc && f->cls->set_mac)
        rc = f->cls->set_mac(f->port, mac, e);
    if (rc)
        return rc;
    memcpy(f->mac, mac, 6);
    f->mac_by_user = true;
    tell_all(p, f, IF_EVENT_MAC);
    return 0;
}

void interface_set_speed(struct piste *p, struct if_index i, u64 kbps)
{
    struct interface *f = interface_at(p, i);
    if (!f || f->link_kbps == kbps)
        return;
    f->link_kbps = kbps;
    for (struct interface *sub = interface_next(p, 0); sub;
         sub = interface_next(p, sub->index.i + 1))
        if (sub->super == f)
            sub->link_kbps = kbps;
}

void interface_set_limit(struct piste *p, struct if_index i, struct if_limit limit)
{
    struct interface *f = interface_at(p, i);
    if (!f || (f->limit.bytes == limit.bytes && f->limit.spares_tag == limit.spares_tag))
        return;
    f->limit = limit;
    tell_all(p, f, IF_EVENT_MTU);
}

int interface_set_hw_mtu(struct piste *p, struct if_index i, u32 bytes, struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->output)
        return error_set(e, EOPNOTSUPP, "%s has no MTU", f->name);
    if (f->super)
        return error_set(
            e, EOPNOTSUPP,
            "%s has no hardware of its own: `set interface mtu packet' is for it, or %s", f->name,
            f->super->name);
    if (bytes < 64 || bytes > MTU_MAX)
        return error_set(e, EINVAL, "invalid MTU %u: 64 to %u are possible", bytes, MTU_MAX);
    int rc = f->cls->set_mtu ? f->cls->set_mtu(f->port, bytes, e) : 0;
    if (rc)
        return rc;
    f->max_frame_bytes = bytes;
    f->frame_bytes_by_user = true;
    f->mtu[IF_MTU_L3] = bytes;
    tell_all(p, f, IF_EVENT_MTU);
    return 0;
}

int interface_set_mtu(struct piste *p, struct if_index i, enum if_mtu which, u32 bytes,
                      struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->output)
        return error_set(e, EOPNOTSUPP, "%s has no MTU", f->name);
    bool may_follow = which != IF_MTU_L3 || f->super;
    if (bytes > f->max_frame_bytes || (bytes < 64 && (bytes || !may_follow)))
        return error_set(e, EINVAL, "invalid MTU %u: 64 to %u are possible on %s", bytes,
                         f->max_frame_bytes, f->name);
    f->mtu[which] = bytes;
    tell_all(p, f, IF_EVENT_MTU);
    return 0;
}

void interface_set_queues(struct piste *p, struct if_index i, struct rx_queue **rx, u32 n_rx,
                          struct tx_queues *tx)
{
    struct interface *f = interface_at(p, i);
    f->queues = rx;
    f->n_queues = n_rx;
    f->tx = tx;
    for (u32 q = 0; q < n_rx; q++) {
        rx[q]->interface = i;
        rx[q]->queue = q;
    }
    for (u32 q = 0; tx && q < tx->n; q++)
        tx->v[q]->interface = i;
}

int interface_set_caps(struct piste *p, struct if_index i, u32 caps, struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    /* the node looks at the capabilities itself: it is on before they go, and off after they came
     */
    f->caps = caps;
    interface_publish(f);
    return apply_software_offload(p, f, e);
}

int interface_set_software_offload(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (!f->cls->tx)
        return error_set(e, EOPNOTSUPP, "%s sends nothing", f->name);
    f->software_offload = on;
    return apply_software_offload(p, f, e);
}

void interface_random_mac(u8 mac[6])
{
    mac[0] = 0x02;
    mac[1] = 0xfe;
    if (getentropy(mac + 2, 4)) {
        u64 x = (u64)(uintptr_t)mac ^ (u64)getpid();
        memcpy(mac + 2, &x, 4);
    }
}

/* What f says itself, or its super-interface. */
static u32 said_mtu(const struct interface *f, enum if_mtu which)
{
    if (f->mtu[which])
        return f->mtu[which];
    return f->mtu[IF_MTU_L3] || !f->super ? f->mtu[IF_MTU_L3] : said_mtu(f->super, which);
}

u32 interface_mtu(const struct interface *f, enum if_mtu which)
{
    u32 mtu = said_mtu(f, which);
    return f->super ? (u32)min_u64(mtu, f->max_frame_bytes) : mtu;
}

u32 interface_shown_mtu(const struct interface *f, enum if_mtu which)
{
    u32 mtu = interface_mtu(f, which);
    bool is_less = which == IF_MTU_L3 && mtu != said_mtu(f, which);
    return f->mtu[which] || is_less ? mtu : 0;
}

int interface_set_promiscuous(struct piste *p, struct if_index i, bool on, struct error *e)
{
    struct interface *f = must_find(p, i, e);
    if (!f)
        return -ENOENT;
    if (f->promiscuous == on)
        return 0;
    f->promiscuous = on;
    bool want = on || f->promisc_refs;
    int rc = f->cls->set_promiscuous ? f->cls->set_promiscuous(f->port, want, e) : 0;
    if (rc)
        f->promiscuous = !on;
    interface_publish(f);
    return rc;
}

void interface_promisc_ref(struct piste *p, struct if_index i, bool add)
{
    struct interface *f = interface_at(p, i);
    struct error e;
    if (!f || (!add && !f->promisc_refs))
        return;
    f->promisc_refs += add ? 1 : -1;
    if (!f->promiscuous && f->promisc_refs == (add ? 1 : 0) && f->cls->set_promiscuous &&
        f->cls->set_promiscuous(f->port, add, &e))
        log_warn(&log_class, "%s: %s", f->name, e.text);
}

int interface_check_tag(const char *tag, struct error *e)
{
    if (strlen(tag) >= IF_TAG_BYTES)
        return error_set(e, EINVAL, "a tag has at most %d characters", IF_TAG_BYTES - 1);
    if (!cli_is_braceable(tag))
        return error_set(
            e, EINVAL, "a tag is one line, with braces in pairs, and no blanks around it or a `|'");
    return 0;
}

int interface_set_tag(struct piste *p, struct if_index i, const char *tag, struct error *e)
{
    struct interface *f = must_find(p, i, e);
    int rc = f ? interface_check_tag(tag, e) : -ENOENT;
    if (rc)
        return rc;
    snprintf(f->tag, sizeof(f->tag), "%s", tag);
    return 0;
}

/* Of an interface that has its new name. */
static void rename_nodes(struct piste *p, struct interface *f)
{
    char name[IF_NAME_BYTES + 8];
    if (!f->output)
        return;
    snprintf(name, sizeof(name), "%s-output", f->name);
    node_rename(engine_of(p), f->output_node, name);
    snprintf(name, sizeof(name), "%s-tx", f->name);
    if (!f->super)
        node_rename(engine_of(p), f->tx_node, name);
}

/* X.5 is Y.5 from now on, unless that is taken or too long. */
static void rename_subs(struct piste *p, const struct interface *f, const char *name)
{
    struct interfaces *ifs = interfaces_of(p);
    size_t n = strlen(f->name);
    for (struct interface *sub = f->subs; sub; sub = sub->next_sub) {
        char key[IF_NAME_BYTES], new[2 * IF_NAME_BYTES];
        if (strncmp(sub->name, f->name, n) || sub->name[n] != '.')
            continue;
        snprintf(new, sizeof(new), "%s%s", name, sub->name + n);
        if (check_name(p, new, NULL))
            continue;
        name_key(key, sub->name);
        hash_del(&ifs->by_name, key);
        name_key(key, new);
        memcpy(sub->name, key, sizeof(sub->name));
        hash_set(&ifs->by_name, key, sub->index.i);
        interface_stats_rename(engine_of(p), &ifs->stats_names, sub);
        rename_nodes(p, sub);
    }
}

int interface_rename(struct piste *p, struct if_index i, const char *name, struct error *e)
{
    struct interfaces *ifs = interfaces_of(p);
    struct interface *f = must_find(p, i, e);
    char key[IF_NAME_BYTES];
    int rc = f ? check_name(p, name, e) : -ENOENT;
    if (rc)
        return rc;
    name_key(key, f->name);
    hash_del(&ifs->by_name, key);
    if (!f->original_name[0] && !f->super) {
        memcpy(f->original_name, f->name, sizeof(f->original_name));
        hash_set(&ifs->by_original, f->original_name, f->index.i);
    }
    rename_subs(p, f, name);
    name_key(key, name);
    memcpy(f->name, key, sizeof(f->name));
    hash_set(&ifs->by_name, key, f->index.i);
    interface_stats_rename(engine_of(p), &ifs->stats_names, f);
    rename_nodes(p, f);
    return 0;
}

void interface_made_as(struct piste *p, struct if_index i, const char *name)
{
    struct interface *f = interface_at(p, i);
    name_key(f->original_name, strcmp(f->name, name) != 0 ? name : "");
}

/* --- counters --- */

void interface_count(struct thread *t, enum if_counter c, struct if_index i, u64 packets, u64 bytes)
{
    if (c < IF_COMBINED_N) {
        struct counter_pair *v = &counter_combined(if_counters[c], thread_index(t))[i.i];
        counter_pair_add(v, packets, bytes);
    } else {
        tally_add(&counter_simple(if_counters[c], thread_index(t))[i.i], packets);
    }
}

/* --- life --- */

void interface_tables(struct piste *p, void *state, module_table_fn *tell, void *arg)
{
    const struct interfaces *ifs = state;
    module_tell_hash(tell, arg, "interface names", &ifs->by_name);
}

int interface_init(struct piste *p, void **state, struct error *e)
{
    struct interfaces *ifs = mem_alloc(sizeof(*ifs));
    struct mem_page_size page = {.kind = MEM_PAGE_DEFAULT};
    int rc = mem_map_new(&ifs->data_map, "interface-data", (u64)IF_MAX * sizeof(struct if_data),
                         page, false, e);
    if (rc) {
        free(ifs);
        return rc;
    }
    if_data_base = ifs->data_map.base;
    ifs->stats_names = interface_stats_init(engine_of(p));
    hash_init(&ifs->by_name, IF_NAME_BYTES);
    hash_init(&ifs->by_original, IF_NAME_BYTES);
    const struct interface_settings *settings = module_settings(p, interface_module_name);
    ifs->default_mtu = settings->default_mtu;
    if (settings->has_rx_mode)
        rx_queue_set_default_mode(engine_of(p), settings->rx_mode);
    *state = ifs;
    return 0;
}

void interface_stop(struct piste *p, void *state)
{
    struct interfaces *ifs = state;
    for (u32 i = 0; i < ifs->by_index.n; i++)
        if (ifs->by_index.v[i]) {
            free(ifs->by_index.v[i]->output);
            free(ifs->by_index.v[i]->stats);
            free(ifs->by_index.v[i]);
        }
    vec_free(&ifs->by_index);
    vec_free(&ifs->listeners);
    vec_free(&ifs->reserved);
    vec_free(&ifs->users);
    for (u32 k = 0; k < IF_SHOW_N; k++)
        vec_free(&ifs->show_hooks[k]);
    hash_fini(&ifs->by_name);
    hash_fini(&ifs->by_original);
    mem_map_free(&ifs->data_map);
    free(ifs);
}
