/* The codec in both directions, and the server over a socket pair: what a client sends by hand and
 * what comes back, byte by byte. */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api_interface.h"
#include "api/api_ip.h"
#include "api/api_memclnt.h"
#include "api/api_vlib.h"
#include "base/byteorder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "control/api_internal.h"
#include "control/loop.h"
#include "control/module.h"

/* --- codec --- */

static void test_fixed(void **state)
{
    /* interface 1, add 192.0.2.1/24 */
    static const u8 wire[] = {0x80, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 0, 192,
                              0,    2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24};
    const struct api_type *type = api_message_sw_interface_add_del_address.type;
    struct api_sw_interface_add_del_address m;
    struct api_arena arena = {0};
    struct api_bytes b = {0};
    assert_int_equal(type->least_wire_bytes, sizeof(wire));
    assert_int_equal(api_decode(type, wire, sizeof(wire), &m, &arena), sizeof(wire));
    assert_int_equal(m.client_index, 0x80000001);
    assert_int_equal(m.context, 9);
    assert_int_equal(m.sw_if_index, 1);
    assert_int_equal(m.is_add, 1);
    assert_int_equal(m.del_all, 0);
    assert_int_equal(m.prefix.address.un[0], 192);
    assert_int_equal(m.prefix.len, 24);
    api_encode(type, &m, &b);
    assert_int_equal(b.n, sizeof(wire));
    assert_memory_equal(b.v, wire, sizeof(wire));
    for (size_t n = 0; n < sizeof(wire); n++)
        assert_int_equal(api_decode(type, wire, n, &m, &arena), -EMSGSIZE);
    api_bytes_free(&b);
    api_arena_free(&arena);
}

static void test_rest_string(void **state)
{
    static const u8 wire[] = {0x80, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 3, 'f', 'o', 'o'};
    struct api_cli_inband m;
    struct api_arena arena = {0};
    struct api_bytes b = {0};
    const struct api_type *type = api_message_cli_inband.type;
    assert_int_equal(api_decode(type, wire, sizeof(wire), &m, &arena), sizeof(wire));
    assert_int_equal(m.cmd_bytes, 3);
    assert_string_equal(m.cmd, "foo");
    api_encode(type, &m, &b);
    assert_int_equal(b.n, sizeof(wire));
    assert_memory_equal(b.v, wire, sizeof(wire));
    assert_int_equal(api_decode(type, wire, sizeof(wire) - 1, &m, &arena), -EMSGSIZE);
    api_bytes_free(&b);
    api_arena_free(&arena);
}

static void test_counted(void **state)
{
    struct api_type_fib_path paths[3] = {0};
    struct api_ip_route_add_del m = {.client_index = 1, .context = 2, .is_add = 1}, back;
    struct api_arena arena = {0};
    struct api_bytes b = {0};
    const struct api_type *type = api_message_ip_route_add_del.type;
    for (u32 i = 0; i < 3; i++) {
        paths[i].sw_if_index = 7 + i;
        paths[i].weight = (u8)(1 + i);
    }
    m.route.n_paths = 3;
    m.route.paths = paths;
    api_encode(type, &m, &b);
    assert_int_equal(b.n, type->least_wire_bytes + 3 * api_type_fib_path.least_wire_bytes);
    assert_int_equal(api_decode(type, b.v, b.n, &back, &arena), b.n);
    assert_int_equal(back.route.n_paths, 3);
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(back.route.paths[i].sw_if_index, 7 + i);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(api_decode(type, b.v, n, &back, &arena), -EMSGSIZE);
    /* more paths than there are bytes for */
    m.route.n_paths = 0;
    b.n = 0;
    api_encode(type, &m, &b);
    b.v[b.n - 1] = 255;
    api_arena_free(&arena);
    assert_int_equal(api_decode(type, b.v, b.n, &back, &arena), -EMSGSIZE);
    assert_null(arena.chunks);
    api_bytes_free(&b);
    api_arena_free(&arena);
}

