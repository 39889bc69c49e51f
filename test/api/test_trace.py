"""The trace of API messages: kept, shown, saved, played again."""
import json
import os
import signal
import struct

import pytest
from conftest import Switch, frame
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
    for path in (f"/tmp/{name}", f"/tmp/{name}.json"):
        if os.path.lexists(path):
            os.unlink(path)


def write(name, data):
    with open(f"/tmp/{name}", "wb") as f:
        f.write(data)


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


def test_a_saved_file_shown(trace, api, file):
    api.show_version()
    api.create_loopback_instance(is_specified=True, user_instance=44)
    trace.vpp.ctl("delete loopback interface intfc loop44")
    trace.vpp.ctl(f"api trace save {file}")
    kept = traced(trace)
    text = trace.vpp.ctl("api trace dump")
    trace.vpp.ctl("api trace free")
    assert trace.vpp.ctl(f"api trace dump-file {file}") == text
    assert "user_instance" in trace.vpp.ctl(f"api trace dump-file {file} first 1")
    assert "user_instance" not in trace.vpp.ctl(f"api trace dump-file {file} first 0 last 0")
    shown = json.loads(trace.vpp.ctl(f"api trace dump-json {file}"))["messages"]
    assert len(shown) == 2
    assert [m | {"sent": False, "client": api.index} for m in shown] == kept
    assert f"2 messages saved to /tmp/{file}.json" in trace.vpp.ctl(
        f"api trace tojson {file} {file}.json")
    with open(f"/tmp/{file}.json", encoding="utf-8") as f:
        assert json.load(f)["messages"] == shown
    with pytest.raises(CommandError, match="illegal characters"):
        trace.vpp.ctl(f"api trace tojson {file} ../{file}")
    # a message that is not here: its name, no fields
    with open(f"/tmp/{file}", "rb") as f:
        write(file, f.read().replace(b"show_version", b"show_versiom"))
    shown = json.loads(trace.vpp.ctl(f"api trace dump-json {file}"))["messages"]
    assert list(shown[0]) == ["_msgname", "_crc"] and shown[0]["_msgname"] == "show_versiom"
    write(file, b"PISTEAPI" + b"\0" * 17 + b"\x1b[2J_0123abcd".ljust(64, b"\0"))
    with pytest.raises(CommandError, match="damaged at byte 8"):
        trace.vpp.ctl(f"api trace dump-file {file}")


def test_json_played_again(trace, api, file):
    api.create_loopback_instance(is_specified=True, user_instance=45)
    api.cli_inband(cmd="create loopback interface instance 46")
    trace.vpp.ctl(f"api trace save-json {file}")
    for n in (45, 46):
        trace.vpp.ctl(f"delete loopback interface intfc loop{n}")
    assert "2 messages are played again" in trace.vpp.ctl(f"api trace replay-json {file}")
    wait_for(lambda: "loop46" in trace.vpp.ctl("show int"), "the loopbacks to be back")
    assert "loop45" in trace.vpp.ctl("show int")
    for n in (45, 46):
        trace.vpp.ctl(f"delete loopback interface intfc loop{n}")
    # by hand: a bare array, only what matters
    with open(f"/tmp/{file}", encoding="utf-8") as f:
        one = json.load(f)["messages"][0]
    write(file, json.dumps([{"_msgname": one["_msgname"], "_crc": "0x" + one["_crc"],
                             "is_specified": 1, "user_instance": 47}]).encode())
    assert "1 messages are played again" in trace.vpp.ctl(f"api trace replay-json {file}")
    wait_for(lambda: "loop47" in trace.vpp.ctl("show int"), "the loopback")
    trace.vpp.ctl("delete loopback interface intfc loop47")
    # what is no trace, or no such message: nothing of the file is done
    good = json.dumps(one | {"user_instance": 48})
    bad = ["", "{}", "[", "[1]", good, f"[{good}", f"[{good},", f"[{good}] x", f"[{good} {good}]",
           '{"messages": [' + good + "]", f"[{good}, {{}}]",
           f"[{good}, " + json.dumps(one | {"user_instance": -1 << 40}) + "]",
           f"[{good}, " + json.dumps(one | {"user_instance": "1"}) + "]",
           f"[{good}, " + json.dumps(one | {"mac_address": "00"}) + "]",
           f"[{good}, " + json.dumps(one | {"mac_address": "zz" * 6}) + "]",
           f"[{good}, " + json.dumps(one | {"user_instanze": 3}) + "]",
           f"[{good}, " + json.dumps(one | {"_crc": "\x1b[2J"}) + "]",
           "[" * 100000, '[{"_msgname":' + "[" * 100000]
    for text in bad:
        write(file, text.encode())
        with pytest.raises(CommandError):
            trace.vpp.ctl(f"api trace replay-json {file}")
    assert "loop48" not in trace.vpp.ctl("show int")
    write(file, json.dumps([one | {"_msgname": "create_loopback_instancf"}]).encode())
    assert "no message create_loopback_instancf" in trace.vpp.ctl(f"api trace replay-json {file}")


