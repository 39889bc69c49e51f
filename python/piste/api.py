"""Client of the binary API socket; written from the description of the protocol, without any of the
switch's own code: the tests use it."""
import glob
import json
import os
import select
import socket
import struct
import time

SCALARS = {"u8": ">B", "i8": ">b", "u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q",
           "i64": ">q", "bool": ">?", "f64": "=d"}
SOCKCLNT_CREATE, SOCKCLNT_CREATE_REPLY = 15, 16
HEADER = struct.Struct(">QII")  # q, length, mark


class ApiError(Exception):
    """The connection broke, or the switch does not know a message."""


class Message:
    """A decoded message, or struct within one: fields are attributes."""

    def __init__(self, name, fields):
        self.name_ = name
        self.__dict__.update(fields)

    def __repr__(self):
        return f"{self.name_}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items() if k != 'name_')})"

    def __eq__(self, other):
        return isinstance(other, Message) and self.__dict__ == other.__dict__


class Definitions:
    """What the .api.json files say."""

    def __init__(self):
        self.messages, self.crcs, self.types, self.unions = {}, {}, {}, {}
        self.enums, self.enum_values, self.aliases, self.services = {}, {}, {}, {}

    @classmethod
    def from_folder(cls, folder):
        """Several have ":" between them, as in VPP_API_DIR."""
        self = cls()
        for path in sorted(path for each in folder.split(":")
                           for path in glob.glob(each + "/**/*.api.json", recursive=True)):
            with open(path, encoding="utf-8") as f:
                self.add(json.load(f))
        return self

    def add(self, file):
        for kind in ("enums", "enumflags"):
            for name, *values, options in file.get(kind, []):
                self.enums[f"vl_api_{name}_t"] = options["enumtype"]
                self.enum_values[f"vl_api_{name}_t"] = {v[0]: v[1] for v in values}
        for name, what in file.get("aliases", {}).items():
            self.aliases[f"vl_api_{name}_t"] = what
        for name, *fields in file.get("types", []):
            self.types[f"vl_api_{name}_t"] = [f for f in fields if isinstance(f, list)]
        for name, *fields in file.get("unions", []):
            self.unions[f"vl_api_{name}_t"] = [f for f in fields if isinstance(f, list)]
        for name, *fields in file.get("messages", []):
            self.messages[name] = [f for f in fields[1:] if isinstance(f, list)]
            self.crcs[name] = fields[-1]["crc"][2:]
        self.services.update(file.get("services", {}))

    # --- encoding ---

    def encode(self, name, values):
        """The message behind its id."""
        return self._encode_fields(self.messages[name], values, name)

    def _encode_fields(self, fields, values, where):
        if isinstance(values, Message):
            values = values.__dict__
        unknown = set(values) - {f[1] for f in fields} - {"name_"}
        if unknown:
            raise ApiError(f"{where} has no {', '.join(sorted(unknown))}")
        values = dict(values)
        for field in fields:  # counts follow from what is counted
            if len(field) > 3 and isinstance(field[3], str):
                values.setdefault(field[3], len(values.get(field[1], ())))
        return b"".join(self._encode_field(f, values.get(f[1]), where) for f in fields)

    def _encode_field(self, field, value, where):
        kind, length = field[0], field[2] if len(field) > 2 and isinstance(field[2], int) else None
        if kind == "string":
            data = (value or "").encode() if isinstance(value or "", str) else value
            return struct.pack(">I", len(data)) + data if not length else data.ljust(length, b"\0")[:length]
        if length is None:
            return self._encode_one(kind, value, f"{where}.{field[1]}")
        if kind == "u8" and isinstance(value, (bytes, bytearray)):
            return bytes(value).ljust(length, b"\0") if length else bytes(value)
        items = list(value or [])
        items += [None] * (length - len(items))
        return b"".join(self._encode_one(kind, v, f"{where}.{field[1]}") for v in items)

    def _encode_one(self, kind, value, where):
        if kind in SCALARS:
            return struct.pack(SCALARS[kind], value or 0)
        if kind in self.enums:
            return struct.pack(SCALARS[self.enums[kind]], value or 0)
        if kind in self.aliases:
            alias = self.aliases[kind]
            return self._encode_field([alias["type"], where] + ([alias["length"]] if "length" in alias else []),
                                      value, where)
        if kind in self.unions:
            data = value if isinstance(value, (bytes, bytearray)) else self._encode_arm(kind, value, where)
            return bytes(data).ljust(self.size(kind), b"\0")
        return self._encode_fields(self.types[kind], value or {}, where)

    def _encode_arm(self, kind, value, where):
        for field in self.unions[kind]:
            if value and field[1] in value:
                return self._encode_field(field, value[field[1]], where)
        return b""

    def size(self, kind):
        """Of a type of fixed size."""
        if kind in SCALARS:
            return struct.calcsize(SCALARS[kind])
        if kind in self.enums:
            return self.size(self.enums[kind])
        if kind in self.aliases:
            return self.size(self.aliases[kind]["type"]) * self.aliases[kind].get("length", 1)
        if kind in self.unions:
            return max(self._field_size(f) for f in self.unions[kind])
        return sum(self._field_size(f) for f in self.types[kind])

    def _field_size(self, field):
        length = field[2] if len(field) > 2 and isinstance(field[2], int) else 1
        return length if field[0] == "string" else self.size(field[0]) * length

    # --- decoding ---

    def decode(self, name, data):
        """(message, bytes taken)"""
        return self._decode_fields(name, self.messages[name], data, 0)

    def _decode_fields(self, name, fields, data, at):
        values = {}
        for field in fields:
            values[field[1]], at = self._decode_field(field, data, at, values)
        return Message(name, values), at

    def _decode_field(self, field, data, at, values):
        kind, length = field[0], field[2] if len(field) > 2 and isinstance(field[2], int) else None
        if kind == "string":
            if not length:
                length = struct.unpack_from(">I", data, at)[0]
                at += 4
            return data[at:at + length].split(b"\0")[0].decode(errors="replace"), at + length
        if length is None:
            return self._decode_one(kind, data, at)
        if len(field) > 3 and isinstance(field[3], str):
            length = values[field[3]]
        elif length == 0:
            length = (len(data) - at) // self.size(kind)
        if kind == "u8":
            return data[at:at + length], at + length
        items = []
        for _ in range(length):
            item, at = self._decode_one(kind, data, at)
            items.append(item)
        return items, at

    def _decode_one(self, kind, data, at):
        kind = self.enums.get(kind, kind)
        if kind in SCALARS:
            return struct.unpack_from(SCALARS[kind], data, at)[0], at + struct.calcsize(SCALARS[kind])
        if kind in self.aliases:
            alias = self.aliases[kind]
            return self._decode_field([alias["type"], kind] + ([alias["length"]] if "length" in alias else []),
                                      data, at, {})
        if kind in self.unions:
            end = at + self.size(kind)
            return data[at:end], end
        return self._decode_fields(kind, self.types[kind], data, at)


