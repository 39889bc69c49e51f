/* The little of telnet (RFC 854, 1073, 1091) that the CLI socket speaks, byte for byte as VPP does,
 * so that VPP's own vppctl works with us. Our client adds two private options, which VPP ignores.
 */
#pragma once

#include "base/types.h"

/* Sent on accept. */
extern const u8 cli_telnet_greeting[36];

enum {
    TELNET_IAC = 0xff,
    TELNET_WILL = 0xfb,
    TELNET_DO = 0xfd,
    /* our private options: the client sends IAC DO, the server agrees with IAC WILL */
    TELNET_OPTION_FAILURES =
        200,                  /* inputs end with 00; 01 before the 00 that answers a failed one */
    TELNET_OPTION_JSON = 201, /* all output as JSON */
};

enum telnet_kind {
    TELNET_MORE,    /* the sequence is not complete: wait for more bytes */
    TELNET_BYTE,    /* no telnet: the byte is input */
    TELNET_NOTHING, /* swallowed */
    TELNET_TERMINAL,
    TELNET_SIZE,
    TELNET_AYT,
    TELNET_ASK, /* IAC DO option */
};

struct telnet_event {
    enum telnet_kind kind;
    u8 option;
    const u8 *terminal; /* name, not terminated; in the input */
    u32 terminal_len;
    u32 width, height; /* defaults and limits applied */
};

/* Looks at the n > 0 bytes at p. Returns how many were taken: 0 only with TELNET_MORE. */
u32 cli_telnet_next(const u8 *p, size_t n, struct telnet_event *ev);
/* Whether the terminal's name says that it understands ANSI; that nobody sits there. */
bool cli_telnet_is_ansi(const u8 *name, u32 len);
bool cli_telnet_is_program(const u8 *name, u32 len);
