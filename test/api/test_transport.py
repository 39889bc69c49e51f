"""The socket: handshake, frames, wrong messages, many clients, slow ones and dead ones. Bytes are
compared with what clients of VPP see."""
import os
import socket
import stat
import struct
import threading
import time

import pytest
from conftest import frame
from lib import wait_for

from piste import ApiError


def raw(switch):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect(switch.path)
    return s


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            break
        data += more
    return data


def read_frame(s):
    head = read_exactly(s, 16)
    if len(head) < 16:
        return None
    return read_exactly(s, struct.unpack(">I", head[8:12])[0])


def hello(s):
    s.sendall(bytes(8) + b"\0\0\0\x46" + bytes(4) + b"\0\x0f\x11\x22\x33\x44" + b"probe".ljust(64, b"\0"))
    return read_frame(s)


def test_handshake_bytes(switch):
    s = raw(switch)
    body = hello(s)
    assert body[:14] == b"\0\x10\0\0\0\0\x11\x22\x33\x44\0\0\0\0"
    index, count = struct.unpack(">IH", body[14:20])
    assert index & 0x80000000 and count > 10
    assert len(body) == 20 + 66 * count
    table = {body[22 + 66 * i:86 + 66 * i]: struct.unpack(">H", body[20 + 66 * i:22 + 66 * i])[0]
             for i in range(count)}
    assert table[b"control_ping_51077d14".ljust(64, b"\0")] == 23
    assert table[b"control_ping_reply_f6b0b8ca".ljust(64, b"\0")] == 24
    assert table[b"sockclnt_create_455fb9c4".ljust(64, b"\0")] == 15
    assert table[b"sockclnt_delete_8ac76db6".ljust(64, b"\0")] == 17
    assert table[b"get_api_json_51077d14".ljust(64, b"\0")] == 27
    assert not any(name.startswith(b"memclnt_create_") for name in table), "not over a socket"
    s.close()


