/* Commands of MACIP lists, and their lines in the running configuration. Words and layouts are
 * VPP's. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/link/interface/interface.h"
#include "net/packet/ethernet_format.h"
#include "plugins/acl/acl_internal.h"
#include "plugins/acl/acl_macip.h"

static int macip_unknown(const char *text, struct error *e)
{
    return error_set(e, EINVAL, "unknown input `%.200s'", text + strspn(text, ACL_BLANKS));
}

/* Six bytes in hex with colons between. */
static int macip_take_mac(const char **text, u8 out[6], struct error *e)
{
    const char *p = *text + strspn(*text, ACL_BLANKS);
    unsigned x[6];
    int used = 0;
    if (sscanf(p, "%2x:%2x:%2x:%2x:%2x:%2x%n", &x[0], &x[1], &x[2], &x[3], &x[4], &x[5], &used) !=
            6 ||
        !used || !strchr(ACL_BLANKS ",", p[used]))
        return macip_unknown(*text, e);
    for (u32 i = 0; i < 6; i++)
        out[i] = (u8)x[i];
    *text = p + used;
    return 0;
}

/* A word of a rule, and its value. 1: it is none of a rule's words. */
static int macip_take_part(const char **text, struct acl_macip_rule *r, bool *action,
                           struct error *e)
{
    u32 number = ACL_DENY;
    bool permit = acl_rule_take(text, "permit");
    if (permit || acl_rule_take(text, "deny")) {
        r->action = permit;
        *action = true;
        return 0;
    }
    if (acl_rule_take(text, "action")) {
        *action = true;
        int rc = acl_rule_take_number(text, ACL_PERMIT, &number, e);
        r->action = (u8)number;
        return rc;
    }
    if (acl_rule_take(text, "ip"))
        return acl_rule_take_prefix(text, &r->src, e);
    if (acl_rule_take(text, "mac"))
        return macip_take_mac(text, r->mac, e);
    return acl_rule_take(text, "mask") ? macip_take_mac(text, r->mac_mask, e) : 1;
}

struct macip_rules {
    struct acl_macip_rule *v;
    u32 n, cap;
};

static int macip_take_rules(const char **text, struct macip_rules *out, struct error *e)
{
    struct acl_macip_rule r = {{{{{0}}}}};
    bool action = false;
    for (;;) {
        int rc = macip_take_part(text, &r, &action, e);
        if (rc < 0)
            return rc;
        if (!rc)
            continue;
        if (!action)
            return macip_unknown(*text, e);
        vec_add(out, r);
        if (!acl_rule_take(text, ","))
            return 0;
        r = (struct acl_macip_rule){{{{{0}}}}};
        action = false;
    }
}

int acl_macip_set_command(struct cli_call *c)
{
    const char *text = cli_str(c, "rules", "");
    char tag[ACL_TAG_BYTES] = "cli";
    struct macip_rules rules = {0};
    u32 index = ACL_NONE;
    int rc = acl_cli_take_head(&text, &index, c->err);
    if (!rc && !acl_rule_is_next(text, "tag")) /* a list may have no rules, by messages */
        rc = macip_take_rules(&text, &rules, c->err);
    if (!rc)
        rc = acl_cli_take_end(&text, tag, c->err);
    if (rc) {
        free(rules.v);
        return rc;
    }
    rc = acl_macip_set(c->piste, &index, true, tag, rules.v, rules.n, c->err);
    if (!rc)
        out_u64(c->out, "acl_index", index, "ACL index:%" PRIu64 "\n");
    return rc;
}

int acl_macip_delete_command(struct cli_call *c)
{
    u32 index = (u32)cli_u64(c, "index", 0);
    int rc = acl_macip_delete(c->piste, index, c->err);
    if (rc) {
        error_prefix(c->err, "failed");
        return rc;
    }
    out_u64(c->out, "acl_index", index, "Deleted ACL index:%" PRIu64 "\n");
    return 0;
}

int acl_macip_interface_command(struct cli_call *c)
{
    const struct interface *f = cli_interface(c, "interface");
    u32 index = (u32)cli_u64(c, "index", 0);
    if (!cli_has(c, "del"))
        return acl_macip_bind(c->piste, f->index, index, c->err);
    if (acl_macip_of(f->index) != index)
        return error_set(c->err, ESRCH, "%s has no MACIP ACL %u", f->name, index);
    return acl_macip_bind(c->piste, f->index, ACL_NONE, c->err);
}

