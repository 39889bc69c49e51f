"""Every message of the table with random bodies, cut short, or with counts that cannot be: the switch answers each
once, or ignores it and says so, and lives."""
import json
import random
import struct

import pytest

# what would only make the test slow, or end it
LEFT_OUT = {"cli_inband", "sockclnt_delete", "sockclnt_create", "get_api_json"}


def drain(api):
    """All that came up to now."""
    context, came = api.send("control_ping"), []
    while True:
        message = api.receive()
        if message.name_ == "control_ping_reply" and message.context == context:
            return came
        came.append(message)


def ignored(api):
    """How many of this client's messages were not understood."""
    clients = json.loads(api.cli_inband(cmd="show api clients json").reply)["clients"]
    return next(int(c["ignored"]) for c in clients if c["handle"] == f"0x{api.index:08x}")


def check_answers(api, name, sent, ignored_before):
    """sent: contexts. Each was answered once, or ignored; dumps answer as often as there is something to tell."""
    came = [m for m in drain(api) if getattr(m, "context", None) in sent]
    service = api.definitions.services.get(name, {})
    if service.get("stream"):
        assert {m.name_ for m in came} <= {service["reply"], service.get("stream_msg")}
        return
    answered = [m.context for m in came]
    assert {m.name_ for m in came} <= {service["reply"]}
    assert len(answered) == len(set(answered)), f"{name} was answered more than once"
    assert len(answered) + ignored(api) - ignored_before == len(sent), name


def requests_of(api):
    for key, number in sorted(api.table.items()):
        name = key.rsplit("_", 1)[0]
        fields = [f[1] for f in api.definitions.messages[name]]
        if fields[:2] == ["client_index", "context"] and name not in LEFT_OUT and \
                not name.endswith(("_reply", "_details")):
            yield name, number


@pytest.mark.parametrize("seed", range(4))
def test_random_bodies(api, seed):
    chance = random.Random(seed)
    for name, number in requests_of(api):
        before, first = ignored(api), chance.getrandbits(31)
        for i in range(25):
            n = chance.choice([0, 1, 4, 8, 20, 40, 100, 400])
            fill = chance.choice(["random", "zero", "ones", "small"])
            if fill == "random":
                body = chance.randbytes(n)
            elif fill == "small":
                body = bytes(chance.choice([0, 0, 0, 1, 2, 3]) for _ in range(n))
            else:
                body = (b"\0" if fill == "zero" else b"\xff") * n
            api.send_body(struct.pack(">HII", number, api.index, first + i) + body)
        check_answers(api, name, range(first, first + 25), before)


def test_counts_that_cannot_be(api):
    for name, number in requests_of(api):
        before, sent = ignored(api), 0
        data = api.definitions.encode(name, {"client_index": api.index, "context": 0})
        for at in range(8, len(data)):
            body = data[:4] + struct.pack(">I", 7000 + sent) + data[8:at] + b"\xff" + data[at + 1:]
            api.send_body(struct.pack(">H", number) + body)
            sent += 1
        check_answers(api, name, range(7000, 7000 + sent), before)


def test_cut_short(api):
    for name, number in requests_of(api):
        before = ignored(api)
        data = api.definitions.encode(name, {"client_index": api.index, "context": 1})
        for n in range(len(data)):
            api.send_body(struct.pack(">H", number) + data[:n])
        stream = api.definitions.services.get(name, {}).get("stream")
        answered = [m for m in drain(api) if getattr(m, "context", None) == 1]
        assert stream or len(answered) + ignored(api) - before == len(data), name
