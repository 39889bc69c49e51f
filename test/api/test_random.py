"""Every message of the table with random bodies, cut short, or with counts that cannot be: the switch answers or
ignores, and lives."""
import random
import struct

import pytest

# what would only make the test slow, or end it
LEFT_OUT = {"cli_inband", "sockclnt_delete", "sockclnt_create", "get_api_json"}


def drain(api):
    context = api.send("control_ping")
    while True:
        message = api.receive()
        if message.name_ == "control_ping_reply" and message.context == context:
            return


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
        for _ in range(25):
            n = chance.choice([0, 1, 4, 8, 20, 40, 100, 400])
            fill = chance.choice(["random", "zero", "ones", "small"])
            if fill == "random":
                body = chance.randbytes(n)
            elif fill == "small":
                body = bytes(chance.choice([0, 0, 0, 1, 2, 3]) for _ in range(n))
            else:
                body = (b"\0" if fill == "zero" else b"\xff") * n
            api.send_body(struct.pack(">HII", number, api.index, chance.getrandbits(32)) + body)
        drain(api)
        assert name


def test_counts_that_cannot_be(api):
    for name, number in requests_of(api):
        data = api.definitions.encode(name, {"client_index": api.index, "context": 1})
        for at in range(8, len(data)):
            api.send_body(struct.pack(">H", number) + data[:at] + b"\xff" + data[at + 1:])
        drain(api)


def test_cut_short(api):
    for name, number in requests_of(api):
        data = api.definitions.encode(name, {"client_index": api.index, "context": 1})
        for n in range(len(data)):
            api.send_body(struct.pack(">H", number) + data[:n])
        drain(api)
