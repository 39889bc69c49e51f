"""memif with DPDK's net_memif as the peer, both ways round: testpmd answers ARP and pings for any address."""
import os

import lib
import pytest
import testpmd

pytestmark = testpmd.needed


@pytest.mark.parametrize("role, words, eal", [
    ("master", "role=client,rsize=9,bsize=2048,secret=hush", ""),
    ("master", "role=client,zero-copy=yes,secret=hush", "--single-file-segments"),
    ("slave", "role=server,secret=hush", ""),
])
def test_testpmd_answers_pings(net, role, words, eal):
    ns = net.namespace()
    vpp = net.vpp(ns)
    vpp.configure(f"""
        create memif socket id 1 filename m.sock
        create interface memif id 0 socket-id 1 {role} secret hush
        set interface state memif1/0 up
        set interface ip address memif1/0 10.40.0.1/24
    """)
    for _ in range(2):  # and once more when it has been away
        peer = testpmd.Testpmd(ns, vpp.folder, f"net_memif0,id=0,socket={vpp.folder}/m.sock,socket-abstract=no,{words}", eal)
        try:
            lib.wait_for(lambda: vpp.link("memif1/0") == "up" or peer.process.poll() is not None, "testpmd to connect", timeout=60)
            assert peer.process.poll() is None, peer.text()
            lib.wait_for(lambda: testpmd.answers_pings(vpp, 56), "five pings to be answered", timeout=60)
            assert testpmd.answers_pings(vpp, 1400)
        finally:
            peer.stop()
        lib.wait_for(lambda: vpp.link("memif1/0") == "down", "the link to go down", timeout=30)
        if role == "slave" and os.path.exists(vpp.folder + "/m.sock"):
            os.unlink(vpp.folder + "/m.sock")  # which a server of DPDK's does not take over
    assert vpp.buffers_used() == 0
    assert "zero-copy" not in words or "bad descriptor" not in str(vpp.errors())
