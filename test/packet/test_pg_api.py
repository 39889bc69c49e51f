"""Messages of pg.api, and captures by interface.api."""
import os

import pytest
from packet_lib import Records, wait_for
from piste import Api

PCAP_FAILED = -93


@pytest.fixture(scope="module")
def api(switch, build):
    client = Api(switch.folder + "/api.sock", folder=f"{build}/api:{build}/plugins")
    yield client
    client.close()


def test_interfaces(switch, api):
    reply = api.pg_create_interface_v3(interface_id=5, pg_flags=2, gso_size=1400, mode=0)
    assert reply.retval == 0
    assert switch.interfaces()["pg5"]["sw_if_index"] == reply.sw_if_index
    assert "gso_size: 1400" in switch.ctl("show packet-generator interface pg5")
    again = api.pg_create_interface_v2(interface_id=5, gso_enabled=False, gso_size=0, mode=1)
    assert (again.retval, again.sw_if_index) == (0, reply.sw_if_index)
    assert api.pg_interface_enable_disable_coalesce(sw_if_index=reply.sw_if_index,
                                                    coalesce_enabled=True).retval == 0
    assert "coalesce_enabled: 1" in switch.ctl("show packet-generator interface pg5")
    assert api.pg_delete_interface(sw_if_index=reply.sw_if_index).retval == 0
    assert "pg5" not in switch.interfaces()
    assert api.pg_delete_interface(sw_if_index=0).retval == -2
    for wrong in ({"mode": 9, "pg_flags": 0}, {"mode": 0, "pg_flags": 2}):
        reply = api.pg_create_interface_v3(interface_id=7, gso_size=0, **wrong)
        assert (reply.retval, reply.sw_if_index) == (-7, 0xffffffff)
    old = api.pg_create_interface(interface_id=6, gso_enabled=False, gso_size=0)
    assert old.retval == 0 and "pg6" in switch.interfaces()


@pytest.fixture(name="stream", scope="module")
def seven_packets(switch):
    """Stream `s', of seven packets from pg0 to pg1."""
    switch.pg(0)
    switch.pg(1)
    switch.ctl("packet-generator new { name s limit 7 source pg0 node pg1 data { hex 0x00 } }")


@pytest.mark.usefixtures("stream")
def test_streams_and_captures(switch, api):
    path = switch.new_file("api.pcap")
    assert api.pg_capture(interface_id=1, is_enabled=True, count=5, pcap_file_name=path).retval == 0
    assert api.pg_enable_disable(is_enabled=True, stream_name="s").retval == 0
    wait_for(lambda: switch.stream("s")["count"] == 7 and not switch.stream("s")["enabled"], "the end")
    assert len(Records(path).frames) == 5
    assert api.pg_capture(interface_id=1, is_enabled=True, count=5,
                          pcap_file_name=path).retval == PCAP_FAILED
    assert api.pg_capture(interface_id=99, is_enabled=True, count=5, pcap_file_name=path).retval == 0
    for name in ("", "nosuch"):  # all
        assert api.pg_enable_disable(is_enabled=True, stream_name=name).retval == 0
        wait_for(lambda: not switch.stream("s")["enabled"], "the end")
        assert switch.stream("s")["count"] == 7


@pytest.mark.usefixtures("stream")
def test_pcap_trace(switch, api):
    name = f"piste-api-{os.getpid()}.pcap"
    on = {"capture_rx": False, "capture_tx": True, "capture_drop": False, "filter": False,
          "preallocate_data": False, "free_data": False, "max_packets": 3, "max_bytes_per_packet": 64,
          "sw_if_index": 0, "error": "", "filename": name}
    assert api.pcap_trace_off().retval == -81
    assert api.pcap_trace_on(**{**on, "sw_if_index": 99}).retval == -2
    assert api.pcap_trace_on(**on).retval == 0
    assert api.pcap_trace_on(**on).retval == -7
    switch.run_stream("s")
    try:
        assert api.pcap_trace_off().retval == 0
        assert len(Records("/tmp/" + name).frames) == 3
        # a filter or a reason that is not there asks for all
        os.unlink("/tmp/" + name)
        for more in {"filter": True}, {"error": "nosuch.reason"}, {"error": "nosuch"}:
            assert api.pcap_trace_on(**{**on, **more}).retval == 0, more
            switch.run_stream("s")
            assert api.pcap_trace_off().retval == 0
            assert len(Records("/tmp/" + name).frames) == 3
    finally:
        os.unlink("/tmp/" + name)
