"""uRPF between kernels: a source that no route leads to is not answered, until one does."""
import lib


def test_sources_of_a_kernel(net):
    vpp, _, left, right = net.routed()
    left.ip("addr add 172.16.9.9/32 dev lo")
    right.ip("route add 172.16.9.9/32 via 10.2.0.2")

    def answered(source):
        return left.run(f"ping -n -c 1 -W 1 -I {source} 10.2.0.1", check=False).returncode == 0

    lib.wait_for(lambda: answered("10.1.0.1"), "the links", timeout=20)
    vpp.ctl("set urpf ip4 rx loose host-left")
    assert not answered("172.16.9.9")
    vpp.wait_error("uRPF Drop")
    lib.wait_for(lambda: answered("10.1.0.1"), "an answer to its own address", timeout=20)
    vpp.ctl("ip route add 172.16.9.9/32 via 10.1.0.1 host-left")
    lib.wait_for(lambda: answered("172.16.9.9"), "an answer by the new route", timeout=20)
    vpp.ctl("set urpf ip4 rx strict host-left")
    lib.wait_for(lambda: answered("172.16.9.9"), "an answer by the interface's route", timeout=20)
    drops = vpp.error_count("uRPF Drop")
    vpp.configure("""
        ip route add 172.16.9.9/32 via 10.2.0.1 host-right0
        ip route del 172.16.9.9/32 via 10.1.0.1 host-left
    """)
    assert not answered("172.16.9.9")
    vpp.wait_error("uRPF Drop", drops + 1)
