"""Tags of a kernel that has no VLAN devices: BPF programs at a device's egress and ingress."""
import ctypes
import os
import platform
import socket
import struct

import pytest

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
BPF_PROG_TYPE_SCHED_CLS = 3
BPF_TCX_INGRESS, BPF_TCX_EGRESS = 46, 47
TCX_NEXT = -1
VLAN_PUSH, VLAN_POP = 18, 19  # helpers

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    data = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    result = _libc.syscall(SYS_BPF[platform.machine()], command, data, len(data))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _insn(opcode, register=0, source=0, value=0):
    return struct.pack("<BBhi", opcode, register | source << 4, 0, value)


def _load(body, attach_type):
    """The packet is kept in r6; a call that fails lets the packet pass as it is."""
    code = _insn(0xbf, 6, 1) + body + _insn(0xb7, 0, value=TCX_NEXT) + _insn(0x95)
    text = ctypes.create_string_buffer(code)
    licence = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(4096)
    attributes = struct.pack("<IIQQIIQII", BPF_PROG_TYPE_SCHED_CLS, len(code) // 8,
                             ctypes.addressof(text), ctypes.addressof(licence), 1, len(log),
                             ctypes.addressof(log), 0, 0)
    attributes += bytes(16) + struct.pack("<II", 0, attach_type)
    return _bpf(BPF_PROG_LOAD, attributes)


def _attach(device, body, attach_type):
    program = _load(body, attach_type)
    _bpf(BPF_LINK_CREATE,
         struct.pack("<IIII", program, socket.if_nametoindex(device), attach_type, 0))


def tag(device, vlan, outer=None):
    """Frames leave the device (of this thread's namespace) with an 802.1Q tag, and an outer tag
    (type, id) around it; tags of those that come in are taken off. It ends with this process."""
    if platform.machine() not in SYS_BPF:
        pytest.skip("no BPF numbers for this machine")
    push = pop = b""
    for tpid, vid in [(0x8100, vlan)] + ([outer] if outer else []):
        push += (_insn(0xbf, 1, 6) + _insn(0xb7, 2, value=socket.htons(tpid)) +
                 _insn(0xb7, 3, value=vid) + _insn(0x85, value=VLAN_PUSH))
        pop += _insn(0xbf, 1, 6) + _insn(0x85, value=VLAN_POP)
    try:
        _attach(device, push, BPF_TCX_EGRESS)
        _attach(device, pop, BPF_TCX_INGRESS)
    except OSError as e:
        pytest.skip(f"no BPF on devices here: {e}")
