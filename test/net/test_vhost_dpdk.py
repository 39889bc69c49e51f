"""vhost-user with DPDK's virtio-user as the front end, in either role: testpmd answers ARP and pings for any address."""
import lib
import pytest
import testpmd

pytestmark = testpmd.needed
NAME = "VirtualEthernet0/0/0"


@pytest.mark.parametrize("words, device, options", [
    ("server", "", ""),
    ("server gso event-idx", ",mrg_rxbuf=0", ""),
    ("server", ",queues=2,in_order=0", "--rxq=2 --txq=2"),
    ("server packed", ",packed_vq=1", ""),
    ("server packed event-idx", ",packed_vq=1,mrg_rxbuf=0,in_order=0,queue_size=512", ""),
    ("", ",server=1", ""),
    ("packed", ",server=1,packed_vq=1", ""),
])
def test_testpmd_answers_pings(net, words, device, options):
    ns = net.namespace()
    vpp = net.vpp(ns)
    vpp.configure(f"""
        create vhost-user socket vh.sock {words}
        set interface state {NAME} up
        set interface ip address {NAME} 10.40.0.1/24
    """)
    for _ in range(2):  # and once more when it has been away
        peer = testpmd.Testpmd(ns, vpp.folder, f"net_virtio_user0,path={vpp.folder}/vh.sock,mac=02:00:00:00:00:01{device}", words=options)
        try:
            lib.wait_for(lambda: vpp.link(NAME) == "up" or peer.process.poll() is not None, "testpmd to connect", timeout=60)
            assert peer.process.poll() is None, peer.text()
            lib.wait_for(lambda: testpmd.answers_pings(vpp, 56), "five pings to be answered", timeout=60)
            lib.wait_for(lambda: testpmd.answers_pings(vpp, 1400), "five large pings to be answered", timeout=60)
            about = vpp.json("show vhost-user")["interfaces"][0]
            assert ("VIRTIO_F_RING_PACKED" in about["features"]) == ("packed_vq" in device)
            if "queues=2" in device:
                lib.wait_for(lambda: [r["up"] for r in vpp.json("show vhost-user")["interfaces"][0]["rings"]] == [True] * 4, "all queues", timeout=60)
        finally:
            peer.stop()
        lib.wait_for(lambda: vpp.link(NAME) == "down", "the link to go down", timeout=60)
    assert vpp.buffers_used() == 0
    assert "mmap failure" not in str(vpp.errors())
