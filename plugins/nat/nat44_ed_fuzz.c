/* NAT44 ED, for nat44_fuzz.c. */
#include "plugins/nat/nat44_fuzz.h"

#include <stddef.h>

const char *const nat44_fuzz_commands[] = {
    "ip route add 0.0.0.0/0 via 10.0.1.2 out0",
    "nat44 plugin enable sessions 64",
    "nat44 add address 10.0.1.1",
    "nat44 add address 10.0.0.200 twice-nat",
    "nat44 add static mapping tcp local 10.0.0.2 80 external 10.0.1.1 8080",
    "nat44 add static mapping udp local 10.0.0.2 53 external 10.0.1.1 5353 twice-nat",
    "nat44 add static mapping local 10.0.0.3 external 10.0.1.3",
    ("nat44 add load-balancing static mapping protocol tcp external 10.0.1.1:8081"
     " local 10.0.0.2:81 probability 1 local 10.0.0.3:81 probability 2 affinity 30"),
    "nat mss-clamping 1200",
    "set interface nat44 in in0 out out0",
    "set syslog sender collector 10.0.1.2 src 10.0.1.1",
    "set ipfix exporter collector 10.0.1.2 src 10.0.1.1",
    "nat ipfix logging enable",
    NULL,
};
