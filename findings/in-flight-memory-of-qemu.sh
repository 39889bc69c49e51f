#!/bin/sh
# Whether QEMU keeps what a vhost-user back end has under way (the protocol's in-flight memory), so that one that was killed can go on.
# Expected: a front end asks a back end that offers it (VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) for that memory before it starts any device.
# Seen: QEMU 7.2 does for a disk (GET_INFLIGHT_FD), and never for a network device, which starts all the same: a firmware's driver is enough to show it.
# For us: under a guest of QEMU only the rings themselves say how far the switch was when it was killed. Split ones do; of packed ones the
# place and the wrap counter are lost.
cd "$(dirname "$0")" && . ./lib.sh
v=1:7.2+dfsg-7+deb12u18
packages qemu-system-x86=$v+b3 qemu-system-common=$v+b3 qemu-system-data=$v seabios=1.16.2-1 ipxe-qemu=1.0.0+git-20190125.36a4c85-5.1
cat >"$T/back.py" <<'END'
# a back end that has nothing to do: which requests it was sent, of those that matter here
import os, socket, struct, sys
GET_FEATURES, GET_VRING_BASE, SET_VRING_KICK, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM, GET_CONFIG, GET_INFLIGHT_FD = 1, 11, 12, 15, 17, 24, 31
values = {GET_FEATURES: 1 << 32 | 1 << 30, GET_PROTOCOL_FEATURES: 1 << 0 | 1 << 3 | 1 << 9 | 1 << 12, GET_QUEUE_NUM: 1}
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
listener.settimeout(30)
peer = listener.accept()[0]
peer.settimeout(10)
seen = []
try:
    while True:
        head, ancillary = peer.recvmsg(12, 1024)[:2]
        if len(head) < 12:
            break
        for _, _, fds in ancillary:
            for fd, in struct.iter_unpack("i", fds[:len(fds) // 4 * 4]):
                os.close(fd)
        request, flags, size = struct.unpack("<III", head)
        body = peer.recv(size, socket.MSG_WAITALL) if size else b""
        seen.append(request)
        if request == GET_INFLIGHT_FD:
            break
        if request in values:
            body = struct.pack("<Q", values[request])
        elif request == GET_CONFIG:
            body = body[:12] + struct.pack("<Q", 2048).ljust(size - 12, b"\0")
        elif request == GET_VRING_BASE:
            body = body[:8]
        elif flags & 8:
            body = struct.pack("<Q", 0)
        else:
            continue
        peer.sendall(struct.pack("<III", request, 5, len(body)) + body)
except TimeoutError:
    pass
print("asks for in-flight memory" if GET_INFLIGHT_FD in seen else "starts without it" if SET_VRING_KICK in seen else "does not start")
END
# what a device does whose driver is the firmware's
device()
{
    /usr/bin/python3 "$T/back.py" "$T/$1" >"$T/out" 2>"$T/log" &
    back=$!
    while ! [ -S "$T/$1" ] && kill -0 $back 2>/dev/null; do sleep 0.1; done
    name=$1
    shift
    timeout 40 qemu-system-x86_64 -L "$T/root/usr/share/qemu" -L "$T/root/usr/share/seabios" -L "$T/root/usr/lib/ipxe/qemu" -nodefaults \
        -accel tcg -display none -m 64 -object memory-backend-memfd,id=m,size=64M,share=on -numa node,memdev=m \
        -chardev "socket,id=c,path=$T/$name" "$@" >"$T/qemu.log" 2>&1 &
    qemu=$!
    wait $back
    kill $qemu 2>/dev/null
    wait $qemu 2>/dev/null
    cat "$T/out"
}
expect "a disk" "$(device disk -device vhost-user-blk-pci,chardev=c,num-queues=1,vectors=0)" "asks for in-flight memory"
expect "a network device" "$(device net -netdev vhost-user,id=n,chardev=c -device virtio-net-pci,netdev=n,vectors=0 -boot n)" "starts without it"
exit $changed