static void test_f64_is_native(void **state)
{
    struct api_get_f64_endian_value m = {.f64_one = 1.0};
    struct api_bytes b = {0};
    double back;
    api_encode(api_message_get_f64_endian_value.type, &m, &b);
    assert_int_equal(b.n, 16);
    memcpy(&back, b.v + 8, 8);
    assert_true(back == 1.0);
    api_bytes_free(&b);
}

static void test_strings_end(void **state)
{
    u8 wire[68];
    struct api_sockclnt_create m;
    struct api_arena arena = {0};
    struct api_bytes b = {0};
    memset(wire, 'x', sizeof(wire));
    assert_int_equal(api_decode(api_message_sockclnt_create.type, wire, sizeof(wire), &m, &arena),
                     sizeof(wire));
    assert_int_equal(strlen(m.name), 63);
    strcpy(m.name, "t");
    api_encode(api_message_sockclnt_create.type, &m, &b);
    for (size_t i = 5; i < b.n; i++)
        assert_int_equal(b.v[i], 0);
    api_bytes_free(&b);
    api_arena_free(&arena);
}

/* --- JSON --- */

static int in(const struct api_message *m, const char *text, void *s, struct api_arena *arena)
{
    struct error e;
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    int rc = api_in(j, m->type, s, arena, &e);
    json_decref(j);
    return rc;
}

static void test_json_and_back(void **state)
{
    struct api_type_fib_path paths[2] = {{.sw_if_index = 7}, {.sw_if_index = ~0u, .weight = 255}};
    struct api_ip_route_add_del m = {.is_add = 1, .route = {.n_paths = 2, .paths = paths}}, back;
    const struct api_type *type = api_message_ip_route_add_del.type;
    struct api_arena arena = {0};
    struct api_bytes first = {0}, second = {0};
    struct out *o = out_new(OUT_JSON);
    api_out(o, type, &m);
    char *text = out_take(o);
    assert_int_equal(in(&api_message_ip_route_add_del, text, &back, &arena), 0);
    api_encode(type, &m, &first);
    api_encode(type, &back, &second);
    assert_int_equal(first.n, second.n);
    assert_memory_equal(first.v, second.v, first.n);
    free(text);
    out_free(o);
    api_bytes_free(&first);
    api_bytes_free(&second);
    api_arena_free(&arena);
}

/* How many there are says the array, whatever the count says. */
static void test_json_counts(void **state)
{
    struct api_ip_route_add_del m;
    struct api_arena arena = {0};
    const struct api_message *message = &api_message_ip_route_add_del;
    assert_int_equal(in(message, "{\"route\": {\"n_paths\": 255}}", &m, &arena), 0);
    assert_int_equal(m.route.n_paths, 0);
    assert_int_equal(in(message, "{\"route\": {\"n_paths\": 0, \"paths\": [{}, {}]}}", &m, &arena),
                     0);
    assert_int_equal(m.route.n_paths, 2);
    struct text many = {0};
    text_puts(&many, "{\"route\": {\"paths\": [{}");
    for (int i = 1; i < 256; i++)
        text_puts(&many, ",{}");
    text_puts(&many, "]}}");
    assert_int_equal(in(message, text_str(&many), &m, &arena), -EINVAL);
    text_free(&many);
    api_arena_free(&arena);
}

