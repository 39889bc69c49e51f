/* Path MTUs of this switch as a host, of IPv6: learnt from routers that say that a packet of ours
 * was too big, used for what is sent (path_mtu_data.h), forgotten after ten minutes. Source: RFC
 * 8201. */
#pragma once

struct module;
extern const struct module pmtu_module;
