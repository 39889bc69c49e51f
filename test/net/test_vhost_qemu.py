"""vhost-user with a virtual machine as the guest: QEMU's front end, and the driver of a Linux kernel of its own."""
import lib
import qemu

NAME = "VirtualEthernet0/0/0"
TIMEOUT = 120  # a guest without KVM beside twenty other programs


def test_a_virtual_machine_whose_switch_is_killed(net):
    """Host -- switch -- guest ping each other; the switch is killed, and comes back under the guest, which goes on by itself; then the guest
    is killed."""
    qemu.kernel()
    ns, host = net.namespace(), net.namespace()
    vpp = net.vpp(ns, start=False)
    ns.veth("up0", "host0", host)
    host.ip("addr add 10.8.0.2/24 dev host0")
    host.ip("route add default via 10.8.0.1")
    path = vpp.folder + "/vh.sock"
    vpp.write_conf(unix=f"running-config {vpp.running}")
    with open(vpp.running, "w", encoding="ascii") as f:
        f.write(f"""create vhost-user socket {path} server gso event-idx
            create host-interface name up0
            set interface ip address host-up0 10.8.0.1/24
            set interface ip address {NAME} 10.9.0.1/24
            set interface state host-up0 up
            set interface state {NAME} up
        """)
    vpp.start()
    guest = qemu.Guest(ns, vpp.folder, path, address="10.9.0.2/24", gateway="10.9.0.1", target="10.8.0.2")
    try:
        for _ in range(2):
            guest.wait_answered(3, TIMEOUT)
            assert vpp.link(NAME) == "up"
            assert "VIRTIO_NET_F_HOST_TSO4" in vpp.json("show vhost-user")["interfaces"][0]["features"]
            lib.wait_for(lambda: host.ping("10.9.0.2", size=1400), "the guest to answer the host", TIMEOUT)
            vpp.kill()
            vpp.start()
        guest.wait_answered(3, TIMEOUT)
    finally:
        guest.kill()
    lib.wait_for(lambda: vpp.link(NAME) == "down", "the link to go down", TIMEOUT)
    lib.wait_for(lambda: vpp.buffers_used() == 0, "buffers to be free", TIMEOUT)
    assert not {reason for _, reason in vpp.errors()} & {"mmap failure", "bad virtio header"}