def test_control_ping_bytes(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(bytes(8) + b"\0\0\0\x0a" + bytes(4) + b"\0\x17" + index + b"\xde\xad\0\x01")
    body = read_frame(s)
    assert len(body) == 18
    assert body[:10] == b"\0\x18\xde\xad\0\x01\0\0\0\0"
    assert struct.unpack(">I", body[14:])[0] == switch.vpp.pid
    s.close()


def test_first_client_and_slots(start):
    own = start()
    a, b = raw(own), raw(own)
    assert hello(a)[14:18] == b"\x80\0\0\x01"
    assert hello(b)[14:18] == b"\x80\0\0\x02"
    a.close()
    wait_for(lambda: own.vpp.ctl("show api clients").count("probe") == 1, "the client to be gone")
    c = raw(own)
    assert hello(c)[14:18] == b"\x80\0\0\x01", "slots are used again"
    b.close()
    c.close()


def test_table_is_what_the_files_say(api):
    for name in api.table:
        message, crc = name.rsplit("_", 1)
        assert api.definitions.crcs[message] == crc


def test_crcs_are_those_that_clients_know(api):
    with open(os.path.dirname(os.path.abspath(__file__)) + "/crcs.txt", encoding="utf-8") as f:
        known = dict(line.split() for line in f if line[0] != "#")
    for name in api.table:
        message, crc = name.rsplit("_", 1)
        assert message.startswith("fast_path_") or known[message] == crc, message  # which is our own


def test_sockclnt_delete(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(frame(b"\0\x11" + index + b"\0\0\0\x09" + b"\x80\0\x7f\0"))
    assert read_frame(s) == b"\0\x12\0\0\0\x09\xff\xff\xff\xff"
    s.sendall(frame(b"\0\x11" + index + b"\0\0\0\x09" + index))
    assert read_frame(s) == b"\0\x12\0\0\0\x09\0\0\0\x01"
    assert s.recv(1) == b""


def test_byte_by_byte(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    for byte in frame(b"\0\x17" + index + b"\0\0\0\x01") * 3:
        s.sendall(bytes([byte]))
    for _ in range(3):
        assert read_frame(s)[:6] == b"\0\x18\0\0\0\x01"
    s.close()


def test_many_in_one_write(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(b"".join(frame(b"\0\x17" + index + struct.pack(">I", i)) for i in range(1000)))
    for i in range(1000):
        assert struct.unpack(">HI", read_frame(s)[:6]) == (24, i)
    s.close()


@pytest.mark.parametrize("body", [
    b"\x7f\xff" + b"INDX" + b"\0\0\0\x01",             # no such message
    b"\0\x18" + b"INDX" + b"\0\0\0\x01\0\0\0\0\0\0\0\0",  # a reply
    b"\0\0" + b"INDX" + b"\0\0\0\x01",
    b"\0\x17" + b"INDX" + b"\0\0\0",                   # truncated
    b"\0\x17", b"\0",
    b"\0\x17\x80\0\xff\xff\0\0\0\x01",                 # in another's name
    b"\0\x17\0\0\0\0\0\0\0\x01",
    b"\0\x01" + bytes(200),                            # needs shared memory
    b"\0\x0f\0\0\0\x01short",
])
def test_wrong_messages_are_ignored(switch, body):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(frame(body.replace(b"INDX", index)))
    s.sendall(frame(b"\0\x17" + index + b"\0\0\0\x2a"))
    assert read_frame(s)[:6] == b"\0\x18\0\0\0\x2a", "and the connection goes on"
    s.close()


def test_more_than_needed_is_fine(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(frame(b"\0\x17" + index + b"\0\0\0\x2a" + b"more"))
    assert read_frame(s)[:6] == b"\0\x18\0\0\0\x2a"
    s.close()


def test_empty_frame(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(frame(b"") + frame(b"\0\x17" + index + b"\0\0\0\x2a"))
    assert read_frame(s)[:6] == b"\0\x18\0\0\0\x2a"
    s.close()


def test_absurd_length_ends_the_connection(switch):
    s = raw(switch)
    hello(s)
    s.sendall(struct.pack(">QII", 0, 0xfffffff0, 0) + bytes(100))
    assert read_frame(s) is None
    s.close()


def test_before_the_handshake(switch):
    s = raw(switch)
    s.sendall(frame(b"\0\x17\0\0\0\0\0\0\0\x01"))
    assert hello(s)[:2] == b"\0\x10", "only that is answered"
    s.close()


def test_half_closed(switch):
    s = raw(switch)
    index = hello(s)[14:18]
    s.sendall(frame(b"\0\x17" + index + b"\0\0\0\x01") * 100)
    s.shutdown(socket.SHUT_WR)
    for _ in range(100):
        assert read_frame(s)[:6] == b"\0\x18\0\0\0\x01"
    assert s.recv(1) == b""


def test_executed_though_the_client_left(start):
    own = start()
    client = own.connect()
    client.send("cli_inband", cmd="set logging size 77")
    client.close()
    wait_for(lambda: "77" in own.vpp.ctl("show logging configuration"), "the command to have run")


def test_thousand_clients_connect_and_die(switch):
    for i in range(1000):
        s = raw(switch)
        if i % 4 == 0:
            hello(s)
        elif i % 4 == 1:
            s.sendall(frame(b"\0\x0f" + bytes(68)))  # and does not wait for the answer
        elif i % 4 == 2:
            s.sendall(b"\0\0\0\0\0\0\0\0\0\0\0\x46")  # in the middle of a frame
        s.close()
    wait_for(lambda: "probe" not in switch.vpp.ctl("show api clients"), "all to be gone")


def test_five_hundred_at_once(switch):
    clients = [raw(switch) for _ in range(500)]
    for s in clients:
        s.sendall(frame(b"\0\x0f\0\0\0\x01" + b"probe".ljust(64, b"\0")))
    indices = {read_frame(s)[14:18] for s in clients}
    assert len(indices) == 500
    for s in clients:
        s.close()
    wait_for(lambda: "probe" not in switch.vpp.ctl("show api clients"), "all to be gone")


def test_hundred_in_parallel(switch):
    faults = []

    def one(number):
        try:
            s = raw(switch)
            index = hello(s)[14:18]
            for i in range(50):
                s.sendall(frame(b"\0\x17" + index + struct.pack(">I", number * 1000 + i)))
                body = read_frame(s)
                if struct.unpack(">HI", body[:6]) != (24, number * 1000 + i):
                    faults.append((number, i, body))
            s.close()
        except OSError as e:
            faults.append((number, e))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(100)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not faults


def test_slow_reader_harms_nobody(switch):
    slow, quick = raw(switch), raw(switch)
    slow_index, quick_index = hello(slow)[14:18], hello(quick)[14:18]
    ask = frame(struct.pack(">H", 27) + slow_index + b"\0\0\0\x01")  # a long answer each
    slow.setblocking(False)
    asked = 0
    for _ in range(2000):
        try:
            slow.send(ask)
            asked += 1
        except BlockingIOError:
            break
    begin = time.monotonic()
    for i in range(200):
        quick.sendall(frame(b"\0\x17" + quick_index + struct.pack(">I", i)))
        assert struct.unpack(">HI", read_frame(quick)[:6]) == (24, i)
    assert time.monotonic() - begin < 5
    with open(f"/proc/{switch.vpp.pid}/status", encoding="ascii") as f:
        resident_kib = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    assert resident_kib < 400 << 10, "answers are not piled up"
    slow.setblocking(True)
    slow.settimeout(10)
    for _ in range(min(asked, 20)):
        assert read_frame(slow)[:6] == b"\0\x1c\0\0\0\x01"
    slow.close()
    quick.close()


def test_ping_keeps_its_place(api):
    first = api.send("cli_inband", cmd="show version")
    second = api.send("control_ping")
    assert api.receive().context == first
    assert api.receive().context == second


def test_no_answer_to_another(switch, api):
    other = switch.connect()
    other.send("control_ping", client_index=api.index)
    with pytest.raises(TimeoutError):
        api.receive(0.2)
    assert other.control_ping().retval == 0


def test_socket_of_the_configuration(start):
    own = start(config="socksvr { socket-name other.sock }")
    path = own.vpp.folder + "/other.sock"
    assert own.connect(path=path).control_ping().retval == 0
    assert not os.path.exists(own.path)


def test_socket_default_word(start):
    own = start(config="socksvr { default }")
    assert own.connect().control_ping().retval == 0


def test_group_of_the_socket(start):
    own = start(config="api-segment { gid 12345 }")
    st = os.stat(own.path)
    assert st.st_gid == 12345 and st.st_mode & stat.S_IWGRP and not st.st_mode & stat.S_IWOTH


def test_unknown_message_is_an_error_of_ours(api):
    with pytest.raises(ApiError):
        api.request("no_such_message")


def test_definitions_from_the_switch(switch):
    plain = switch.connect()
    told = switch.connect()
    told.definitions = told.ask_definitions()
    for name in plain.table:
        message = name.rsplit("_", 1)[0]
        assert told.definitions.crcs[message] == plain.definitions.crcs[message]
        assert told.definitions.messages[message] == plain.definitions.messages[message]
