"""`set interface feature` enables whatever there is, also without what it works with: a map, a table, a mirror."""
import pytest
from packet_lib import wait_for
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw


@pytest.fixture(name="pgs", scope="module")
def fixture_pgs(switch):
    """Two that route and have a VLAN, two in a bridge domain; priorities are recorded where packets come in."""
    pgs = [switch.pg(0, "10.0.0.1/24"), switch.pg(1, "10.0.1.1/24"), switch.pg(2), switch.pg(3)]
    for i in (0, 1):
        switch.configure(f"""create sub-interfaces pg{i} 5
            set interface state pg{i}.5 up
            set interface ip address pg{i}.5 10.5.{i}.1/24
            set ip neighbor pg{i}.5 10.5.{i}.2 {pgs[i].host_mac}
            qos record ip pg{i}
            qos record ip pg{i}.5
            set interface l2 bridge pg{i + 2} 7""")
    return pgs


def frames(pgs):
    above = UDP(sport=7, dport=9) / Raw(b"f" * 600)
    packets = [IP(src="10.0.0.9", dst=dst, tos=32) / above
               for dst in (pgs[1].host, "10.5.1.2", pgs[0].address, "10.77.0.1", "255.255.255.255", "224.0.0.5")]
    packets += fragment(packets[0], 200) + [IP(src="10.0.0.9", dst=pgs[1].host, ttl=1) / above]
    routed = [pgs[0].ether() / p for p in packets] + [pgs[0].ether(dst="ff:ff:ff:ff:ff:ff") / ARP(pdst=pgs[0].address)]
    return routed + [pgs[0].ether() / Dot1Q(vlan=5) / p for p in packets]


def test_any_feature_by_hand(switch, pgs):
    bridged = [Ether(src=pgs[2].host_mac, dst=dst) / Dot1Q(vlan=3) / IP() / UDP()
               for dst in (pgs[3].host_mac, "ff:ff:ff:ff:ff:ff")]
    before = switch.running_config()
    features = [(node, arc) for arc, nodes in switch.json("show features").items() for node in nodes]
    assert ("span-input", "device-input") in features and len(features) > 30
    tried = 0
    for node, arc in features:
        changed = {}
        for name in ("pg0", "pg1", "pg0.5", "pg1.5", "pg2", "pg3"):
            words = f"set interface feature {name} {node} arc {arc}"
            if node in switch.json(f"show interface features {name}")[arc]:
                changed[words + " disable"] = words
            else:
                changed[words] = words + " disable"
        done = [undo for command, undo in changed.items() if switch.vppctl(command).returncode == 0]
        tried += len(done)
        switch.send(pgs[0], frames(pgs))
        switch.send(pgs[2], bridged)
        assert switch.alive(), (node, arc, switch.output()[-3000:])
        for command in done:
            switch.ctl(command)
    assert tried > 150
    # what waited for a neighbor in vain, or for its other fragments
    wait_for(lambda: switch.buffers_used() == 0, "buffers to come back", 30)
    assert switch.running_config() == before
    out = switch.exchange(pgs[0], pgs[0].ether() / IP(src="10.0.0.9", dst=pgs[1].host) / UDP(), pgs[1], count=1)
    assert out[0].dst == pgs[1].host_mac
