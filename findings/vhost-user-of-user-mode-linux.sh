#!/bin/sh
# User-mode Linux as a front end of vhost-user, with a back end that agrees to all, and writes down what came. Its root is this machine's files, read only.
# Expected: as the protocol has it: a reply is asked for (need_reply) once REPLY_ACK has been agreed on, not before; a vring's call descriptor is an eventfd, as its kick
# descriptor is; the requests of the back end (protocol feature BACKEND_REQ) are an extra, for changes of configuration and the like.
# Seen: the message that agrees on REPLY_ACK asks for a reply itself; calls are to be written to a socket, kicks come by eventfd;
# without BACKEND_REQ its network driver gets no interrupt, and there is no device: the channel's interrupt is the vrings'.
# For us: a reply is given to SET_PROTOCOL_FEATURES if it asks for one; any descriptor that can be written is a call descriptor, 8 bytes a call, and a full
# one is no error; BACKEND_REQ is offered though nothing is asked by it.
cd "$(dirname "$0")" && . ./lib.sh
packages user-mode-linux=6.1um4+b13
cat >"$T/backend.py" <<'END'
"""A vhost-user back end that agrees to what it is told and writes down how: backend.py SOCKET PROTOCOL_FEATURES"""
import array, os, socket, stat, struct, sys
NAMES = {2: "SET_FEATURES", 5: "SET_MEM_TABLE", 12: "SET_VRING_KICK", 13: "SET_VRING_CALL", 16: "SET_PROTOCOL_FEATURES", 18: "SET_VRING_ENABLE"}
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
peer = server.accept()[0]
while True:
    data, ancillary, _, _ = peer.recvmsg(12, socket.CMSG_SPACE(64))
    if len(data) < 12:
        break
    request, flags, size = struct.unpack("<III", data)
    body = peer.recv(size, socket.MSG_WAITALL) if size else b""
    fds = array.array("i")
    for _, _, given in ancillary:
        fds.frombytes(given)
    kinds = ["socket" if stat.S_ISSOCK(os.fstat(fd).st_mode) else os.readlink(f"/proc/self/fd/{fd}").split("/")[-1] for fd in fds]
    print(NAMES.get(request, request), "need_reply" if flags & 8 else "-", *kinds, flush=True)
    reply = {1: struct.pack("<Q", 1 << 32 | 1 << 30), 15: struct.pack("<Q", int(sys.argv[2], 0)), 24: body}.get(request)
    if reply is None and flags & 8:
        reply = bytes(8)
    if reply is not None:
        peer.send(struct.pack("<III", request, 5, len(reply)) + reply)
END
cat >"$T/init" <<END
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc p /proc
mount -t sysfs s /sys
mount -t tmpfs t /run
mkdir -p /run/r/lib
ln -s "$T/root/usr/lib/uml/modules" /run/r/lib/modules
modprobe -d /run/r virtio_net
echo "devices: \$(ls /sys/class/net | grep -c eth0)"
dmesg | sed -n 's/.*virtio_net: probe/probe/p'
echo o >/proc/sysrq-trigger
sleep 5
END
chmod +x "$T/init"
chmod 755 "$T"
# boot PROTOCOL_FEATURES: its console in $T/console, what came in $T/came
boot()
{
    rm -f "$T/socket"
    /usr/bin/python3 "$T/backend.py" "$T/socket" "$1" >"$T/came" 2>&1 &
    sleep 1
    timeout 120 linux.uml mem=192M rootfstype=hostfs hostfs=/ ro init="$T/init" con=null con0=fd:0,fd:1 quiet virtio_uml.device="$T/socket:1" \
        </dev/null >"$T/console" 2>&1
    wait
}
came() { sed -n "s/^$1 //p" "$T/came" | sort -u | tr '\n' ';'; }
seen() { tr -d '\r' <"$T/console" | sed -n "s/^\($1.*\)/\1/p" | tail -1; }
boot 0x228 # REPLY_ACK, BACKEND_REQ, CONFIG
expect "user-mode Linux 6.1, REPLY_ACK is agreed on by a message that asks for a reply" "$(came SET_PROTOCOL_FEATURES)" "need_reply;"
expect "a call descriptor" "$(came SET_VRING_CALL)" "need_reply socket;"
expect "a kick descriptor" "$(came SET_VRING_KICK)" "need_reply anon_inode:[eventfd];"
expect "with BACKEND_REQ" "$(seen devices)" "devices: 1"
boot 0x208
expect "without" "$(seen devices); $(seen probe)" "devices: 0; probe of virtio0 failed with error -16"
exit $changed
