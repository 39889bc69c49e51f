#!/bin/sh
# install-deps.sh GROUP... - install the packages of the groups that are missing here.
#
# Groups: build, test, demo, musl, fuzz, lint, bench, packages, deb, cross. Debian (apt) and Alpine (apk). Does nothing, and needs
# no network, when all is there. Where it may not install, it says in one line what is missing.
# shellcheck disable=SC2086  # lists of words
set -eu

debian_packages() {
    case $1 in
    build) echo gcc libc6-dev make meson ninja-build pkg-config git python3 libunwind-dev \
        liburcu-dev libmnl-dev libjansson-dev libedit-dev libmicrohttpd-dev ;;
    test) echo libcmocka-dev libasan8 libubsan1 libtsan2 python3-pytest python3-scapy iproute2 \
        iputils-ping iputils-tracepath traceroute socat smcroute iperf3 ethtool tcpdump procps radvd dnsmasq-base ndisc6 bird2 \
        qemu-system-x86 busybox-static ;; # the two: a virtual machine, whose kernel test/net/qemu.py gets itself
    demo) echo iproute2 iputils-ping ;;
    # of what musl-sysroot.sh needs, what is also needed once its result is there
    musl) echo musl musl-dev musl-tools ;;
    fuzz) echo clang llvm libclang-rt-dev ;;
    lint) echo clang clang-format clang-tidy shellcheck ;;
    bench) echo iproute2 iputils-ping iperf3 ethtool tcpdump procps python3-scapy crun busybox-static ;;
    packages) echo busybox-static crun ;; # what test/pkg needs beside the others; it unpacks OpenRC itself
    deb) echo debhelper dpkg-dev fakeroot libcmocka-dev ;;
    cross) echo gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-riscv64-linux-gnu gcc-powerpc64le-linux-gnu \
        gcc-s390x-linux-gnu qemu-user ;;
    *) return 1 ;;
    esac
}

alpine_packages() {
    case $1 in
    build) echo build-base meson samurai pkgconf git python3 linux-headers libunwind-dev \
        userspace-rcu-dev libmnl-dev jansson-dev libedit-dev libmicrohttpd-dev ;;
    test) echo cmocka-dev py3-pytest scapy iproute2 iputils iperf3 ethtool tcpdump procps setpriv radvd \
        dnsmasq ndisc6 bird socat ;;
    demo) echo iproute2 iputils ;;
    musl) ;; # everything is musl here
    fuzz) echo clang llvm compiler-rt ;;
    lint) echo clang clang-extra-tools shellcheck ;;
    bench) echo iproute2 iputils iperf3 ethtool tcpdump procps scapy crun busybox-static ;;
    packages) echo busybox-static crun openrc tar gzip ;;
    deb) ;;
    *) return 1 ;;
    esac
}

if command -v apt-get >/dev/null; then
    family=debian
elif command -v apk >/dev/null; then
    family=alpine
else
    echo "install-deps: neither apt nor apk here; see the lists in $0" >&2
    exit 1
fi

installed() {
    if [ $family = debian ]; then
        dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q ' installed$'
    else
        apk info -e "$1" >/dev/null 2>&1
    fi
}

missing=''
for group; do
    packages=$(${family}_packages "$group") || {
        echo "install-deps: no group $group" >&2
        exit 1
    }
    for p in $packages; do
        installed $p || case " $missing " in *" $p "*) ;; *) missing="$missing $p" ;; esac
    done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "install-deps: not root; install these packages first:$missing" >&2
    exit 1
fi
echo "install-deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ $family = debian ]; then
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get -o DPkg::Lock::Timeout=300 update -qq &&
            apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing
    } >"$log" 2>&1 </dev/null
else
    apk add $missing >"$log" 2>&1 </dev/null
fi || {
    tail -n 20 "$log" >&2
    exit 1
}
