/* Commands of punt sockets, and their lines of the running configuration; see punt_socket.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/out.h"
#include "base/text.h"
#include "net/ip/punt/punt_internal.h"
#include "net/ip/punt/punt_socket.h"
#include "net/packet/l4_packet.h"

/* Which packets a command is about. */
static int punt_socket_cli_key(const struct cli_call *c, struct punt_socket_key *k)
{
    const char *reason = cli_str(c, "reason", "");
    *k = (struct punt_socket_key){
        .family = cli_has(c, "ipv6") ? IP_FAMILY_6 : IP_FAMILY_4,
        .protocol = cli_has(c, "tcp") ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP,
    };
    if (cli_has(c, "reason")) {
        k->kind = PUNT_SOCKET_EXCEPTION;
        k->number = punt_reason_find(reason);
        if (!k->number)
            return error_set(c->err, ENOENT, "no punt reason %s", reason);
    } else if (cli_has(c, "protocol-num")) {
        k->kind = PUNT_SOCKET_PROTOCOL;
        k->number = (u32)cli_u64(c, "protocol-num", 0);
    } else {
        k->number = (u32)cli_u64(c, "port-num", PUNT_PORT_REST);
    }
    return 0;
}

static int punt_socket_cli_register(struct cli_call *c)
{
    struct punt_socket_key k;
    int rc = punt_socket_cli_key(c, &k);
    return rc ? rc : punt_socket_register(c->piste, &k, cli_str(c, "socket", ""), c->err);
}

static int punt_socket_cli_deregister(struct cli_call *c)
{
    struct punt_socket_key k;
    int rc = punt_socket_cli_key(c, &k);
    return rc ? rc : punt_socket_deregister(c->piste, &k, c->err);
}

/* As commands say it. */
static void punt_socket_key_words(const struct punt_socket_key *k, struct text *t)
{
    static const char *const families[IP_FAMILY_N] = {"ipv4", "ipv6"};
    if (k->kind == PUNT_SOCKET_EXCEPTION)
        text_add(t, "exception %s", punt_reason(k->number));
    else
        text_add(t, "%s %s %u", families[k->family],
                 k->kind == PUNT_SOCKET_PROTOCOL ? "protocol" : "udp", k->number);
}

/* --- show --- */

static void punt_socket_show_one(struct out *o, const struct punt_socket_key *k, const char *client)
{
    struct text t = {0};
    punt_socket_key_words(k, &t);
    out_object(o, NULL);
    out_str(o, "packets", text_str(&t), " %s");
    out_str(o, "socket", client, " socket %s\n");
    out_end(o);
    text_free(&t);
}

/* Whether a command is about that kind, or says none. */
static bool punt_socket_cli_shows(const struct cli_call *c, enum punt_socket_kind kind)
{
    static const char *const words[] = {
        [PUNT_SOCKET_L4] = "l4",
        [PUNT_SOCKET_PROTOCOL] = "ip-proto",
        [PUNT_SOCKET_EXCEPTION] = "exception",
    };
    bool any = false;
    for (u32 i = 0; i < array_len(words); i++)
        any |= cli_has(c, words[i]);
    return !any || cli_has(c, words[kind]);
}

static int punt_socket_cli_show(struct cli_call *c)
{
    struct punt_socket_key *k = cli_kept(c, sizeof(*k), NULL);
    const char *client;
    if (!c->again)
        out_array(c->out, "registrations");
    for (; k->kind <= PUNT_SOCKET_EXCEPTION; *k = (struct punt_socket_key){.kind = k->kind + 1})
        for (; punt_socket_cli_shows(c, k->kind) && (client = punt_socket_from(c->piste, k));
             k->number++) {
            if (cli_full(c))
                return CLI_MORE;
            punt_socket_show_one(c->out, k, client);
        }
    out_end(c->out);
    return 0;
}

/* --- who has exceptions --- */

/* The node that has them; NULL: they are answered by ICMP. A socket goes before `set punt'. */
static const char *punt_cli_node(const struct cli_call *c, const struct punt_sockets *s, u32 reason)
{
    if (s && s->by_reason[reason])
        return "punt-socket-exception";
    if (!punt_has_exception(module_state(c->piste, punt_module_name), reason))
        return NULL;
    return punt_exceptions_of(IP_FAMILY_4, 1u << reason) ? "ip4-punt" : "ip6-punt";
}

