/* Records of the control socket. A field is at its offset with no padding before it. */
#include "plugins/memif/memif_protocol.h"

#include <string.h>

/* --- a record, field by field --- */

struct record {
    u8 *at;
};

static void put_bytes(struct record *r, const void *p, size_t n)
{
    memcpy(r->at, p, n);
    r->at += n;
}

static void memif_put_u8(struct record *r, u8 x)
{
    put_bytes(r, &x, 1);
}

static void memif_put_u16(struct record *r, u16 x)
{
    put_bytes(r, &x, 2);
}

static void memif_put_u32(struct record *r, u32 x)
{
    put_bytes(r, &x, 4);
}

/* A text that is too long is cut; what is behind its end is zero. */
static void memif_put_text(struct record *r, const char *s, size_t n)
{
    size_t len = strnlen(s, n - 1);
    memcpy(r->at, s, len);
    r->at += n;
}

void memif_message_write(const struct memif_message *m, u8 record[MEMIF_MESSAGE_BYTES])
{
    struct record r = {record};
    memset(record, 0, MEMIF_MESSAGE_BYTES);
    memif_put_u16(&r, m->type);
    switch (m->type) {
    case MEMIF_HELLO:
        memif_put_text(&r, m->hello.name, MEMIF_NAME_BYTES);
        memif_put_u16(&r, m->hello.min_version);
        memif_put_u16(&r, m->hello.max_version);
        memif_put_u16(&r, m->hello.max_region);
        memif_put_u16(&r, m->hello.max_m2s);
        memif_put_u16(&r, m->hello.max_s2m);
        memif_put_u8(&r, m->hello.max_log2);
        break;
    case MEMIF_INIT:
        memif_put_u16(&r, m->init.version);
        memif_put_u32(&r, m->init.id);
        memif_put_u8(&r, m->init.mode);
        memif_put_text(&r, m->init.secret, MEMIF_SECRET_BYTES);
        memif_put_text(&r, m->init.name, MEMIF_NAME_BYTES);
        break;
    case MEMIF_ADD_REGION:
        memif_put_u16(&r, m->region.index);
        put_bytes(&r, &m->region.bytes, 8);
        break;
    case MEMIF_ADD_RING:
        memif_put_u16(&r, m->ring.direction == MEMIF_S2M);
        memif_put_u16(&r, m->ring.index);
        memif_put_u16(&r, m->ring.region);
        memif_put_u32(&r, m->ring.offset);
        memif_put_u8(&r, m->ring.log2);
        memif_put_u16(&r, m->ring.private_bytes);
        break;
    case MEMIF_CONNECT:
    case MEMIF_CONNECTED:
        memif_put_text(&r, m->connect.name, MEMIF_NAME_BYTES);
        break;
    case MEMIF_DISCONNECT:
        memif_put_u32(&r, m->disconnect.code);
        memif_put_text(&r, m->disconnect.reason, MEMIF_REASON_BYTES);
        break;
    }
}

struct cursor {
    const u8 *at;
};

static void take_bytes(struct cursor *c, void *p, size_t n)
{
    memcpy(p, c->at, n);
    c->at += n;
}

static u8 memif_take_u8(struct cursor *c)
{
    return *c->at++;
}

static u16 memif_take_u16(struct cursor *c)
{
    u16 x;
    take_bytes(c, &x, 2);
    return x;
}

static u32 memif_take_u32(struct cursor *c)
{
    u32 x;
    take_bytes(c, &x, 4);
    return x;
}

/* It is shown and logged: what is not printable becomes '?'. */
static void memif_take_text(struct cursor *c, char *to, size_t n)
{
    take_bytes(c, to, n);
    to[n - 1] = '\0';
    for (char *p = to; *p; p++)
        if ((u8)*p < 0x20 || (u8)*p > 0x7e || *p == '"')
            *p = '?';
}

bool memif_message_read(const u8 record[MEMIF_MESSAGE_BYTES], struct memif_message *m)
{
    struct cursor c = {record};
    *m = (struct memif_message){.type = memif_take_u16(&c)};
    switch (m->type) {
    case MEMIF_ACK:
        return true;
    case MEMIF_HELLO:
        memif_take_text(&c, m->hello.name, MEMIF_NAME_BYTES);
        m->hello.min_version = memif_take_u16(&c);
        m->hello.max_version = memif_take_u16(&c);
        m->hello.max_region = memif_take_u16(&c);
        m->hello.max_m2s = memif_take_u16(&c);
        m->hello.max_s2m = memif_take_u16(&c);
        m->hello.max_log2 = memif_take_u8(&c);
        return true;
    case MEMIF_INIT:
        m->init.version = memif_take_u16(&c);
        m->init.id = memif_take_u32(&c);
        m->init.mode = memif_take_u8(&c);
        take_bytes(&c, m->init.secret, MEMIF_SECRET_BYTES);
        m->init.secret[MEMIF_SECRET_BYTES - 1] = '\0';
        memif_take_text(&c, m->init.name, MEMIF_NAME_BYTES);
        return true;
    case MEMIF_ADD_REGION:
        m->region.index = memif_take_u16(&c);
        take_bytes(&c, &m->region.bytes, 8);
        return true;
    case MEMIF_ADD_RING:
        m->ring.direction = memif_take_u16(&c) & 1 ? MEMIF_S2M : MEMIF_M2S;
        m->ring.index = memif_take_u16(&c);
        m->ring.region = memif_take_u16(&c);
        m->ring.offset = memif_take_u32(&c);
        m->ring.log2 = memif_take_u8(&c);
        m->ring.private_bytes = memif_take_u16(&c);
        return true;
    case MEMIF_CONNECT:
    case MEMIF_CONNECTED:
        memif_take_text(&c, m->connect.name, MEMIF_NAME_BYTES);
        return true;
    case MEMIF_DISCONNECT:
        m->disconnect.code = memif_take_u32(&c);
        memif_take_text(&c, m->disconnect.reason, MEMIF_REASON_BYTES);
        return true;
    }
    return false;
}