def test_a_link_in_tmp_is_not_followed(trace, api, file, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.symlink(victim, f"/tmp/{file}")
    with pytest.raises(CommandError, match="not a regular file"):
        trace.vpp.ctl(f"api trace save {file}")
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("how", ["segv", "panic"])
def test_saved_in_a_crash(build, switch, how):
    own = Switch(build, config="api-trace { on }")
    path = f"/tmp/api_post_mortem.{own.vpp.process.pid}"
    try:
        own.vpp.ctl("api trace post-mortem-on")
        assert "saved when the daemon crashes" in own.vpp.ctl("api trace status")
        client = own.connect()
        client.show_version()
        client.create_loopback_instance(is_specified=True, user_instance=49)
        client.close()
        own.vpp.vppctl(f"test crash {how}")
        assert own.vpp.process.wait(60) == -signal.SIGABRT
        assert os.stat(path).st_mode & 0o777 == 0o600
        saved = json.loads(switch.vpp.ctl(f"api trace dump-json {os.path.basename(path)}"))
        assert [m["_msgname"] for m in saved["messages"]][-2:] == [
            "show_version", "create_loopback_instance"]
        assert saved["messages"][-1]["user_instance"] == 49
    finally:
        own.vpp.remove()
        own.namespace.close()
        if os.path.exists(path):
            os.unlink(path)


def test_a_saved_table_of_messages(start, file):
    own = start(config=f"api-trace {{ save-api-table {file} }}")
    table = json.loads(own.vpp.ctl("show api message-table json"))["messages"]
    with open(f"/tmp/{file}", encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert lines == [f"{m['id']} {m['name']}_{m['crc']}" for m in table]
    shown = json.loads(own.vpp.ctl(f"show api dump file {file} numeric json"))["messages"]
    assert [m["id"] for m in shown] == sorted(m["id"] for m in table)
    shown = json.loads(own.vpp.ctl(f"show api dump file {file} json"))["messages"]
    assert [m["name"] for m in shown] == sorted(m["name"] for m in table)

    def differences():
        return json.loads(
            own.vpp.ctl(f"show api dump file {file} compare-current json"))["differences"]

    assert differences() == []
    changed, gone = lines[3].split()[1][:-9], lines[4].split()[1][:-9]
    write(file, "\n".join(lines[:3] + [f"4 {changed}_00000000"] + lines[5:] +
                          ["9999 brand_new_01234567"]).encode())
    assert sorted((d["name"], d["result"]) for d in differences()) == sorted([
        (changed, "definition changed"), (gone, "only in image"), ("brand_new", "only in file")])
    for line in (b"0 a_01234567", b"70000 a_01234567", b"1 a_0123456", b"1 a", b"1 \x1b_01234567",
                 b"1 a_01234567\0", b"1  a_01234567", b"x", b"1 " + b"a" * 100 + b"_01234567", b"\n"):
        write(file, lines[0].encode() + b"\n" + line)
        with pytest.raises(CommandError, match="line 2 is not a message"):
            own.vpp.ctl(f"show api dump file {file}")
    assert "CRC" in own.vpp.ctl("show api message-table verbose")


def test_a_table_that_cannot_be_saved(start):
    """The daemon does without."""
    own = start(config="api-trace { save-api-table ../x }")
    assert "illegal characters in filename" in own.vpp.ctl("show logging")


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
