/* Tag rewrites: every operation on every kind of interface, both ways, against a list of tags that
 * is edited as the command says. Frames that others hold, without headroom, in chains, with
 * checksums to be made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/byteorder.h"
#include "net/link/ethernet/ethernet.h"
#include "net/packet/ethernet_packet.h"
#include "net/ip/fib/fib.h"
#include "net/ip/ip4/ip4.h"
#include "net/ip/ip4/ip4_input.h"
#include "net/ip/ip4/ip4_world.h"
#include "net/l2/l2.h"
#include "net/l2/tag_rewrite.h"
#include "net/link/vlan/vlan.h"

static struct if_index a, b;

static int open_world(void **state)
{
    static const struct module *const modules[] = {
        &ethernet_module, &l2_module,   &ip4_arcs_module,    &fib_module, &address_module,
        &ip4_module,      &vlan_module, &tag_rewrite_module, NULL};
    static const u8 mac_a[] = {2, 0, 0, 0, 0, 1}, mac_b[] = {2, 0, 0, 0, 0, 2};
    world_open(modules);
    world_interface("local0", NULL);
    a = world_interface("a", mac_a);
    b = world_interface("b", mac_b);
    world_catch("ip4-input");
    world_catch("arp-input");
    return 0;
}

static int close_world(void **state)
{
    world_free_caught();
    assert_int_equal(world_buffers_used(), 0);
    interface_delete(&world.p, a);
    interface_delete(&world.p, b);
    world_close();
    return 0;
}

static void run(const char *command)
{
    free(world_command(command));
}

static void says(const char *command, const char *text)
{
    char *out = NULL;
    (void)cli_run(world.p.cli, command, OUT_TEXT, &out);
    assert_string_equal(out, text);
    free(out);
}

/* --- frames as lists --- */

struct tag {
    u16 type, id;
};

struct frame {
    u32 n;
    struct tag tags[6];
};

#define PAYLOAD_MAX 3000
#define CSUM_AT 40 /* within the payload */

static u32 write_frame(const struct frame *f, u32 payload, u8 *bytes)
{
    u32 at = 12;
    memcpy(bytes, "\x02\xaa\xaa\xaa\xaa\xaa\x02\xbb\xbb\xbb\xbb\xbb", 12);
    for (u32 i = 0; i < f->n; i++, at += 4) {
        put_be16(bytes + at, f->tags[i].type);
        put_be16(bytes + at + 2, f->tags[i].id);
    }
    put_be16(bytes + at, 0x0800);
    for (u32 i = 0; i < payload; i++)
        bytes[at + 2 + i] = (u8)(i * 7);
    return at + 2 + payload;
}

enum variant { PLAIN, SHARED, NO_ROOM, SHARED_NO_ROOM, CHAIN, CHAIN_NO_ROOM, VARIANT_N };

static struct buffer *make_packet(const struct frame *f, enum variant v, struct if_index rx)
{
    u8 bytes[PAYLOAD_MAX + 64];
    u32 payload = v == CHAIN || v == CHAIN_NO_ROOM ? PAYLOAD_MAX : 60;
    u32 n = write_frame(f, payload, bytes);
    struct buffer *p = world_packet(bytes, n);
    if (v == NO_ROOM || v == SHARED_NO_ROOM || v == CHAIN_NO_ROOM) {
        memmove(p->data, buffer_current(p), p->len);
        p->start = 0;
    }
    p->flags |= BUFFER_CSUM_PARTIAL;
    p->csum_start = (i16)(p->start + (int)(n - payload) + CSUM_AT);
    p->csum_offset = 2;
    p->rx_if = rx;
    return p;
}

static void assert_packet(const struct buffer *p, const struct frame *f, u32 payload)
{
    u8 want[PAYLOAD_MAX + 64], have[PAYLOAD_MAX + 64];
    u32 n = write_frame(f, payload, want);
    assert_int_equal(buffer_packet_len(p), n);
    assert_int_equal(buffer_copy_out(p, 0, have, sizeof(have)), n);
    assert_memory_equal(have, want, n);
    assert_int_equal(p->csum_start - p->start, n - payload + CSUM_AT);
    assert_int_equal(p->l2_start, p->start);
}

/* --- the oracle --- */

