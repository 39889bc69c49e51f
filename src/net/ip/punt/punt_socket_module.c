/* The records of punt sockets and their part of the binary API. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/need.h"
#include "base/text.h"
#include "control/config.h"
#include "engine/thread.h"
#include "engine/trace.h"
#include "net/ip/punt/punt_socket.h"

NODE_DECLARE(ip4_udp_punt_socket);
NODE_DECLARE(ip6_udp_punt_socket);
NODE_DECLARE(ip4_proto_punt_socket);
NODE_DECLARE(ip6_proto_punt_socket);
NODE_DECLARE(exception_punt_socket);
NODE_DECLARE_INPUT(punt_socket_rx);

/* --- nodes --- */

static const struct node_error errors[PUNT_SOCKET_ERR_N] = {
    [PUNT_SOCKET_ERR_NONE] = {"none", "no error", SEVERITY_INFO},
    [PUNT_SOCKET_ERR_UDP_PORT] = {"udp_port", "udp port punt", SEVERITY_INFO},
    [PUNT_SOCKET_ERR_RX] = {"socket_rx", "Socket RX", SEVERITY_INFO},
    [PUNT_SOCKET_ERR_TX] = {"socket_tx", "Socket TX", SEVERITY_INFO},
    [PUNT_SOCKET_ERR_RX_ERROR] = {"socket_rx_error", "Socket RX error", SEVERITY_ERROR},
    [PUNT_SOCKET_ERR_TX_ERROR] = {"socket_tx_error", "Socket TX error", SEVERITY_ERROR},
    [PUNT_SOCKET_ERR_NO_BUFFERS] = {"nobuffer", "buffer allocation failure", SEVERITY_ERROR},
    [PUNT_SOCKET_ERR_READ] = {"readv", "socket read failure", SEVERITY_ERROR},
    [PUNT_SOCKET_ERR_ACTION] = {"action", "invalid packet descriptor", SEVERITY_ERROR},
};

static void punt_socket_format_tx(struct piste *p, const struct trace_record *r, struct text *out)
{
    const struct punt_sockets *s = module_state(p, punt_socket_module_name);
    struct punt_socket_trace note;
    memcpy(&note, r->extra, sizeof(note));
    bool known = note.client < PUNT_CLIENTS_MAX && s->client[note.client].users;
    text_add(out, "to: %s\n  sw_if_index %u", known ? s->client[note.client].to.sun_path : "nobody",
             note.packet.sw_if_index);
}

static void punt_socket_format_rx(struct piste *p, const struct trace_record *r, struct text *out)
{
    struct punt_socket_trace note;
    memcpy(&note, r->extra, sizeof(note));
    text_add(out, "sw_if_index %u action %u", note.packet.sw_if_index, note.packet.action);
}

#define PUNT_SOCKET_NODE(text_name, c_name)                                                        \
    {                                                                                              \
        .name = text_name, .run = NODE_VARIANTS(c_name), .next = {"error-drop"}, .n_next = 1,      \
        .errors = errors, .n_errors = PUNT_SOCKET_ERR_N, .format_trace = punt_socket_format_tx,    \
    }

static const struct node_def node_udp4 =
    PUNT_SOCKET_NODE("ip4-udp-punt-socket", ip4_udp_punt_socket);
static const struct node_def node_udp6 =
    PUNT_SOCKET_NODE("ip6-udp-punt-socket", ip6_udp_punt_socket);
static const struct node_def node_proto4 =
    PUNT_SOCKET_NODE("ip4-proto-punt-socket", ip4_proto_punt_socket);
static const struct node_def node_proto6 =
    PUNT_SOCKET_NODE("ip6-proto-punt-socket", ip6_proto_punt_socket);
static const struct node_def node_exception =
    PUNT_SOCKET_NODE("exception-punt-socket", exception_punt_socket);

static const struct node_def node_rx = {
    .name = "punt-socket-rx",
    .kind = NODE_INPUT,
    .input = NODE_VARIANTS(punt_socket_rx),
    .next = {[PUNT_SOCKET_RX_NEXT_DROP] = "error-drop",
             [PUNT_SOCKET_RX_NEXT_IP4] = "ip4-lookup",
             [PUNT_SOCKET_RX_NEXT_IP6] = "ip6-lookup"},
    .n_next = 3,
    .errors = errors,
    .n_errors = PUNT_SOCKET_ERR_N,
    .format_trace = punt_socket_format_rx,
};

/* --- startup.conf --- */

static int punt_socket_set_path(struct cli_call *c)
{
    struct punt_socket_settings *s = module_settings(c->piste, punt_socket_module_name);
    const char *path = cli_str(c, "path", "");
    if (*path != '/' || strlen(path) >= sizeof(s->path))
        return error_set(c->err, EINVAL, "`%s' is no path of a socket", path);
    strcpy(s->path, path);
    return 0;
}

static const struct config_key punt_keys[] = {
    {"socket <path:file>", "where programs that have punt sockets send; none unless it is said",
     punt_socket_set_path},
    {NULL, NULL, NULL},
};
static const struct config_section sections[] = {{"punt", punt_keys}, {NULL, NULL}};
static const struct punt_socket_settings default_settings;

static const struct need system_needs[] = {
    NEEDS_SOCKET(AF_UNIX, "punt sockets"),
    NEEDS_CALL(sendmsg, "punt sockets"),
    NEEDS_CALL(recvmsg, "punt sockets"),
    {0},
};

static void punt_socket_register_nodes(struct engine *e, struct punt_sockets *s)
{
    s->node_udp[IP_FAMILY_4] = node_register(e, &node_udp4, NULL, s);
    s->node_udp[IP_FAMILY_6] = node_register(e, &node_udp6, NULL, s);
    s->node_proto[IP_FAMILY_4] = node_register(e, &node_proto4, NULL, s);
    s->node_proto[IP_FAMILY_6] = node_register(e, &node_proto6, NULL, s);
    s->node_exception = node_register(e, &node_exception, NULL, s);
    s->rx.node = node_register(e, &node_rx, NULL, s);
}

static int punt_socket_init(struct piste *p, void **state, struct error *e)
{
    const struct punt_socket_settings *said = module_settings(p, punt_socket_module_name);
    struct punt_sockets *s = mem_alloc(sizeof(*s));
    strcpy(s->path, said->path);
    s->small = s->large = BUFFER_NONE;
    s->rx = (struct rx_queue){.interface = IF_NONE, .fd = -1, .port = s, .mode = RX_MODE_INTERRUPT};
    punt_socket_register_nodes(engine_of(p), s);
    int rc = *s->path ? punt_socket_open(p, s, e) : 0;
    if (rc)
        free(s);
    else
        *state = s;
    return rc;
}

const struct module punt_socket_module = {
    .abi = MODULE_ABI,
    .name = punt_socket_module_name,
    .description = "Packets that are given to programs by Unix sockets, and back",
    .needs = (const char *const[]){"interface", "ip4-local", "ip6-local", "icmp4", "icmp6", "punt",
                                   NULL},
    .commands = punt_socket_commands,
    .config = sections,
    .settings = &default_settings,
    .settings_bytes = sizeof(default_settings),
    .system = system_needs,
    .init = punt_socket_init,
    .stop = punt_socket_stop,
    .running_config = punt_socket_running_config,
};

const struct module punt_socket_api_module = {
    .abi = MODULE_ABI,
    .name = "punt_socket_api",
    .description = "Binary API of punt sockets",
    .needs = (const char *const[]){"api", punt_socket_module_name, NULL},
    .api = punt_socket_api,
};
