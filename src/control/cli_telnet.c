/* Telnet sequences, see cli_telnet.h. */
#include "control/cli_telnet.h"

#include <string.h>
#include <strings.h>

enum {
    SE = 0xf0,
    AYT = 0xf6,
    SB = 0xfa,
    TTYPE = 24,
    NAWS = 31,
    IS = 0,
    SUBOPTION_MAX_BYTES = 32, /* from its IAC on */
    SIZE_BYTES = 9,
    TERMINAL_SIDE_MAX = 512,
};

const u8 cli_telnet_greeting[36] = {
    0xff, 0xfc, 34,                   /* WONT LINEMODE */
    0xff, 0xfe, 34,                   /* DONT LINEMODE */
    0xff, 0xfb, 3,                    /* WILL SGA */
    0xff, 0xfd, 3,                    /* DO SGA */
    0xff, 0xfb, 1,                    /* WILL ECHO */
    0xff, 0xfe, 1,                    /* DONT ECHO */
    0xff, 0xfd, TTYPE,                /* DO TTYPE */
    0xff, 0xfa, TTYPE, 1, 0xff, 0xf0, /* SB TTYPE SEND SE */
    0xff, 0xfd, NAWS,                 /* DO NAWS */
    0xff, 0xfa, NAWS,  1, 0xff, 0xf0, /* SB NAWS SEND SE */
};

static u32 size_of(const u8 *p, u32 otherwise)
{
    u32 x = (u32)p[0] << 8 | p[1];
    return x == 0 ? otherwise : x > TERMINAL_SIDE_MAX ? TERMINAL_SIDE_MAX : x;
}

static u32 cli_telnet_suboption(const u8 *p, size_t n, struct telnet_event *ev)
{
    u32 end = 0; /* behind IAC SE */
    for (u32 i = 2; i + 1 < n && i + 1 < SUBOPTION_MAX_BYTES && !end; i++)
        if (p[i] == TELNET_IAC && p[i + 1] == SE)
            end = i + 2;
    if (!end) {
        ev->kind = n < SUBOPTION_MAX_BYTES ? TELNET_MORE : TELNET_NOTHING;
        return n < SUBOPTION_MAX_BYTES ? 0 : 2;
    }
    if (end >= 6 && p[2] == TTYPE && p[3] == IS) {
        ev->kind = TELNET_TERMINAL;
        ev->terminal = p + 4;
        ev->terminal_len = end - 6;
    } else if (end == SIZE_BYTES && p[2] == NAWS) {
        ev->kind = TELNET_SIZE;
        ev->width = size_of(p + 3, 80);
        ev->height = size_of(p + 5, 24);
    }
    return end;
}

u32 cli_telnet_next(const u8 *p, size_t n, struct telnet_event *ev)
{
    *ev = (struct telnet_event){.kind = TELNET_NOTHING};
    if (p[0] != TELNET_IAC) {
        ev->kind = TELNET_BYTE;
        return 1;
    }
    if (n < 2) {
        ev->kind = TELNET_MORE;
        return 0;
    }
    if (p[1] == SB)
        return cli_telnet_suboption(p, n, ev);
    if (p[1] >= 0xfb && p[1] <= 0xfe) { /* WILL, WONT, DO, DONT */
        if (n < 3) {
            ev->kind = TELNET_MORE;
            return 0;
        }
        ev->kind = p[1] == TELNET_DO ? TELNET_ASK : TELNET_NOTHING;
        ev->option = p[2];
        return 3;
    }
    if (p[1] == AYT) {
        ev->kind = TELNET_AYT;
        return 2;
    }
    /* EOF SUSP ABORT EOR; SE NOP DM BRK IP AO AYT EC EL GA; IAC itself. Else only the IAC goes. */
    bool known = (p[1] >= 0xec && p[1] <= 0xf9) || p[1] == TELNET_IAC;
    return known ? 2 : 1;
}

static bool is_prefix_of(const u8 *name, u32 len, const char *known)
{
    return len <= strlen(known) && strncasecmp((const char *)name, known, len) == 0;
}

bool cli_telnet_is_ansi(const u8 *name, u32 len)
{
    static const char *const ansi[] = {"xterm",  "xterm-color",     "xterm-256color",
                                       "screen", "screen-256color", "ansi"};
    for (u32 i = 0; i < array_len(ansi); i++)
        if (is_prefix_of(name, len, ansi[i]))
            return true;
    return false;
}

bool cli_telnet_is_program(const u8 *name, u32 len)
{
    return is_prefix_of(name, len, "vppctl");
}
