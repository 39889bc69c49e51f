"""The trace of API messages: kept, shown, saved, played again."""
import json
import os
import struct

import pytest
from conftest import frame
from lib import CommandError, wait_for


def traced(switch, words=""):
    return json.loads(switch.vpp.ctl(f"show api trace {words} json"))["messages"]


@pytest.fixture
def trace(switch, api):
    """On, and empty."""
    switch.vpp.ctl("api trace free")
    switch.vpp.ctl("api trace on nitems 1000")
    yield switch
    switch.vpp.ctl("api trace off")
    switch.vpp.ctl("api trace free")


@pytest.fixture
def file():
    name = f"piste-trace-{os.getpid()}"
    yield name
    for path in (f"/tmp/{name}",):
        if os.path.exists(path):
            os.unlink(path)


def test_requests_are_kept_in_order(trace, api):
    api.show_version()
    api.create_loopback_instance(is_specified=True, user_instance=40)
    api.cli_inband(cmd="show version")
    api.delete_loopback(sw_if_index=1 << 20)
    got = traced(trace)
    assert [m["_msgname"] for m in got] == [
        "show_version", "create_loopback_instance", "cli_inband", "delete_loopback"]
    assert got[1]["is_specified"] == 1 and got[1]["user_instance"] == 40
    assert got[1]["mac_address"] == "000000000000"
    assert got[2]["cmd"] == "show version"
    assert got[3]["sw_if_index"] == 1 << 20
    assert not any(m["sent"] for m in got)
    text = trace.vpp.ctl("api trace dump")
    assert '"_msgname": "cli_inband"' in text and "from client 0x8" in text
    assert [m["_msgname"] for m in traced(trace, "first 1 last 2")] == [
        "create_loopback_instance", "cli_inband"]
    assert traced(trace, "first 9 last 2") == []
    trace.vpp.ctl("delete loopback interface intfc loop40")


def test_answers_too(trace, api):
    trace.vpp.ctl("api trace on tx")
    api.show_version()
    request, answer = traced(trace)
    assert (request["_msgname"], answer["_msgname"]) == ("show_version", "show_version_reply")
    assert answer["sent"] and answer["program"] == "vpe" and not request["sent"]


def test_the_last_ones_are_kept(trace, api):
    trace.vpp.ctl("api trace on nitems 5")
    for i in range(20):
        api.delete_loopback(sw_if_index=(1 << 20) + i)
    assert [m["sw_if_index"] - (1 << 20) for m in traced(trace)] == [15, 16, 17, 18, 19]
    trace.vpp.ctl("api trace on nitems 3")
    assert [m["sw_if_index"] - (1 << 20) for m in traced(trace)] == [17, 18, 19]
    trace.vpp.ctl("api trace on nitems 4")
    api.delete_loopback(sw_if_index=(1 << 20) + 20)
    api.delete_loopback(sw_if_index=(1 << 20) + 21)
    assert [m["sw_if_index"] - (1 << 20) for m in traced(trace)] == [18, 19, 20, 21]
    assert "API trace is on\n4 messages of at most 4" in trace.vpp.ctl("show api trace-status")
    trace.vpp.ctl("api trace off")
    api.show_version()
    assert len(traced(trace)) == 4
    trace.vpp.ctl("api trace free")
    assert traced(trace) == []


def test_saved_and_played_again(trace, api, file):
    api.create_loopback_instance(is_specified=True, user_instance=41)
    api.create_loopback_instance(is_specified=True, user_instance=42)
    assert "2 messages saved" in trace.vpp.ctl(f"api trace save {file}")
    for n in (41, 42):
        trace.vpp.ctl(f"delete loopback interface intfc loop{n}")
    assert "2 messages are played again" in trace.vpp.ctl(f"api trace replay {file}")
    wait_for(lambda: "loop42" in trace.vpp.ctl("show int"), "the loopbacks to be back")
    assert "loop41" in trace.vpp.ctl("show int")
    wait_for(lambda: "replay" not in trace.vpp.ctl("show api clients"), "its client to be gone")
    for n in (41, 42):
        trace.vpp.ctl(f"delete loopback interface intfc loop{n}")
    trace.vpp.ctl(f"api trace save-json {file}")
    with open(f"/tmp/{file}", encoding="utf-8") as f:
        saved = json.load(f)["messages"]
    assert [m["user_instance"] for m in saved[:2]] == [41, 42]


def test_damaged_files(trace, api, file):
    """Nothing of them is done, wherever they end."""
    api.create_loopback_instance(is_specified=True, user_instance=43)
    trace.vpp.ctl("delete loopback interface intfc loop43")
    trace.vpp.ctl(f"api trace save {file}")
    with open(f"/tmp/{file}", "rb") as f:
        whole = f.read()
    bad = [b"", b"PISTE", b"#!/bin/sh\n", whole[:-1], whole[:40], whole + b"\0",
           whole[:8] + b"\xff" * 4 + whole[12:], whole[:8 + 17] + b"x" * 64 + whole[8 + 81:]]
    for data in bad:
        with open(f"/tmp/{file}", "wb") as f:
            f.write(data)
        with pytest.raises(CommandError, match="not a saved API trace|damaged at byte"):
            trace.vpp.ctl(f"api trace replay {file}")
    with open(f"/tmp/{file}", "wb") as f:
        f.write(whole.replace(b"create_loopback_instance", b"create_loopback_instancf"))
    assert "no message create_loopback_instancf" in trace.vpp.ctl(f"api trace replay {file}")
    assert "loop43" not in trace.vpp.ctl("show int")
    for name in ("../etc/passwd", "/etc/passwd", "nosuchfile.trace"):
        with pytest.raises(CommandError):
            trace.vpp.ctl(f"api trace replay {name}")


def test_what_a_trace_shows_of_garbage(trace, api):
    """Bytes that are no text still make valid JSON."""
    cmd = b"\xff\xfe\x00\x01\"\\"
    number = next(n for n, name in api.names.items() if name == "cli_inband")
    api.socket.sendall(frame(struct.pack(">HI", number, api.index) + b"\0\0\0\1" +
                             struct.pack(">I", len(cmd)) + cmd))
    wait_for(lambda: traced(trace), "the message")


def test_from_the_start(start):
    own = start(config="api-trace { on nitems 7 }")
    client = own.connect()
    client.show_version()
    assert "API trace is on" in own.vpp.ctl("api trace status")
    assert "at most 7" in own.vpp.ctl("api trace status")
    assert "show_version" in [m["_msgname"] for m in traced(own)]
