/* See host_ip.h. */
#include "host/host_ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/privilege.h"

static size_t bytes_of(u8 family)
{
    return family == AF_INET6 ? 16 : 4;
}

/* what: "add the address". */
static int send_for(struct host_net *n, struct host_request *r, const char *what, u8 family,
                    const u8 *addr, u8 len, struct error *e)
{
    char text[INET6_ADDRSTRLEN];
    int rc = host_request_send(n, r);
    return rc ? error_errno(e, -rc, "cannot %s %s/%u%s", what,
                            inet_ntop(family, addr, text, sizeof(text)), len,
                            PRIVILEGE_HINT(-rc, "CAP_NET_ADMIN"))
              : 0;
}

static void address_begin(struct host_request *r, u16 type, u16 flags, int index, u8 family,
                          const u8 *addr, u8 prefix_len)
{
    struct ifaddrmsg *m = host_request_begin(r, type, flags, sizeof(*m));
    *m = (struct ifaddrmsg){.ifa_family = family,
                            .ifa_prefixlen = prefix_len,
                            .ifa_index = (u32)index,
                            .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0};
    mnl_attr_put(r->h, IFA_LOCAL, bytes_of(family), addr);
    mnl_attr_put(r->h, IFA_ADDRESS, bytes_of(family), addr);
}

int host_address_add(struct host_net *n, int index, u8 family, const u8 *addr, u8 prefix_len,
                     struct error *e)
{
    struct host_request r;
    address_begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, family, addr, prefix_len);
    return send_for(n, &r, "add the address", family, addr, prefix_len, e);
}

int host_address_del(struct host_net *n, int index, u8 family, const u8 *addr, u8 prefix_len,
                     struct error *e)
{
    struct host_request r;
    address_begin(&r, RTM_DELADDR, 0, index, family, addr, prefix_len);
    return send_for(n, &r, "delete the address", family, addr, prefix_len, e);
}

int host_route_set(struct host_net *n, u8 family, const u8 *dst, u8 dst_len, const u8 *gateway,
                   int index, struct error *e)
{
    struct host_request r;
    struct rtmsg *m =
        host_request_begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*m));
    *m = (struct rtmsg){.rtm_family = family,
                        .rtm_dst_len = dst_len,
                        .rtm_table = RT_TABLE_MAIN,
                        .rtm_protocol = RTPROT_STATIC,
                        .rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                        .rtm_type = RTN_UNICAST};
    if (dst_len)
        mnl_attr_put(r.h, RTA_DST, bytes_of(family), dst);
    if (gateway)
        mnl_attr_put(r.h, RTA_GATEWAY, bytes_of(family), gateway);
    if (index)
        mnl_attr_put_u32(r.h, RTA_OIF, (u32)index);
    return send_for(n, &r, "set the route to", family, dst, dst_len, e);
}

int host_route_del(struct host_net *n, u8 family, const u8 *dst, u8 dst_len, struct error *e)
{
    struct host_request r;
    struct rtmsg *m = host_request_begin(&r, RTM_DELROUTE, 0, sizeof(*m));
    *m = (struct rtmsg){.rtm_family = family,
                        .rtm_dst_len = dst_len,
                        .rtm_table = RT_TABLE_MAIN,
                        .rtm_scope = RT_SCOPE_NOWHERE};
    if (dst_len)
        mnl_attr_put(r.h, RTA_DST, bytes_of(family), dst);
    return send_for(n, &r, "delete the route to", family, dst, dst_len, e);
}
