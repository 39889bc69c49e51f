"""Access lists between real kernels: what permit+reflect lets out gets its answers, and nothing else comes in."""
import socket

from test_tcp import transfer


def test_reflect(net):
    vpp, _, left, right = net.routed()
    vpp.configure("""
        set acl-plugin acl permit+reflect
        set acl-plugin acl deny
        set acl-plugin interface host-left input acl 0
        set acl-plugin interface host-left output acl 1
    """)
    left.run("ping -c 3 -i 0.2 -W 10 10.2.0.1")
    assert right.run("ping -c 1 -W 1 10.1.0.1", check=False).returncode
    assert transfer(left, right, "10.2.0.1", size=8 << 20)
    with left.entered():
        server = socket.create_server(("10.1.0.1", 5002))
    with right.entered():
        client = socket.socket()
    with server, client:
        client.settimeout(1)
        try:
            client.connect(("10.1.0.1", 5002))
            connected = True
        except TimeoutError:
            connected = False
    assert not connected
    assert {s["protocol"] for s in vpp.json("show acl-plugin sessions verbose")["sessions"]} == {1, 6}
    vpp.ctl("set acl-plugin interface host-left output acl 1 del")
    right.run("ping -c 1 -W 10 10.1.0.1")
