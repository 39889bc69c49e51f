"""Messages of punt.api about sockets."""
import os
import struct

import pytest
from conftest import Switch

L4, PROTOCOL, EXCEPTION = 0, 1, 2
UDP, OSPF = 17, 89


@pytest.fixture
def punting(build):
    """A daemon with a punt socket."""
    made = Switch(build, config=f"punt {{ socket /tmp/piste-punt-{os.getpid()}.sock }}")
    yield made
    made.close()
    os.unlink(f"/tmp/piste-punt-{os.getpid()}.sock")


def l4(port, protocol=UDP, af=0):
    return {"type": L4, "punt": struct.pack(">BBH", af, protocol, port)}


def proto(number, af=0):
    return {"type": PROTOCOL, "punt": struct.pack(">BB2x", af, number)}


def exception(number):
    return {"type": EXCEPTION, "punt": struct.pack(">I", number)}


def dump(api, kind):
    return [(d.punt.type, bytes(d.punt.punt), d.pathname) for d in api.punt_socket_dump(type=kind)]


def test_punt_sockets(punting):
    api = punting.connect()
    client = "/tmp/piste-client.sock"

    def register(punt, path=client, version=1):
        reply = api.punt_socket_register(header_version=version, punt=punt, pathname=path)
        assert reply.pathname == f"/tmp/piste-punt-{os.getpid()}.sock"
        return reply.retval

    said = [l4(4000), l4(4000, af=1), l4(5000, af=1)], [proto(OSPF), proto(6, af=1)], [exception(2), exception(8)]
    for kind, punts in enumerate(said):
        for punt in punts:
            assert register(punt) == 0 and register(punt) == 0
        assert dump(api, kind) == [(kind, p["punt"], client) for p in punts]
    assert register(l4(4000), path="/tmp/other.sock") == 0
    assert [path for _, _, path in dump(api, L4)] == ["/tmp/other.sock", client, client]
    # what is wrong changes nothing
    for punt in l4(80, 6), l4(65535), l4(1, af=2), proto(UDP), proto(1), proto(58, af=1), exception(0), exception(9), {"type": 3, "punt": bytes(4)}:
        assert register(punt) == -1, punt
    assert register(l4(1), version=2) == register(l4(1), path="") == register(l4(1), path=f"/tmp/piste-punt-{os.getpid()}.sock") == -1
    for path in "/tmp/a b", "/tmp/x\nset punt ipv4 udp all", "/tmp/{x", '/tmp/"x', "/tmp/x\x7f", "/tmp/$(x)", "/tmp/x#y", "/tmp/x\\y":  # which no command can say
        assert register(l4(1), path=path) == -1, path
    assert [len(dump(api, kind)) for kind in (L4, PROTOCOL, EXCEPTION, 3)] == [3, 2, 2, 0]
    for punts in said:
        for punt in punts:
            assert api.punt_socket_deregister(punt=punt).retval == 0
            assert api.punt_socket_deregister(punt=punt).retval == -1
    assert [len(dump(api, kind)) for kind in (L4, PROTOCOL, EXCEPTION)] == [0, 0, 0]


def test_many_clients(punting):
    """Each has a socket; there are so many, and no more."""
    api = punting.connect()
    done = [api.punt_socket_register(header_version=1, punt=l4(1000 + i), pathname=f"/tmp/client-{i}.sock").retval for i in range(300)]
    assert done == [0] * 256 + [-1] * 44
    for i in range(256):
        assert api.punt_socket_deregister(punt=l4(1000 + i)).retval == 0
    assert api.punt_socket_register(header_version=1, punt=l4(1), pathname="/tmp/client.sock").retval == 0


def test_a_long_list_goes_in_pieces(punting):
    """It is made as its reader takes it: what goes meanwhile is not in it any more, what stays is, once."""
    api, slow = punting.connect(), punting.connect()
    many = 12000
    for i in range(0, many, 500):
        contexts = [api.send("punt_socket_register", header_version=1, punt=l4(1000 + n), pathname="/tmp/client.sock")
                    for n in range(i, i + 500)]
        assert [api.receive_for(context).retval for context in contexts] == [0] * 500
    asked = slow.send("punt_socket_dump", type=L4)
    slow.send("control_ping", context=asked)
    ports = [slow.receive_for(asked)]
    assert api.punt_socket_deregister(punt=l4(1000 + many - 1)).retval == 0
    while ports[-1].name_ != "control_ping_reply":
        ports.append(slow.receive_for(asked))
    assert [d.punt.punt for d in ports[:-1]] == [l4(1000 + n)["punt"] for n in range(many - 1)]
    shown = punting.vpp.ctl("show punt socket registrations l4").splitlines()
    assert [line.split()[2] for line in shown] == [str(1000 + n) for n in range(many - 1)]


def test_not_configured(switch, api):
    reply = api.punt_socket_register(header_version=1, punt=l4(4000), pathname="/tmp/x.sock")
    assert (reply.retval, reply.pathname) == (-1, "")
    assert dump(api, L4) == []
