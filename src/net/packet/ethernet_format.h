/* Text of ethernet frames and what they carry, in VPP's words: for traces. */
#pragma once

#include "base/text.h"
#include "base/types.h"

void ethernet_format_header(struct text *t, const u8 *frame, u32 n);
/* The header's line and the lines of the payload, each indented. */
void ethernet_format_frame(struct text *t, const u8 *frame, u32 n, unsigned indent);
/* Lines of a packet of that ethernet type. */
void ethernet_format_payload(struct text *t, u16 type, const u8 *packet, u32 n, unsigned indent);
/* "request, type ethernet/IP4, address size 6/4" and the addresses: two lines. */
void ethernet_format_arp(struct text *t, const u8 *packet, u32 n, unsigned indent);
/* By the name that traces print, "IP4"; false when there is none. */
bool ethernet_type_by_name(const char *name, u16 *type);
/* "02:00:00:00:00:01". Returns out. */
#define MAC_TEXT_BYTES 18
const char *ethernet_mac_text(const u8 mac[6], char out[MAC_TEXT_BYTES]);
void ethernet_format_mac(struct text *t, const u8 mac[6]);
