/* Reasons that IPv4, ICMP and fragmentation nodes count, named as in VPP: the stats segment's paths
 * and the lines of `show errors`. What VPP has no name for comes behind its own. */
#pragma once

#include "engine/node.h"

enum ip4_error {
    IP4_ERROR_NONE,
    IP4_ERROR_TOO_SHORT,
    IP4_ERROR_BAD_LENGTH,
    IP4_ERROR_BAD_CHECKSUM,
    IP4_ERROR_VERSION,
    IP4_ERROR_OPTIONS,
    IP4_ERROR_FRAGMENT_OFFSET_ONE,
    IP4_ERROR_TIME_EXPIRED,
    IP4_ERROR_HDR_TOO_SHORT,
    IP4_ERROR_MTU_EXCEEDED,
    IP4_ERROR_DST_LOOKUP_MISS,
    IP4_ERROR_SRC_LOOKUP_MISS,
    IP4_ERROR_DROP,
    IP4_ERROR_PUNT,
    IP4_ERROR_SAME_INTERFACE,
    IP4_ERROR_UNKNOWN_PROTOCOL,
    IP4_ERROR_TCP_CHECKSUM,
    IP4_ERROR_UDP_CHECKSUM,
    IP4_ERROR_UDP_LENGTH,
    IP4_ERROR_SPOOFED_LOCAL_PACKETS,
    IP4_ERROR_INACL_TABLE_MISS,
    IP4_ERROR_INACL_SESSION_DENY,
    IP4_ERROR_OUTACL_TABLE_MISS,
    IP4_ERROR_OUTACL_SESSION_DENY,
    IP4_ERROR_RPF_FAILURE,
    IP4_ERROR_REASS_DUPLICATE_FRAGMENT,
    IP4_ERROR_REASS_LIMIT_REACHED,
    IP4_ERROR_REASS_FRAGMENT_CHAIN_TOO_LONG,
    IP4_ERROR_REASS_NO_BUF,
    IP4_ERROR_REASS_MALFORMED_PACKET,
    IP4_ERROR_REASS_INTERNAL_ERROR,
    IP4_ERROR_REASS_TIMEOUT,
    IP4_ERROR_REASS_TO_CUSTOM_APP,
    IP4_ERROR_REASS_SUCCESS,
    IP4_ERROR_REASS_FRAGMENTS_REASSEMBLED,
    IP4_ERROR_REASS_FRAGMENTS_RCVD,
    IP4_ERROR_REASS_UNSUPP_IP_PROT,
    IP4_ERROR_BAD_SOURCE,
    IP4_ERROR_BAD_DESTINATION,
    IP4_ERROR_SOURCE_ROUTE,
    IP4_ERROR_BAD_OPTIONS,
    IP4_ERROR_ICMP_CHECKSUM,
    IP4_ERROR_NOT_ENABLED,
    IP4_ERROR_NO_PORT,
    IP4_ERROR_REASS_OVERLAP,
    IP4_ERROR_LINK_BROADCAST,
    IP4_ERROR_REASS_CONGESTION,
    IP4_ERROR_N
};
extern const struct node_error ip4_errors[IP4_ERROR_N];

enum icmp4_error {
    ICMP4_ERROR_NONE,
    ICMP4_ERROR_UNKNOWN_TYPE,
    ICMP4_ERROR_INVALID_CODE_FOR_TYPE,
    ICMP4_ERROR_INVALID_HOP_LIMIT_FOR_TYPE,
    ICMP4_ERROR_LENGTH_TOO_SMALL_FOR_TYPE,
    ICMP4_ERROR_OPTIONS_WITH_ODD_LENGTH,
    ICMP4_ERROR_OPTION_WITH_ZERO_LENGTH,
    ICMP4_ERROR_ECHO_REPLIES_SENT,
    ICMP4_ERROR_DST_LOOKUP_MISS,
    ICMP4_ERROR_DEST_UNREACH_SENT,
    ICMP4_ERROR_TTL_EXPIRE_SENT,
    ICMP4_ERROR_PARAM_PROBLEM_SENT,
    ICMP4_ERROR_DROP,
    ICMP4_ERROR_RATE_LIMITED,
    ICMP4_ERROR_NOT_ALLOWED,
    ICMP4_ERROR_NO_SOURCE,
    ICMP4_ERROR_NO_BUFFER,
    ICMP4_ERROR_N
};
extern const struct node_error icmp4_errors[ICMP4_ERROR_N];

enum ip_frag_error {
    IP_FRAG_ERROR_NONE,
    IP_FRAG_ERROR_SMALL_PACKET,
    IP_FRAG_ERROR_FRAGMENT_SENT,
    IP_FRAG_ERROR_CANT_FRAGMENT_HEADER,
    IP_FRAG_ERROR_DONT_FRAGMENT_SET,
    IP_FRAG_ERROR_MALFORMED,
    IP_FRAG_ERROR_MEMORY,
    IP_FRAG_ERROR_UNKNOWN,
    IP_FRAG_ERROR_N
};
/* Rows of the table of what cuts packets. */
#define IP_FRAG_ERRORS                                                                             \
    [IP_FRAG_ERROR_NONE] = {"none", "packet fragmented", SEVERITY_INFO},                           \
    [IP_FRAG_ERROR_SMALL_PACKET] = {"small_packet", "packet smaller than MTU", SEVERITY_ERROR},    \
    [IP_FRAG_ERROR_FRAGMENT_SENT] = {"fragment_sent", "number of sent fragments", SEVERITY_INFO},  \
    [IP_FRAG_ERROR_CANT_FRAGMENT_HEADER] = {"cant_fragment_header", "can't fragment header",       \
                                            SEVERITY_ERROR},                                       \
    [IP_FRAG_ERROR_DONT_FRAGMENT_SET] = {"dont_fragment_set", "can't fragment this packet",        \
                                         SEVERITY_ERROR},                                          \
    [IP_FRAG_ERROR_MALFORMED] = {"malformed", "malformed packet", SEVERITY_ERROR},                 \
    [IP_FRAG_ERROR_MEMORY] = {"memory", "could not allocate buffer", SEVERITY_ERROR},              \
    [IP_FRAG_ERROR_UNKNOWN] = {"unknown", "unknown error", SEVERITY_ERROR}
extern const struct node_error ip_frag_errors[IP_FRAG_ERROR_N];