class Api:
    """One connection. Each message of the switch is a method: api.control_ping() returns the reply,
    api.X_dump() a list of details. What comes unasked is kept in events."""

    def __init__(self, path="/run/vpp/api.sock", folder=None, name="piste", timeout=10.0):
        self.path, self.name, self.timeout = path, name, timeout
        self.folder = folder or os.environ.get("VPP_API_DIR")
        self.events, self.context, self.buffer = [], 0, bytearray()
        self.table, self.names, self.index = {}, {}, 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.connect()
        self.definitions = Definitions.from_folder(self.folder) if self.folder else self.ask_definitions()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- frames ---

    def send_body(self, body):
        self.socket.settimeout(self.timeout)
        self.socket.sendall(HEADER.pack(0, len(body), 0) + body)

    def read_body(self, timeout=None):
        """One message with its id; ApiError at the end of the stream, TimeoutError."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            if len(self.buffer) >= HEADER.size:
                length = HEADER.unpack_from(self.buffer)[1]
                if len(self.buffer) >= HEADER.size + length:
                    body = bytes(self.buffer[HEADER.size:HEADER.size + length])
                    del self.buffer[:HEADER.size + length]
                    return body
            left = end - time.monotonic()
            if left < 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError("no message")
            data = self.socket.recv(1 << 20)
            if not data:
                raise ApiError("the switch closed the connection")
            self.buffer += data

    # --- connection ---

    def connect(self):
        self.send_body(struct.pack(">HI64s", SOCKCLNT_CREATE, 124, self.name.encode()))
        body = self.read_body()
        number, client, context, response, self.index, count = struct.unpack_from(">HIIiIH", body)
        if number != SOCKCLNT_CREATE_REPLY or client or context != 124 or response:
            raise ApiError(f"sockclnt_create: answer {number}, {response}")
        for i in range(count):
            number, name = struct.unpack_from(">H64s", body, 20 + 66 * i)
            name = name.rstrip(b"\0").decode()
            self.table[name] = number
            self.names[number] = name.rsplit("_", 1)[0]

    def ask_definitions(self):
        number = self.table["get_api_json_51077d14"]
        self.send_body(struct.pack(">HII", number, self.index, 1))
        body = self.read_body()
        length = struct.unpack_from(">I", body, 10)[0]
        definitions = Definitions()
        for file in json.loads(body[14:14 + length]):
            definitions.add(file)
        return definitions

    def number(self, name):
        if name not in self.definitions.crcs:
            raise ApiError(f"no definition of {name}")
        key = f"{name}_{self.definitions.crcs[name]}"[:63]
        if key not in self.table:
            raise ApiError(f"the switch has no {key}")
        return self.table[key]

    # --- messages ---

    def send(self, name, /, context=None, **values):
        """Returns the context."""
        if context is None:
            self.context = context = self.context % 0xffffffff + 1
        values.setdefault("client_index", self.index)
        values.setdefault("context", context)
        self.send_body(struct.pack(">H", self.number(name)) + self.definitions.encode(name, values))
        return context

    def receive(self, timeout=None):
        body = self.read_body(timeout)
        name = self.names[struct.unpack_from(">H", body)[0]]
        message, taken = self.definitions.decode(name, body[2:])
        extra = 1 if name == "get_api_json_reply" else 0
        if taken + extra != len(body) - 2:
            raise ApiError(f"{name}: {len(body) - 2} bytes, {taken} of them known")
        return message

    def receive_for(self, context):
        """The next message with that context; events before it are kept."""
        while True:
            message = self.receive()
            if getattr(message, "context", None) == context:
                return message
            self.events.append(message)

    def event(self, timeout=5.0):
        return self.events.pop(0) if self.events else self.receive(timeout)

    def request(self, name, /, **values):
        return self.receive_for(self.send(name, **values))

    def dump(self, name, /, **values):
        context = self.send(name, **values)
        self.send("control_ping", context=context)
        found = []
        while True:
            message = self.receive_for(context)
            if message.name_ == "control_ping_reply":
                return found
            found.append(message)

    def stream(self, name, /, **values):
        """(details, reply) of a request that is answered by both, with its cursor where it has one."""
        found = []
        if any(field[1] == "cursor" for field in self.definitions.messages[name]):
            values.setdefault("cursor", 0)
        while True:
            context = self.send(name, **values)
            message = self.receive_for(context)
            while message.name_ != name + "_reply":
                found.append(message)
                message = self.receive_for(context)
            if message.retval != -165:
                return found, message
            values["cursor"] = message.cursor

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        service = self.definitions.services.get(name)
        if not service:
            raise AttributeError(f"no message {name}")
        if service.get("stream") and not service.get("stream_msg"):
            return lambda **values: self.dump(name, **values)
        if service.get("stream"):
            return lambda **values: self.stream(name, **values)
        return lambda **values: self.request(name, **values)