static void test_json_values(void **state)
{
    struct api_sockclnt_create create;
    struct api_want_interface_events want;
    struct api_arena arena = {0};
    struct text name = {0};
    text_puts(&name, "{\"name\": \"");
    text_repeat(&name, 'x', 63);
    text_puts(&name, "\"}");
    assert_int_equal(in(&api_message_sockclnt_create, text_str(&name), &create, &arena), 0);
    assert_int_equal(strlen(create.name), 63);
    name.len -= 2;
    text_puts(&name, "x\"}");
    assert_int_equal(in(&api_message_sockclnt_create, text_str(&name), &create, &arena), -EINVAL);
    static const struct {
        const char *text;
        int rc;
        u32 value;
    } cases[] = {
        {"{\"pid\": 4294967295}", 0, ~0u},     {"{\"pid\": -1}", 0, ~0u},
        {"{\"pid\": 4294967296}", -EINVAL, 0}, {"{\"pid\": -2147483649}", -EINVAL, 0},
        {"{\"pid\": 1.5}", -EINVAL, 0},        {"{\"pid\": \"1\"}", -EINVAL, 0},
        {"{\"pid\": null}", -EINVAL, 0},       {"{\"pidd\": 1}", -EINVAL, 0},
        {"{\"_msgname\": 1}", 0, 0},           {"[]", -EINVAL, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        int rc = in(&api_message_want_interface_events, cases[i].text, &want, &arena);
        assert_int_equal(rc, cases[i].rc);
        if (!rc)
            assert_int_equal(want.pid, cases[i].value);
    }
    text_free(&name);
    api_arena_free(&arena);
}

/* --- server --- */

struct peer {
    struct piste p;
    int fd;
    u8 in[8 << 10];
    size_t n;
};

static struct api_call *waiting;
static unsigned cancelled;

static void on_cancel(void *arg)
{
    cancelled++;
    waiting = NULL;
}

/* stands for a message that takes time */
static void slow(struct api_call *c)
{
    waiting = api_pend(c, on_cancel, NULL);
}

static bool send_some(struct api_call *c, void *state)
{
    u32 *left = state;
    while (*left && api_room(c)) {
        struct api_log_like {
            u32 context;
        };
        api_reply_retval(c, (i32)*left);
        --*left;
    }
    return *left > 0;
}

/* stands for a dump of many */
static void many(struct api_call *c)
{
    u32 *left = mem_alloc(sizeof(*left));
    *left = 100000;
    api_continue(c, send_some, free, left);
}

static struct api_events wanted;

static void want(struct api_call *c)
{
    const struct api_want_interface_events *m = c->msg;
    api_reply_retval(c, api_events_want(c, &wanted, m->enable_disable, m->pid, NULL, 0));
}

static void cause_event(struct api_call *c)
{
    struct api_sw_interface_event ev = {.sw_if_index = 3, .flags = 1};
    api_events_send(c->piste, &wanted, &api_message_sw_interface_event, &ev, NULL, NULL);
    api_reply_retval(c, 0);
}

static bool work_may_end;

/* Takes the turn of a round. */
static bool piece_of_work(void *arg)
{
    for (u64 end_ns = clock_ns() + 3 * NS_PER_MSEC; clock_ns() < end_ns;)
        ;
    return !work_may_end;
}

/* stands for a change that leaves work */
static void leave_work(struct api_call *c)
{
    loop_work_add(c->piste->loop, piece_of_work, NULL);
    api_reply_retval(c, 0);
}

static const struct api_handler test_handlers[] = {
    {&api_message_get_node_index, slow},
    {&api_message_sw_interface_set_mtu, many},
    {&api_message_want_interface_events, want},
    {&api_message_sw_interface_set_flags, cause_event},
    {&api_message_sw_interface_set_promisc, leave_work},
    {0},
};
static const struct module test_module = {
    .abi = MODULE_ABI, .name = "test", .description = "test", .api = test_handlers};

static int setup(void **state)
{
    struct peer *x = mem_alloc(sizeof(*x));
    struct error e = {0};
    int pair[2];
    x->p.loop = loop_new(&e);
    x->p.cli = cli_new(&x->p);
    x->p.modules = modules_new(&x->p);
    assert_int_equal(modules_add(x->p.modules, &api_module, NULL, &e), 0);
    assert_int_equal(modules_add(x->p.modules, &test_module, NULL, &e), 0);
    assert_int_equal(modules_init(x->p.modules, &e), 0);
    assert_int_equal(api_start(&x->p, &e), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_non_null(api_client_new(&x->p, pair[0], &e));
    x->fd = pair[1];
    waiting = NULL;
    cancelled = 0;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct peer *x = *state;
    close(x->fd);
    for (int i = 0; i < 3; i++)
        loop_once(x->p.loop, 0);
    modules_stop(x->p.modules);
    modules_free(x->p.modules);
    cli_free(x->p.cli);
    loop_free(x->p.loop);
    free(x);
    return 0;
}

static void rounds(struct peer *x, int n)
{
    while (n--)
        loop_once(x->p.loop, 0);
}

static void send_message(struct peer *x, const u8 *body, u32 n)
{
    u8 frame[4096] = {0};
    put_be32(frame + 8, n);
    memcpy(frame + 16, body, n);
    assert_int_equal(send(x->fd, frame, 16 + n, 0), 16 + n);
    rounds(x, 3);
}

static void request(struct peer *x, const struct api_message *m, u32 context, const u8 *rest, u32 n)
{
    u8 body[1024];
    put_be16(body, api_message_id(api_server_of(&x->p), m));
    put_be32(body + 2, 0x80000001);
    put_be32(body + 6, context);
    if (n)
        memcpy(body + 10, rest, n);
    send_message(x, body, 10 + n);
}

/* Body of the next message, or NULL. */
static const u8 *answer(struct peer *x, u32 *n)
{
    static u8 body[1 << 16];
    ssize_t got = recv(x->fd, x->in + x->n, sizeof(x->in) - x->n, MSG_DONTWAIT);
    x->n += got > 0 ? (size_t)got : 0;
    if (x->n < 16 || x->n < 16 + (size_t)get_be32(x->in + 8))
        return NULL;
    *n = get_be32(x->in + 8);
    memcpy(body, x->in + 16, *n);
    x->n -= 16 + *n;
    memmove(x->in, x->in + 16 + *n, x->n);
    return body;
}

static void hello(struct peer *x)
{
    u8 body[70] = {0, 15, 0, 0, 0, 124, 't'};
    static const u8 start[] = {0, 16, 0, 0, 0, 0, 0, 0, 0, 124, 0, 0, 0, 0, 0x80, 0, 0, 1};
    u32 n;
    send_message(x, body, sizeof(body));
    const u8 *a = answer(x, &n);
    assert_non_null(a);
    assert_memory_equal(a, start, sizeof(start));
    u32 count = get_be16(a + 18);
    assert_int_equal(n, 20 + 66 * count);
    bool found = false;
    for (u32 i = 0; i < count; i++)
        if (!strcmp((const char *)a + 22 + 66 * i, "control_ping_51077d14"))
            found = get_be16(a + 20 + 66 * i) == 23;
    assert_true(found);
}

static void test_handshake_and_ping(void **state)
{
    struct peer *x = *state;
    static const u8 ping[] = {0, 23, 0x80, 0, 0, 1, 0, 0, 0, 7};
    static const u8 pong[] = {0, 24, 0, 0, 0, 7, 0, 0, 0, 0};
    u32 n;
    hello(x);
    send_message(x, ping, sizeof(ping));
    const u8 *a = answer(x, &n);
    assert_non_null(a);
    assert_int_equal(n, 18);
    assert_memory_equal(a, pong, sizeof(pong));
    assert_int_equal(get_be32(a + 14), getpid());
}

static void test_what_is_wrong_is_ignored(void **state)
{
    struct peer *x = *state;
    static const u8 unknown[] = {0x7f, 1, 0x80, 0, 0, 1, 0, 0, 0, 7};
    static const u8 reply[] = {0, 24, 0, 0, 0, 7, 0, 0, 0, 0};
    static const u8 other[] = {0, 23, 0x80, 0, 0, 2, 0, 0, 0, 7};
    static const u8 brief[] = {0, 23, 0x80, 0, 0, 1, 0, 0, 0};
    u32 n;
    hello(x);
    send_message(x, unknown, sizeof(unknown));
    send_message(x, reply, sizeof(reply));
    send_message(x, other, sizeof(other));
    send_message(x, brief, sizeof(brief));
    send_message(x, brief, 1);
    assert_null(answer(x, &n));
    request(x, &api_message_control_ping, 1, NULL, 0);
    assert_non_null(answer(x, &n));
}

static void test_pending_holds_up_its_client(void **state)
{
    struct peer *x = *state;
    u8 name[64] = "ip4-input";
    u32 n;
    hello(x);
    request(x, &api_message_get_node_index, 5, name, sizeof(name));
    request(x, &api_message_control_ping, 6, NULL, 0);
    assert_null(answer(x, &n));
    assert_non_null(waiting);
    api_reply_retval(waiting, -6);
    api_done(waiting);
    rounds(x, 3);
    const u8 *a = answer(x, &n);
    assert_non_null(a);
    assert_int_equal(n, 14); /* with the node index, zero */
    assert_int_equal(get_be32(a + 2), 5);
    assert_int_equal((i32)get_be32(a + 6), -6);
    a = answer(x, &n);
    assert_non_null(a);
    assert_int_equal(get_be32(a + 2), 6);
}

/* Whoever left work hears of it when it is done, also at its end; nobody else waits. */
static void test_answers_wait_for_work(void **state)
{
    struct peer *x = *state;
    static const u8 rest[5];
    u32 n;
    hello(x);
    work_may_end = false;
    request(x, &api_message_sw_interface_set_promisc, 5, rest, sizeof(rest));
    request(x, &api_message_control_ping, 6, NULL, 0);
    assert_true(loop_has_work(x->p.loop));
    assert_null(answer(x, &n));
    work_may_end = true;
    rounds(x, 3);
    for (u32 context = 5; context <= 6; context++) {
        const u8 *a = answer(x, &n);
        assert_non_null(a);
        assert_int_equal(get_be32(a + 2), context);
    }
    loop_work_add(x->p.loop, piece_of_work, x); /* another's */
    work_may_end = false;
    request(x, &api_message_control_ping, 7, NULL, 0);
    assert_non_null(answer(x, &n));
    request(x, &api_message_sw_interface_set_promisc, 8, rest, sizeof(rest));
    close(x->fd); /* it does not wait for it */
    x->fd = -1;
    work_may_end = true;
    rounds(x, 5);
    assert_int_equal(api_server_of(&x->p)->n_clients, 0);
    assert_false(loop_has_work(x->p.loop));
}

static void test_pending_is_cancelled(void **state)
{
    struct peer *x = *state;
    u8 name[64] = "ip4-input";
    hello(x);
    request(x, &api_message_get_node_index, 5, name, sizeof(name));
    assert_non_null(waiting);
    close(x->fd);
    x->fd = -1;
    rounds(x, 3);
    assert_int_equal(cancelled, 1);
    assert_int_equal(api_server_of(&x->p)->n_clients, 0);
}

static void test_slow_reader(void **state)
{
    struct peer *x = *state;
    static const u8 rest[20];
    struct api_client *c;
    u32 n, got = 0;
    hello(x);
    request(x, &api_message_sw_interface_set_mtu, 5, rest, sizeof(rest));
    request(x, &api_message_control_ping, 6, NULL, 0);
    rounds(x, 50);
    c = api_client_find(api_server_of(&x->p), 0x80000001);
    assert_true(c->out.n - c->out_sent < 2 * API_OUT_HIGH_BYTES);
    assert_non_null(c->pending);
    for (;;) {
        const u8 *a = answer(x, &n);
        if (!a) {
            loop_once(x->p.loop, 0);
            continue;
        }
        if (get_be32(a + 2) == 6)
            break;
        assert_int_equal(get_be32(a + 6), 100000 - got++);
    }
    assert_int_equal(got, 100000);
    assert_null(c->pending);
}

static void test_dump_to_the_dead(void **state)
{
    struct peer *x = *state;
    static const u8 rest[20];
    hello(x);
    request(x, &api_message_sw_interface_set_mtu, 5, rest, sizeof(rest));
    close(x->fd);
    x->fd = -1;
    rounds(x, 5);
    assert_int_equal(api_server_of(&x->p)->n_clients, 0);
}

static void test_dump_of_who_left_before_it_began(void **state)
{
    struct peer *x = *state;
    static const u8 rest[20];
    hello(x);
    u8 frame[API_HEADER_BYTES + 2 + 8 + sizeof(rest)] = {0};
    put_be32(frame + 8, sizeof(frame) - API_HEADER_BYTES);
    put_be16(frame + API_HEADER_BYTES,
             api_message_id(api_server_of(&x->p), &api_message_sw_interface_set_mtu));
    put_be32(frame + API_HEADER_BYTES + 2, API_HANDLE_BIT | 1);
    assert_int_equal(write(x->fd, frame, sizeof(frame)), sizeof(frame));
    close(x->fd);
    x->fd = -1;
    rounds(x, 5);
    assert_int_equal(api_server_of(&x->p)->n_clients, 0);
}

static void test_events_follow_the_reply(void **state)
{
    struct peer *x = *state;
    static const u8 on[] = {0, 0, 0, 1, 0, 0, 0x35, 0xf4}, off[] = {0, 0, 0, 0, 0, 0, 0x35, 0xf4};
    static const u8 event[] = {0x80, 0, 0, 1, 0, 0, 0x35, 0xf4, 0, 0, 0, 3, 0, 0, 0, 1, 0};
    static const u8 flags[8];
    static const struct {
        const u8 *rest;
        i32 retval;
    } calls[] = {{on, 0}, {on, -31}};
    u32 n;
    const u8 *a;
    hello(x);
    for (size_t i = 0; i < array_len(calls); i++) {
        request(x, &api_message_want_interface_events, 1, calls[i].rest, 8);
        a = answer(x, &n);
        assert_int_equal((i32)get_be32(a + 6), calls[i].retval);
    }
    request(x, &api_message_sw_interface_set_flags, 2, flags, 8);
    a = answer(x, &n);
    assert_int_equal(get_be32(a + 2), 2);
    a = answer(x, &n);
    assert_int_equal(n, 2 + sizeof(event));
    assert_memory_equal(a + 2, event, sizeof(event));
    request(x, &api_message_want_interface_events, 3, off, 8);
    a = answer(x, &n);
    assert_int_equal(get_be32(a + 6), 0);
    request(x, &api_message_want_interface_events, 3, off, 8);
    a = answer(x, &n);
    assert_int_equal((i32)get_be32(a + 6), -31);
}

static void test_delete(void **state)
{
    struct peer *x = *state;
    static const u8 index[] = {0x80, 0, 0, 1};
    u8 byte;
    u32 n;
    hello(x);
    request(x, &api_message_sockclnt_delete, 9, index, sizeof(index));
    const u8 *a = answer(x, &n);
    assert_non_null(a);
    assert_int_equal(n, 10);
    assert_int_equal(get_be32(a + 6), 1);
    assert_int_equal(recv(x->fd, &byte, 1, 0), 0);
    assert_int_equal(api_server_of(&x->p)->n_clients, 0);
}

int main(void)
{
    const struct CMUnitTest codec[] = {
        cmocka_unit_test(test_fixed),       cmocka_unit_test(test_rest_string),
        cmocka_unit_test(test_counted),     cmocka_unit_test(test_f64_is_native),
        cmocka_unit_test(test_strings_end), cmocka_unit_test(test_json_and_back),
        cmocka_unit_test(test_json_counts), cmocka_unit_test(test_json_values),
    };
    const struct CMUnitTest server[] = {
        cmocka_unit_test_setup_teardown(test_handshake_and_ping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pending_holds_up_its_client, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_wait_for_work, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pending_is_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dump_to_the_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dump_of_who_left_before_it_began, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_follow_the_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("codec", codec, NULL, NULL);
    return failed + cmocka_run_group_tests_name("server", server, NULL, NULL);
}
