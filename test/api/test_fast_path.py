"""Messages of fast_path.api, and what the stats segment has of the fast path."""
import pytest

import lib
from piste import Stats

UNSUPPORTED = -126
GROUP = b"\x02\0\0\0\0\x09"


def test_without_one(api):
    r = api.fast_path_get()
    assert (r.retval, r.enabled, r.flows, r.flows_max, r.packets) == (0, False, 0, 0, 0)
    assert "startup.conf" in r.why_not
    assert api.fast_path_enable_disable(enable=True).retval == UNSUPPORTED
    assert api.fast_path_enable_disable(enable=False).retval == 0
    assert api.fast_path_clear().retval == 0
    assert api.fast_path_flow_dump() == []


@pytest.fixture
def crossed(start):
    """A switch whose ports p0 and p1 are cross-connected, a client, and the wires at both."""
    switch = start(config="fast-path { on flows 256 }")
    api = switch.connect()
    r = api.fast_path_get()
    if not r.enabled:
        pytest.skip("no fast path here: " + r.why_not)
    wires, index = [], []
    for name in ("p0", "p1"):
        switch.namespace.veth(name, name + "out")
        wires.append(lib.Wire(switch.namespace, name + "out"))
        switch.vpp.configure(f"create host-interface name {name}\nset interface state host-{name} up")
        index += [d.sw_if_index for d in api.sw_interface_dump(sw_if_index=0xffffffff) if d.interface_name == "host-" + name]
    switch.vpp.configure("set interface l2 xconnect host-p0 host-p1\nset interface l2 xconnect host-p1 host-p0")
    yield switch, api, wires, index
    for wire in wires:
        wire.close()


def test_flows(crossed):
    switch, api, wires, index = crossed
    frame = GROUP + bytes.fromhex(wires[0].mac.replace(":", "")) + b"\x88\xb5" + bytes(50)

    def until_kernel():
        begin = api.fast_path_get().packets

        def more():
            for _ in range(20):
                wires[0].send(frame)
            return api.fast_path_get().packets >= begin + 100

        lib.wait_for(more, "packets in the kernel", timeout=60)

    def one_flow():
        until_kernel()
        return [f for f in api.fast_path_flow_dump() if GROUP.hex(":") in f.key]

    (flow,) = lib.wait_for(one_flow, "the flow", timeout=60)
    assert (flow.rx_sw_if_index, flow.tx_sw_if_index, flow.action) == (index[0], index[1], "")
    assert wires[0].mac in flow.key and flow.packets > 0
    all_of_it = api.fast_path_get()
    assert all_of_it.enabled and all_of_it.flows_max == 256 and all_of_it.why_not == ""
    assert all_of_it.bytes == 64 * all_of_it.packets and all_of_it.made >= 1 and all_of_it.probes >= 1

    stats = Stats(switch.vpp.folder + "/stats.sock")

    def stat(name):
        return stats["/net/fast-path/" + name]

    lib.wait_for(lambda: stat("packets") >= all_of_it.packets, "the segment to have them", timeout=60)
    assert stat("on") == 1

    generation = api.fast_path_get().generation
    assert api.fast_path_clear().retval == 0
    assert api.fast_path_get().generation > generation
    until_kernel()

    assert api.fast_path_enable_disable(enable=False).retval == 0
    r = api.fast_path_get()
    assert not r.enabled and "off" in r.why_not and r.flows == 0
    for _ in range(20):
        wires[0].send(frame)
    assert api.fast_path_get().packets == r.packets and api.fast_path_flow_dump() == []
    lib.wait_for(lambda: stat("on") == 0, "the segment to say so", timeout=60)
    stats.close()
    assert api.fast_path_enable_disable(enable=True).retval == 0
    until_kernel()
