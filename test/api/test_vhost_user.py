"""Messages of vhost_user.api, old ones and new."""
import pytest

NONE = 0xffffffff
NO_MAC = bytes(6)


def create(api, path, message="create_vhost_user_if_v2", **kwargs):
    fields = {"is_server": True, "sock_filename": path, "renumber": False, "disable_mrg_rxbuf": False, "disable_indirect_desc": False,
              "enable_gso": False, "enable_packed": False, "custom_dev_instance": 0, "use_custom_mac": False, "mac_address": NO_MAC,
              "tag": "", **kwargs}
    if message.endswith("v2"):
        fields.setdefault("enable_event_idx", False)
    return getattr(api, message)(**fields)


@pytest.fixture(autouse=True)
def nothing_is_left(api):
    yield
    for d in api.sw_interface_vhost_user_dump(sw_if_index=NONE):
        assert api.delete_vhost_user_if(sw_if_index=d.sw_if_index).retval == 0


def test_an_index_that_was_free(switch, api):
    """A dump has all, whatever index an interface was given."""
    loop = api.create_loopback(mac_address=NO_MAC).sw_if_index
    made = {create(api, switch.vpp.folder + "/one").sw_if_index}
    assert api.delete_loopback(sw_if_index=loop).retval == 0
    made.add(create(api, switch.vpp.folder + "/two").sw_if_index)
    assert {d.sw_if_index for d in api.sw_interface_vhost_user_dump(sw_if_index=NONE)} == made


def test_interfaces(switch, api):
    path = switch.vpp.folder + "/vh.sock"
    one = create(api, path, use_custom_mac=True, mac_address=bytes.fromhex("020000000055"), tag="vm one", enable_event_idx=True)
    two = create(api, path + "2", "create_vhost_user_if", is_server=False, renumber=True, custom_dev_instance=9, disable_mrg_rxbuf=True,
                 disable_indirect_desc=True)
    assert (one.retval, two.retval) == (0, 0)
    found = {d.interface_name: d for d in api.sw_interface_vhost_user_dump(sw_if_index=NONE)}
    assert sorted(found) == ["VirtualEthernet0/0/0", "VirtualEthernet0/0/9"]
    d = found["VirtualEthernet0/0/0"]
    assert (d.sw_if_index, d.virtio_net_hdr_sz, d.features_first_32, d.features_last_32, d.is_server, d.sock_filename, d.num_regions, d.sock_errno) \
        == (one.sw_if_index, 0, 0, 0, True, path, 0, 0)
    assert (found["VirtualEthernet0/0/9"].is_server, found["VirtualEthernet0/0/9"].sock_errno) == (False, 2)
    assert switch.vpp.mac("VirtualEthernet0/0/0") == "02:00:00:00:00:55"
    config = switch.vpp.running_config()
    assert f"create vhost-user socket {path} renumber 0 hwaddr 02:00:00:00:00:55 server event-idx" in config
    assert any(line.endswith(" feature-mask 0xffffffffefff7fff") for line in config)
    [only] = api.sw_interface_vhost_user_dump(sw_if_index=two.sw_if_index)
    assert only.interface_name == "VirtualEthernet0/0/9"
    assert api.modify_vhost_user_if_v2(sw_if_index=two.sw_if_index, is_server=True, sock_filename=path + "3", renumber=False, enable_gso=True,
                                       enable_packed=True, enable_event_idx=True, custom_dev_instance=0).retval == 0
    [only] = api.sw_interface_vhost_user_dump(sw_if_index=two.sw_if_index)
    assert (only.is_server, only.sock_filename, only.sock_errno) == (True, path + "3", 0)
    assert api.modify_vhost_user_if(sw_if_index=two.sw_if_index, is_server=False, sock_filename=path + "4", renumber=False, enable_gso=False,
                                    enable_packed=False, custom_dev_instance=0).retval == 0
    assert f"socket {path}4 renumber 9" in "\n".join(switch.vpp.running_config())
    assert api.delete_vhost_user_if(sw_if_index=two.sw_if_index).retval == 0
    assert api.delete_vhost_user_if(sw_if_index=two.sw_if_index).retval == -2
    assert not api.sw_interface_vhost_user_dump(sw_if_index=two.sw_if_index)


def test_what_is_refused(switch, api):
    path = switch.vpp.folder + "/vh.sock"
    one = create(api, path)
    assert one.retval == 0
    for kwargs, retval in (({"sock_filename": path}, -79), ({"renumber": True}, -79), ({"sock_filename": ""}, -73),
                           ({"sock_filename": "/" + 150 * "x"}, -73), ({"sock_filename": "/nowhere/x"}, -11),
                           ({"sock_filename": "two words"}, -73)):
        made = create(api, kwargs.pop("sock_filename", path + "2"), **kwargs)
        assert (made.retval, made.sw_if_index) == (retval, NONE), kwargs
    fields = {"is_server": True, "renumber": False, "enable_gso": False, "enable_packed": False, "custom_dev_instance": 0}
    assert api.modify_vhost_user_if(sw_if_index=0, sock_filename=path, **fields).retval == -2
    assert api.modify_vhost_user_if(sw_if_index=one.sw_if_index, sock_filename="/nowhere/x", **fields).retval == -11
    [d] = api.sw_interface_vhost_user_dump(sw_if_index=NONE)  # as it was
    assert (d.sock_filename, d.sock_errno) == (path, 0)