static int punt_cli_show_db(struct cli_call *c)
{
    const struct punt_sockets *s = module_state(c->piste, punt_socket_module_name);
    out_array(c->out, "reasons");
    for (u32 i = 1; punt_reason(i); i++) {
        const char *node = punt_cli_node(c, s, i);
        out_object(c->out, NULL);
        out_u64(c->out, "id", i, "[%" PRIu64 "] ");
        out_str(c->out, "name", punt_reason(i), "%s:");
        out_str(c->out, "node", node ? node : "", node ? " %s" : "");
        if (s && s->by_reason[i])
            out_str(c->out, "socket", s->client[s->by_reason[i] - 1].to.sun_path, " socket %s");
        out_text(c->out, "\n");
        out_end(c->out);
    }
    out_end(c->out);
    return 0;
}

/* wanted: its reasons, as bits. */
static void punt_cli_show_client(struct cli_call *c, const char *name, u32 wanted)
{
    if (!wanted)
        return;
    out_object(c->out, NULL);
    out_str(c->out, "client", name, "%s:");
    out_array(c->out, "reasons");
    for (u32 i = 1; punt_reason(i); i++)
        if (wanted >> i & 1)
            out_str(c->out, NULL, punt_reason(i), " %s");
    out_end(c->out);
    out_text(c->out, "\n");
    out_end(c->out);
}

static u32 punt_cli_client_reasons(const struct punt_sockets *s, u32 client)
{
    u32 wanted = 0;
    for (u32 i = 1; i <= PUNT_REASONS; i++)
        if (s->by_reason[i] == client + 1)
            wanted |= 1u << i;
    return wanted;
}

static int punt_cli_show_clients(struct cli_call *c)
{
    const struct punt *rest = module_state(c->piste, punt_module_name);
    const struct punt_sockets *s = module_state(c->piste, punt_socket_module_name);
    out_array(c->out, "clients");
    punt_cli_show_client(c, "punt", rest->exceptions);
    for (u32 i = 0; s && i < PUNT_CLIENTS_MAX; i++)
        punt_cli_show_client(c, s->client[i].to.sun_path, punt_cli_client_reasons(s, i));
    out_end(c->out);
    return 0;
}

#define PUNT_SOCKET_PACKETS                                                                        \
    "[ipv4|ipv6] ( protocol <protocol-num:u8> | [udp|tcp] ( all | <port-num:u16> ) )"

const struct cli_command punt_socket_commands[] = {
    {"punt socket register " PUNT_SOCKET_PACKETS " socket <socket:file>",
     "Gives what is for this switch and nobody takes, of a UDP port or an IP protocol, to the "
     "program whose Unix socket is there",
     punt_socket_cli_register, 0},
    {"punt socket register exception <reason:string> socket <socket:file>",
     "Gives what an ICMP error would be the answer to: `show punt reasons`",
     punt_socket_cli_register, 0},
    {"punt socket deregister " PUNT_SOCKET_PACKETS, "Takes back what `punt socket register' said",
     punt_socket_cli_deregister, 0},
    {"punt socket deregister exception <reason:string>",
     "Takes back what `punt socket register exception' said", punt_socket_cli_deregister, 0},
    {"show punt socket registrations [l4|ip-proto|exception]",
     "Which packets are given to which sockets", punt_socket_cli_show, 0},
    {"show punt client", "Who has exceptions: `set punt', and sockets", punt_cli_show_clients, 0},
    {"show punt db", "Who has the exceptions of each reason", punt_cli_show_db, 0},
    {0},
};

/* --- running config --- */

void punt_socket_running_config(struct piste *p, void *state, enum rc_phase phase, struct text *t)
{
    const char *client;
    for (u32 i = 0; phase == RC_GLOBAL && i <= PUNT_SOCKET_EXCEPTION; i++)
        for (struct punt_socket_key k = {.kind = (enum punt_socket_kind)i};
             (client = punt_socket_from(p, &k)); k.number++) {
            text_add(t, "punt socket register ");
            punt_socket_key_words(&k, t);
            text_add(t, " socket %s\n", client);
        }
}