struct interface_kind {
    const char *command; /* NULL: a itself */
    u32 n;               /* its tags, as far as they are known */
    struct tag tags[2];
    u32 takes_min, takes_max; /* tags of frames that it gets */
};

static const struct interface_kind kinds[] = {
    {NULL, 0, {{0}}, 0, 4},
    {"dot1q 5 exact-match", 1, {{0x8100, 5}}, 1, 1},
    {"dot1q 5", 1, {{0x8100, 5}}, 1, 4},
    {"dot1ad 5 exact-match", 1, {{0x88a8, 5}}, 1, 1},
    {"dot1q any", 0, {{0}}, 1, 4},
    {"dot1q 5 inner-dot1q 6 exact-match", 2, {{0x8100, 5}, {0x8100, 6}}, 2, 2},
    {"dot1ad 5 inner-dot1q 6 exact-match", 2, {{0x88a8, 5}, {0x8100, 6}}, 2, 2},
    {"dot1ad 5 inner-dot1q 6", 2, {{0x88a8, 5}, {0x8100, 6}}, 2, 4},
    {"dot1ad 5 inner-dot1q any", 1, {{0x88a8, 5}}, 2, 4},
    {"default", 0, {{0}}, 1, 4},
    {"untagged", 0, {{0}}, 0, 0},
};

struct op {
    const char *words;
    u32 from, to;
};

static const struct op ops[] = {
    {"disable", 0, 0},       {"pop 1", 1, 0},         {"pop 2", 2, 0},
    {"push", 0, 1},          {"push", 0, 2},          {"translate 1-1", 1, 1},
    {"translate 1-2", 1, 2}, {"translate 2-1", 2, 1}, {"translate 2-2", 2, 2},
};

/* Takes `from` tags off and puts `to` of tags on; false: they are not there. */
static bool edit(struct frame *f, u32 from, const struct tag *tags, u32 to)
{
    struct frame out = {0};
    if (f->n < from)
        return false;
    for (u32 i = 0; i < to; i++)
        out.tags[out.n++] = tags[i];
    for (u32 i = from; i < f->n; i++)
        out.tags[out.n++] = f->tags[i];
    *f = out;
    return true;
}

/* One frame from one port to the other; `want` NULL: it is dropped. */
static void check(const struct frame *sent, enum variant v, struct if_index from, const char *to,
                  const struct frame *want)
{
    struct buffer *p = make_packet(sent, v, from);
    u32 payload = v == CHAIN || v == CHAIN_NO_ROOM ? PAYLOAD_MAX : 60;
    bool shared = v == SHARED || v == SHARED_NO_ROOM;
    struct buffer before = *p;
    u8 bytes[128], after[128];
    if (shared) {
        assert_true(buffer_share(p));
        memcpy(bytes, buffer_current(p), p->len);
    }
    world.n_caught = 0;
    world_run("ethernet-input", p);
    if (want) {
        struct buffer *got = world_take(to);
        assert_packet(got, want, payload);
        world_free(got);
    } else {
        assert_int_equal(world.n_caught, 0);
    }
    if (shared) {
        memcpy(after, before.data + before.start, before.len);
        assert_memory_equal(after, bytes, before.len);
        world_free(p);
    }
    assert_int_equal(world_buffers_used(), 0);
}

static void check_frames(const struct interface_kind *k, const struct op *op,
                         const struct tag *pushed)
{
    for (u32 n = 0; n <= 4; n++) {
        struct frame sent = {.n = n};
        for (u32 i = 0; i < n; i++)
            sent.tags[i] = i < k->n ? k->tags[i] : (struct tag){0x8100, (u16)(20 + i)};
        for (enum variant v = 0; v < VARIANT_N; v++) {
            struct frame want = sent;
            if (n >= k->takes_min && n <= k->takes_max) {
                bool fits = edit(&want, op->from, pushed, op->to);
                check(&sent, v, a, "b", fits ? &want : NULL);
            }
            want = sent;
            bool fits = edit(&want, op->to, k->tags, op->from);
            check(&sent, v, b, "a", fits ? &want : NULL);
        }
    }
}

