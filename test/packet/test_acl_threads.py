"""permit+reflect on several data threads: a flow is one thread's, whichever its packets come in on."""
from scapy.layers.inet import IP, UDP

CONFIG = "cpu { workers 3 }"


def test_flows_of_many_hosts(switch):
    """Each flow's answers come through, and no other's."""
    pgs = [switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24")]
    switch.ctl("set acl-plugin acl permit+reflect")
    switch.ctl("set acl-plugin acl deny")
    switch.ctl(f"set acl-plugin interface {pgs[0]} input acl 0")
    switch.ctl(f"set acl-plugin interface {pgs[0]} output acl 1")
    hosts = range(1, 101)
    there = [pgs[0].ether() / IP(src="10.1.0.2", dst="10.2.0.2") / UDP(sport=h, dport=53) for h in hosts]
    assert len(switch.exchange(pgs[0], there, pgs[1], count=100)) == 100
    answers = [pgs[1].ether() / IP(src="10.2.0.2", dst="10.1.0.2") / UDP(sport=53, dport=h) for h in range(1, 201)]
    got = switch.exchange(pgs[1], answers, pgs[0], count=100)
    assert sorted(p[UDP].dport for p in got) == list(hosts)
    found = switch.json("show acl-plugin sessions verbose")
    assert len(found["sessions"]) == 100
    assert len({s["thread"] for s in found["sessions"]}) == 3
    total = switch.ctl("show acl-plugin sessions").splitlines()[0]
    assert total.startswith("Sessions total: add ") and total.endswith(" = 100")
    switch.ctl("clear acl-plugin sessions")
    assert switch.json("show acl-plugin sessions verbose")["sessions"] == []
