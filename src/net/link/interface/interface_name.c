/* Names of interfaces: whose they are, which are taken, new ones. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/cli.h"
#include "engine/node.h"
#include "net/link/interface/interface_internal.h"

void interface_name_key(char key[IF_NAME_BYTES], const char *name)
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
    interface_name_key(key, name);
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

void interface_reserve_names(struct piste *p, const char *const *words)
{
    vec_add(&interfaces_of(p)->reserved, words);
}

/* Whether commands would take it for something else. */
static bool interface_name_is_reserved(const struct interfaces *ifs, const char *name)
{
    u8 address[16];
    for (u32 k = 0; k < ifs->reserved.n; k++)
        for (const char *const *word = ifs->reserved.v[k]; *word; word++)
            if (!strcmp(*word, name))
                return true;
    return cli_asks_for_help(name) || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1;
}

int interface_check_name(const struct piste *p, const char *name, struct error *e)
{
    static const char *const node[] = {"output", "tx"};
    char node_name[IF_NAME_BYTES + 8];
    struct node_index other;
    if (!*name || strlen(name) >= IF_NAME_BYTES)
        return error_set(e, EINVAL, "interface names have 1 to %d characters", IF_NAME_BYTES - 1);
    if (!cli_is_plain_word(name) || interface_name_is_reserved(interfaces_of(p), name))
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
        if (interface_check_name(p, new, NULL))
            continue;
        interface_name_key(key, sub->name);
        hash_del(&ifs->by_name, key);
        interface_name_key(key, new);
        memcpy(sub->name, key, sizeof(sub->name));
        hash_set(&ifs->by_name, key, sub->index.i);
        interface_stats_rename(engine_of(p), &ifs->stats_names, sub);
        rename_nodes(p, sub);
    }
}

int interface_rename(struct piste *p, struct if_index i, const char *name, struct error *e)
{
    struct interfaces *ifs = interfaces_of(p);
    struct interface *f = interface_must_find(p, i, e);
    char key[IF_NAME_BYTES];
    int rc = f ? interface_check_name(p, name, e) : -ENOENT;
    if (rc)
        return rc;
    interface_name_key(key, f->name);
    hash_del(&ifs->by_name, key);
    if (!f->original_name[0] && !f->super) {
        memcpy(f->original_name, f->name, sizeof(f->original_name));
        hash_set(&ifs->by_original, f->original_name, f->index.i);
    }
    rename_subs(p, f, name);
    interface_name_key(key, name);
    memcpy(f->name, key, sizeof(f->name));
    hash_set(&ifs->by_name, key, f->index.i);
    interface_stats_rename(engine_of(p), &ifs->stats_names, f);
    rename_nodes(p, f);
    return 0;
}

void interface_made_as(struct piste *p, struct if_index i, const char *name)
{
    struct interface *f = interface_at(p, i);
    interface_name_key(f->original_name, strcmp(f->name, name) != 0 ? name : "");
}