/* --- show --- */

static void macip_write_mac(struct text *t, const char *word, const u8 mac[6])
{
    text_add(t, " %s ", word);
    ethernet_format_mac(t, mac);
}

static void macip_show_list(struct out *o, const struct acl_macip *l)
{
    out_object(o, NULL);
    out_u64(o, "acl_index", l->index, "MACIP acl_index: %" PRIu64);
    out_u64(o, "count", l->n_rules, ", count: %" PRIu64);
    out_text(o, " (true len %u)", l->n_rules);
    out_str(o, "tag", l->tag, " tag {%s} is free pool slot: 0\n");
    out_text(o, "  ip4_table_index -1, ip6_table_index -1, l2_table_index -1\n");
    out_text(o, "  out_ip4_table_index -1, out_ip6_table_index -1, out_l2_table_index -1\n");
    out_array(o, "rules");
    for (u32 i = 0; i < l->n_rules; i++) {
        const struct acl_macip_rule *r = &l->rules[i];
        char prefix[IP_PREFIX_TEXT_BYTES];
        struct text t = {0};
        text_add(&t, "%s action %u ip %s", r->src.family == IP_FAMILY_6 ? "ipv6" : "ipv4",
                 r->action, ip_prefix_text(&r->src, prefix));
        macip_write_mac(&t, "mac", r->mac);
        macip_write_mac(&t, "mask", r->mac_mask);
        out_text(o, "    rule %u: ", i);
        out_str(o, NULL, text_str(&t), out_format(o) == OUT_TEXT ? "%s\n" : NULL);
        text_free(&t);
    }
    out_end(o);
    out_end(o);
}

int acl_macip_show_lists(struct cli_call *c)
{
    u32 only = (u32)cli_u64(c, "index", ACL_NONE), *next = cli_kept(c, sizeof(*next), NULL);
    if (!c->again)
        out_array(c->out, "macip_acls");
    for (u32 i; (i = acl_macip_next(c->piste, *next)) != ACL_NONE; *next = i + 1) {
        if (cli_full(c))
            return CLI_MORE;
        if (only == ACL_NONE || i == only)
            macip_show_list(c->out, acl_macip_at(c->piste, i));
    }
    out_end(c->out);
    return 0;
}

int acl_macip_show_interfaces(struct cli_call *c)
{
    const struct interface *f;
    out_array(c->out, "interfaces");
    for (u32 i = 0; (f = interface_next(c->piste, i)); i = f->index.i + 1) {
        if (acl_macip_of(f->index) == ACL_NONE)
            continue;
        out_object(c->out, NULL);
        out_u64(c->out, "sw_if_index", f->index.i, "  sw_if_index %" PRIu64);
        out_u64(c->out, "acl_index", acl_macip_of(f->index), ": %" PRIu64 "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* --- running config --- */

void acl_macip_write(struct piste *p, struct text *t)
{
    for (u32 i = 0; (i = acl_macip_next(p, i)) != ACL_NONE; i++) {
        const struct acl_macip *l = acl_macip_at(p, i);
        text_add(t, "set acl-plugin macip acl index %u ", i);
        for (u32 k = 0; k < l->n_rules; k++) {
            char prefix[IP_PREFIX_TEXT_BYTES];
            text_add(t, "%s%s ip %s", k ? ", " : "", l->rules[k].action ? "permit" : "deny",
                     ip_prefix_text(&l->rules[k].src, prefix));
            macip_write_mac(t, "mac", l->rules[k].mac);
            macip_write_mac(t, "mask", l->rules[k].mac_mask);
        }
        text_puts(t, " tag ");
        cli_add_braced(t, l->tag);
        text_putc(t, '\n');
    }
}

void acl_macip_write_interface(const struct interface *f, struct text *t)
{
    if (acl_macip_of(f->index) != ACL_NONE)
        text_add(t, "set acl-plugin macip interface %s acl %u\n", f->name, acl_macip_of(f->index));
}