static void check_op(const struct interface_kind *k, const char *name, const struct op *op,
                     bool dot1ad)
{
    struct tag pushed[2] = {{dot1ad ? 0x88a8 : 0x8100, 100}, {0x8100, 200}};
    char command[128], *out = NULL;
    snprintf(command, sizeof(command), "set interface l2 tag-rewrite %s %s%s%s", name, op->words,
             !op->to  ? ""
             : dot1ad ? " dot1ad 100"
                      : " dot1q 100",
             op->to == 2 ? " 200" : "");
    int rc = cli_run(world.p.cli, command, OUT_TEXT, &out);
    if (op->from > k->n) {
        assert_int_not_equal(rc, 0);
        assert_string_equal(out, "set interface l2 tag-rewrite: vlan tag rewrite is not compatible "
                                 "with interface\n");
        free(out);
        return;
    }
    assert_int_equal(rc, 0);
    free(out);
    check_frames(k, op, pushed);
}

static void test_all(void **state)
{
    for (u32 i = 0; i < array_len(kinds); i++) {
        const struct interface_kind *k = &kinds[i];
        const char *name = k->command ? "a.1" : "a";
        char command[128];
        if (k->command) {
            snprintf(command, sizeof(command), "create sub-interfaces a 1 %s", k->command);
            run(command);
            run("set interface state a.1 up");
        }
        snprintf(command, sizeof(command),
                 "set interface l2 xconnect %s b\nset interface l2 xconnect b %s", name, name);
        run(command);
        for (u32 o = 0; o < array_len(ops); o++) {
            check_op(k, name, &ops[o], false);
            check_op(k, name, &ops[o], true);
        }
        run(k->command ? "delete sub-interface a.1" : "set interface l2 tag-rewrite a disable");
        run("set interface l3 a\nset interface l3 b");
    }
}

static void test_words(void **state)
{
    run("create sub-interfaces a 7 dot1ad 5 inner-dot1q 6 exact-match");
    says("set interface l2 tag-rewrite a.7 translate 2-2 dot1ad 8 9", "");
    says("show interface vtr a.7 a", "a.7                             trans-2-2 dot1ad 8 9\n"
                                     "a                               none\n");
    says("set interface l2 tag-rewrite a push dot1q 100", "");
    says("show interface vtr a", "a                               push-1 dot1q 100\n");
    says("set interface l2 tag-rewrite a push dot1q 4095",
         "set interface l2 tag-rewrite: invalid VLAN id 4095: 1 to 4094 are possible\n");
    says("set interface l2 tag-rewrite a pop 3",
         "set interface l2 tag-rewrite: one or two tags can be popped\n");
    says("set interface l2 tag-rewrite a translate 1-2 dot1q 3",
         "set interface l2 tag-rewrite: translate 1-2 takes 2 tags\n");
    struct text t = {0};
    tag_rewrite_module.running_config(&world.p, module_state(&world.p, tag_rewrite_module.name),
                                      RC_INTERFACE, &t);
    assert_string_equal(text_str(&t),
                        "set interface l2 tag-rewrite a push dot1q 100\n"
                        "set interface l2 tag-rewrite a.7 translate 2-2 dot1ad 8 9\n");
    text_free(&t);
    /* what it says goes with the interface */
    run("delete sub-interface a.7\ncreate sub-interfaces a 7");
    says("show interface vtr a.7", "a.7                             none\n");
}

/* Said in layer 3, done in layer 2, and still there after another mode. */
static void test_modes(void **state)
{
    run("create sub-interfaces a 5\nset interface state a.5 up");
    says("set interface l2 tag-rewrite a.5 pop 1", "");
    assert_null(l2_if((struct if_index){3})->rewrites);
    run("set interface l2 bridge a.5 10\nset interface l2 bridge b 10");
    char *out = world_command("show bridge-domain 10 detail");
    assert_non_null(strstr(out, "pop-1"));
    free(out);
    struct frame sent = {1, {{0x8100, 5}}}, none = {0};
    check(&sent, PLAIN, a, "b", &none);
    check(&none, PLAIN, b, "a", &sent);
    run("set interface l3 a.5");
    assert_null(l2_if((struct if_index){3})->rewrites);
    run("set interface l2 xconnect a.5 b");
    check(&sent, PLAIN, a, "b", &none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_words, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_modes, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
