"""`set ip flow-hash router-id`: routers in a row choose otherwise among equal paths."""
import pytest
from piste import Api
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

N = 64


@pytest.mark.parametrize("family", ["ip4", "ip6"])
def test_router_id(switch, build, family):
    with switch.subnets(family, 3) as (a, b, c):
        far, ip = {"ip4": ("20.0.0.9", IP), "ip6": ("2001:db8:20::9", IPv6)}[family]
        prefix = {"ip4": "20.0.0.0/8", "ip6": "2001:db8:20::/48"}[family]
        switch.ctl(f"ip route add {prefix} via {b.host} {b} via {c.host} {c}")
        frames = [a.ether() / ip(src=a.host, dst=far) / UDP(sport=1000 + i, dport=9) for i in range(N)]

        def chosen():
            """Ports of the flows that go by b."""
            out_b, out_c = switch.exchange(a, frames, b, c)
            assert len(out_b) + len(out_c) == N
            return {p[UDP].sport for p in out_b}

        plain = chosen()
        switch.ctl("set ip flow-hash router-id 7")
        assert "set ip flow-hash router-id 7" in switch.running_config()
        seven = chosen()
        assert seven == chosen()  # a flow keeps its path
        # by chance half of the flows are where they were: nobody is so lucky
        assert N / 8 < len(plain ^ seven) < N * 7 / 8 and N / 8 < len(seven) < N * 7 / 8
        client = Api(switch.folder + "/api.sock", folder=f"{build}/api:{build}/plugins")
        assert client.set_ip_flow_hash_router_id(router_id=0).retval == 0
        client.close()
        assert chosen() == plain and not [line for line in switch.running_config() if "router-id" in line]
        switch.ctl(f"ip route del {prefix}")
