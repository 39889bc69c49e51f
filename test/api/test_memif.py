"""Messages of memif.api, old ones and new."""
import pytest
import lib

NONE = 0xffffffff
MASTER, SLAVE = 0, 1
NO_MAC = bytes(6)


def create(api, message="memif_create_v2", **kwargs):
    fields = {"role": MASTER, "mode": 0, "rx_queues": 0, "tx_queues": 0, "id": 0, "socket_id": 0, "ring_size": 0,
              "buffer_size": 0, "no_zero_copy": False, "hw_addr": NO_MAC, "secret": "", **kwargs}
    return getattr(api, message)(**fields)


@pytest.fixture(autouse=True)
def nothing_is_left(api):
    yield
    for d in api.memif_dump():
        assert api.memif_delete(sw_if_index=d.sw_if_index).retval == 0
    for d in api.memif_socket_filename_dump():
        if d.socket_id:
            assert api.memif_socket_filename_add_del(is_add=False, socket_id=d.socket_id).retval == 0


def sockets(api):
    return {d.socket_id: d.socket_filename for d in api.memif_socket_filename_dump()}


def test_sockets(switch, api):
    default = switch.vpp.folder + "/memif.sock"
    assert sockets(api) == {0: default}

    def add(ident, name, is_add=True):
        return api.memif_socket_filename_add_del(is_add=is_add, socket_id=ident, socket_filename=name).retval
    assert add(7, "/tmp/x.sock") == 0
    assert add(7, "/tmp/x.sock") == 0
    assert add(7, "/tmp/y.sock") == -116
    assert add(0, "/tmp/y.sock") == -73
    assert add(NONE, "/tmp/y.sock") == -73
    assert add(8, "") == -73
    assert add(8, "two words") == -73  # which no command says
    assert add(9, "", is_add=False) == -73
    made = api.memif_socket_filename_add_del_v2(is_add=True, socket_id=NONE, socket_filename="below/z.sock")
    assert (made.retval, made.socket_id) == (0, 1)
    made = api.memif_socket_filename_add_del_v2(is_add=True, socket_id=3, socket_filename="abstract:piste-api")
    assert (made.retval, made.socket_id) == (0, 3)
    assert sockets(api) == {0: default, 1: switch.vpp.folder + "/below/z.sock", 3: "abstract:piste-api", 7: "/tmp/x.sock"}
    assert api.memif_socket_filename_add_del_v2(is_add=True, socket_id=4, socket_filename="/" + 200 * "x").retval == -73
    assert create(api, socket_id=3).retval == 0
    assert add(3, "", is_add=False) == -74
    assert add(7, "", is_add=False) == 0


def test_an_index_that_was_free(api):
    """A dump has all, whatever index an interface was given."""
    loop = api.create_loopback(mac_address=NO_MAC).sw_if_index
    made = {create(api, id=1).sw_if_index}
    assert api.delete_loopback(sw_if_index=loop).retval == 0
    made.add(create(api, id=2).sw_if_index)
    assert {d.sw_if_index for d in api.memif_dump()} == made


def test_interfaces(switch, api):
    one = create(api, id=5, ring_size=256, buffer_size=1024, hw_addr=bytes.fromhex("020000000055"), secret="hush")
    assert one.retval == 0
    api.memif_socket_filename_add_del(is_add=True, socket_id=2, socket_filename=switch.vpp.folder + "/memif.sock")
    two = create(api, "memif_create", role=SLAVE, id=5, socket_id=2, secret="hush", ring_size=512, rx_queues=2)
    assert two.retval == 0
    found = {d.if_name: d for d in api.memif_dump()}
    assert sorted(found) == ["memif0/5", "memif2/5"]
    d = found["memif0/5"]
    assert (d.sw_if_index, d.id, d.role, d.mode, d.socket_id, d.ring_size, d.buffer_size, d.zero_copy, d.flags) == \
        (one.sw_if_index, 5, MASTER, 0, 0, 256, 1024, False, 0)
    assert switch.vpp.mac("memif0/5") == "02:00:00:00:00:55"
    assert found["memif2/5"].zero_copy and found["memif2/5"].role == SLAVE
    for made in (one, two):
        assert api.sw_interface_set_flags(sw_if_index=made.sw_if_index, flags=1).retval == 0
    lib.wait_for(lambda: {d.flags for d in api.memif_dump()} == {3}, "the link", timeout=20)
    assert {d.ring_size for d in api.memif_dump()} == {512}  # what the two have agreed on
    assert api.memif_delete(sw_if_index=two.sw_if_index).retval == 0
    assert api.memif_delete(sw_if_index=two.sw_if_index).retval == -2
    assert api.memif_delete(sw_if_index=0).retval == -2
    lib.wait_for(lambda: [d.flags for d in api.memif_dump()] == [1], "the link to go down", timeout=20)


def test_what_is_refused(api, switch):
    assert create(api, id=1).retval == 0
    for kwargs, retval in (({"id": 1}, -68), ({"id": 2, "role": SLAVE}, -68), ({"socket_id": 99}, -73), ({"id": 2, "ring_size": 500}, -73),
                           ({"id": 2, "mode": 9}, -12), ({"id": 2, "secret": "{"}, -73), ({"id": 2, "secret": "|"}, -73)):
        reply = create(api, **kwargs)
        assert (reply.retval, reply.sw_if_index) == (retval, NONE), kwargs
    api.memif_socket_filename_add_del(is_add=True, socket_id=4, socket_filename=switch.vpp.folder + "/memif.sock")
    assert create(api, socket_id=4).retval == -14  # we listen there ourselves
    assert len(api.memif_dump()) == 1
