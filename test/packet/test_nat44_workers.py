"""NAT44 on some of several data threads: `set nat workers`."""
import re

import pytest
from packet_lib import nat44, wait_for
from scapy.layers.inet import IP, UDP

CONFIG = "cpu { workers 3 }"
HOST, SERVER, POOL = "10.1.0.2", "10.2.0.2", "10.2.0.1"
PORTS = range(2000, 2060)


@pytest.fixture(scope="module")
def links(switch):
    return switch.pg(0, "10.1.0.1/24"), switch.pg(1, "10.2.0.1/24"), switch.pg(2, "10.3.0.1/24")


@pytest.fixture(autouse=True)
def nat(switch, links):
    with nat44(switch, *links[:2]):
        yield
        switch.ctl("set nat workers 0-2")


def there_and_back(switch, links):
    there = [links[0].ether() / IP(src=HOST, dst=SERVER) / UDP(sport=port, dport=53) for port in PORTS]
    out = switch.exchange(links[0], there, links[1], count=len(there))
    back = [links[1].ether() / IP(src=SERVER, dst=POOL) / UDP(sport=53, dport=p[UDP].sport) for p in out]
    got = switch.exchange(links[1], back, links[0], count=len(back))
    assert sorted(p[UDP].dport for p in got) == list(PORTS)
    return {int(n): int(k) for n, k in re.findall(r"thread (\d+) \S+: (\d+) sessions", switch.ctl("show nat44 sessions"))}


def test_some_workers(switch, links):
    assert switch.ctl("show nat workers") == "3 workers\n  vpp_wk_0\n  vpp_wk_1\n  vpp_wk_2\n"
    assert all(there_and_back(switch, links)[i] for i in (1, 2, 3))
    switch.ctl("set nat workers 0,2")
    assert switch.ctl("show nat workers") == "2 workers\n  vpp_wk_0\n  vpp_wk_2\n"
    assert switch.json("show nat44 sessions")["sessions"] == []
    assert "set nat workers 0,2" in switch.running_config()
    by_thread = there_and_back(switch, links)
    assert by_thread.get(2, 0) == 0 and by_thread[1] and by_thread[3] and by_thread[1] + by_thread[3] == len(PORTS)
    switch.ctl("set nat workers 1")
    assert there_and_back(switch, links).get(2) == len(PORTS)
    # which stays, whatever becomes of the plugin
    switch.ctl("nat44 plugin disable")
    assert [line for line in switch.running_config() if "nat" in line] == ["set nat workers 1"]
    switch.ctl("nat44 plugin enable sessions 1000")
    switch.ctl(f"nat44 add interface address {links[1]}")
    switch.ctl(f"set interface nat44 in {links[0]} out {links[1]}")
    assert there_and_back(switch, links).get(2) == len(PORTS)
    # the same again ends nothing
    switch.ctl("set nat workers 1-1")
    assert len(switch.json("show nat44 sessions")["sessions"]) == len(PORTS)


def test_wrong_workers(switch):
    for words, error in (("", "List of workers must be specified."), ("3", r"Invalid worker\(s\)."), ("0-5", r"Invalid worker\(s\)."),
                         ("200", r"Invalid worker\(s\)."), ("x", "."), ("2-1", ".")):
        with pytest.raises(Exception, match=error):
            switch.ctl(f"set nat workers {words}")
    assert switch.ctl("show nat workers").startswith("3 workers\n")


def test_where_there_is_one(fresh):
    if fresh.workers > 1:
        pytest.skip("there are more")
    with pytest.raises(Exception, match="Supported only if 2 or more workers available."):
        fresh.ctl("set nat workers 0")
    assert fresh.ctl("show nat workers") == ""


def test_all_threads_tell_the_collector(switch, links):
    switch.ctl("set syslog sender collector 10.3.0.2 src 10.3.0.1")
    there_and_back(switch, links)
    switch.ctl("clear nat44 ed sessions")
    wait_for(lambda: switch.json("show syslog sender")["sent"] == 2 * len(PORTS), "all of them", 30)
    assert switch.json("show syslog sender")["failed"] == 0
    switch.ctl("set syslog sender disable")
