/* Any bytes as a client's stream, against the server and the handlers of this floor; and as the
 * body of a message that is defined, decoded and encoded again: what was taken comes back the
 * same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_classify.h"
#include "api/api_interface.h"
#include "api/api_ip.h"
#include "api/api_ip_neighbor.h"
#include "api/api_l2.h"
#include "api/api_memclnt.h"
#include "api/api_vlib.h"
#include "base/byteorder.h"
#include "control/api_fuzz.h"
#include "control/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void codec_one(const struct api_type *type, const u8 *data, size_t size)
{
    struct api_arena arena = {0};
    struct api_bytes first = {0}, second = {0};
    void *s = api_arena_alloc(&arena, type->struct_bytes);
    void *again = api_arena_alloc(&arena, type->struct_bytes);
    i64 n = api_decode(type, data, size, s, &arena);
    if (n >= 0) {
        api_encode(type, s, &first);
        if (n != (i64)first.n || api_decode(type, first.v, first.n, again, &arena) != n)
            abort();
        api_encode(type, again, &second);
        if (second.n != first.n || (first.n && memcmp(first.v, second.v, first.n) != 0))
            abort();
    }
    api_bytes_free(&first);
    api_bytes_free(&second);
    api_arena_free(&arena);
}

/* The first two bytes pick the message: all of them for each input would take all the time. */
static void codec(const u8 *data, size_t size)
{
    static const struct api_file *const files[] = {
        &api_file_classify, &api_file_interface, &api_file_ip,   &api_file_ip_neighbor,
        &api_file_l2,       &api_file_memclnt,   &api_file_vlib,
    };
    u32 n = 0;
    for (size_t i = 0; i < array_len(files); i++)
        for (const struct api_message *const *m = files[i]->messages; *m; m++)
            n++;
    if (size < 2)
        return;
    u32 pick = get_be16(data) % n;
    for (size_t i = 0; i < array_len(files); i++)
        for (const struct api_message *const *m = files[i]->messages; *m; m++)
            if (!pick--)
                codec_one((*m)->type, data + 2, size - 2);
}

/* The bytes as a stream; then again as messages that the server knows: each frame's first byte
 * picks one, and its index is right. */
static void server(struct piste *p, const u8 *data, size_t size)
{
    struct api_server *s = api_server_of(p);
    struct error e;
    int raw[2], framed[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, raw) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, framed))
        abort();
    if (!api_client_new(p, raw[0], &e) || !api_client_new(p, framed[0], &e))
        abort();
    (void)!write(raw[1], data, size);
    u32 handle = API_HANDLE_BIT | (s->clients.v[1]->fd == framed[0] ? 1 : 2);
    for (size_t at = 0; at + 2 <= size;) {
        u8 frame[16 + 10 + 255] = {0};
        size_t n = data[at + 1];
        n = n > size - at - 2 ? size - at - 2 : n;
        put_be32(frame + 8, (u32)(10 + n));
        put_be16(frame + 16, data[at]);
        put_be32(frame + 18, handle);
        memcpy(frame + 26, data + at + 2, n);
        (void)!write(framed[1], frame, 26 + n);
        at += 2 + n;
    }
    for (int i = 0; i < 3; i++)
        loop_once(p->loop, 0);
    close(raw[1]);
    close(framed[1]);
    for (int i = 0; s->n_clients && i < 10000; i++)
        loop_once(p->loop, 0);
    if (s->n_clients)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct piste p;
    if (!p.loop)
        api_fuzz_start(&p);
    codec(data, size);
    server(&p, data, size);
    return 0;
}
