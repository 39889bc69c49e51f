"""Messages of memclnt, vpe and vlib."""
import glob
import json
import struct
import time

import pytest


def test_show_version(api):
    reply = api.show_version()
    assert reply.retval == 0 and reply.program == "vpe" and reply.version.startswith("26.06")


def test_show_version_length(api):
    api.send("show_version")
    assert len(api.read_body()) == 362


def test_system_time(api):
    assert abs(api.show_vpe_system_time().vpe_system_time - time.time()) < 5


@pytest.mark.parametrize("command,retval,text", [
    ("show version", 0, "vpp v"),
    ("foo", -1, "unknown input `foo'\n"),
    ("", -1, "unknown input `'\n"),
    ("exec /nonexist", -1, "exec: failed to open `/nonexist': No such file or directory"),
])
def test_cli_inband(api, command, retval, text):
    reply = api.cli_inband(cmd=command)
    assert reply.retval == retval and reply.reply.startswith(text)
    assert "\r" not in reply.reply


def test_cli_inband_bytes(api):
    number = api.table["cli_inband_f8377302"]
    body = struct.pack(">HII", number, api.index, 8) + b"\0\0\0\x0cshow version"
    assert len(body) == 26
    api.send_body(body)
    answer = api.read_body()
    assert answer[2:10] == b"\0\0\0\x08\0\0\0\0"
    length = struct.unpack(">I", answer[10:14])[0]
    assert len(answer) == 14 + length and answer.endswith(b"\n")


def test_cli_inband_several(api):
    reply = api.cli_inband(cmd="show clock\nshow version")
    assert reply.retval == 0
    assert "Time now" in reply.reply and "vpp v" in reply.reply
    reply = api.cli_inband(cmd="foo\nshow version")
    assert reply.retval == -1 and "vpp v" not in reply.reply


def test_cli_inband_long_output(api):
    reply = api.cli_inband(cmd="show api message-table\n" * 50)
    assert reply.retval == 0 and len(reply.reply) > 10000


def test_f64(api):
    api.send("get_f64_endian_value", context=1, f64_one=1.0)
    assert api.read_body()[2:] == b"\0\0\0\x01\0\0\0\0" + struct.pack("=d", 1.0)
    assert api.get_f64_increment_by_one(f64_value=41.5).f64_value == 42.5
    number = api.number("get_f64_endian_value")
    api.send_body(struct.pack(">HII", number, api.index, 2) + struct.pack(">d", 1.0))
    assert api.receive().retval == 0xffffffff - 158, "-159: the wrong order"


def test_get_first_msg_id(api):
    api.send("get_first_msg_id", context=3, name="nothing_00000000")
    assert api.read_body() == b"\0\x0b\0\0\0\x03\xff\xff\xff\xf9\xff\xff"
    text = api.cli_inband(cmd="show api plugin").reply
    names = [line.split() for line in text.splitlines()[1:]]
    assert ["memclnt_b197c551", "1", "28"] == names[0]
    assert {"vlib_9a9e84e4", "ip_a092da9f", "ip_neighbor_8bbbad7c", "l2_df21c610", "classify_fdc06ac8", "qos_ad857fa4",
            "tracedump_56abf80a", "af_packet_720ee900"} < {name for name, _, _ in names}, "as on VPP 26.06"
    for name, first, _ in names:
        reply = api.get_first_msg_id(name=name)
        assert reply.retval == 0 and reply.first_msg_id == int(first)


def test_json_lists_what_is_there(build, api):
    """What clients are told of messages is the message table; no type stands there twice."""
    listed = set()
    for path in glob.glob(f"{build}/api/*.api.json") + glob.glob(f"{build}/plugins/*.api.json"):
        with open(path, encoding="utf-8") as f:
            module = json.load(f)
        names = {m[0] for m in module["messages"]}
        listed |= {f"{m[0]}_{m[-1]['crc'][2:]}" for m in module["messages"]}
        types = [t[0] for kind in ("types", "unions", "enums", "enumflags") for t in module[kind]] + list(module["aliases"])
        assert len(types) == len(set(types)), path
        for name, service in module["services"].items():
            said = {name, service["reply"], service.get("stream_msg"), *service.get("events", [])} - {"null", None}
            assert said <= names, path
    assert listed == set(api.table)


def test_api_versions(api):
    reply = api.api_versions()
    found = {v.name: (v.major, v.minor, v.patch) for v in reply.api_versions}
    assert reply.count == len(found) and found["memclnt.api"] == (2, 1, 0)


def test_get_api_json(api):
    api.send("get_api_json", context=4)
    body = api.read_body()
    length = struct.unpack(">I", body[10:14])[0]
    assert body[:10] == b"\0\x1c\0\0\0\x04\0\0\0\0" and len(body) == 14 + length + 1
    assert body[14:16] == b"[\n" and body[-1] == 0


def test_keepalive(api):
    assert api.memclnt_keepalive().retval == 0


def test_log_dump(api):
    api.cli_inband(cmd="set logging class api/socket level warn")
    api.send_body(b"\x7f\xff")  # is logged
    assert api.control_ping().retval == 0
    found = api.log_dump(start_timestamp=0)
    assert any(d.msg_class == "api/socket" and "32767" in d.message for d in found)
    assert abs(found[-1].timestamp - time.time()) < 60
    assert api.log_dump(start_timestamp=time.time() + 1000) == []


def test_show_commands(switch, api):
    assert api.name in switch.vpp.ctl("show api clients")
    assert "23   control_ping" in switch.vpp.ctl("show api message-table")
    assert "control_ping" in switch.vpp.ctl("show api histogram")
    assert "Clients:" in switch.vpp.ctl("show api ring-stats")
    switch.vpp.ctl("clear api histogram")
    assert "control_ping" not in switch.vpp.ctl("show api histogram")
