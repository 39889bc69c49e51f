#!/bin/sh
# cross-sysroot.sh ARCH - on Debian, what is needed to build for another architecture, and to run what was built.
#
# ARCH is aarch64, armhf, riscv64, ppc64el or s390x. Beside Debian's cross compiler these are libraries: packages of that
# architecture, unpacked into a folder; the machine's own packages stay of one architecture. riscv64 is of the Debian after
# 12, which has no such packages.
#
#   build/cross/ARCH/       the root that is built with and run in
#   build/cross/ARCH.ini    cross file for Meson
#   build/cross/ARCH.run    runs a program there, by qemu: ARCH.run PROGRAM [ARGUMENT...]
# shellcheck disable=SC2086  # words are split on purpose
set -eu
cd "$(dirname -- "$0")/.."
arch=$1
suite=bookworm c_args='' endian=little qemu=$arch family=$arch deb=$arch
case $arch in
aarch64) deb=arm64 triple=aarch64-linux-gnu ;;
armhf) triple=arm-linux-gnueabihf qemu=arm family=arm ;;
riscv64)
    # its liburcu refuses the atomics of gcc 12, which serve for a look whether all builds
    triple=riscv64-linux-gnu suite=trixie c_args="'-DCONFIG_RCU_USE_ATOMIC_BUILTINS'"
    ;;
ppc64el) triple=powerpc64le-linux-gnu qemu=ppc64le family=ppc64 ;;
s390x) triple=s390x-linux-gnu endian=big ;;
*)
    echo "cross-sysroot.sh: no architecture $arch" >&2
    exit 1
    ;;
esac
sh tools/install-deps.sh cross
packages='libc6-dev libgcc-s1 libunwind-dev liburcu-dev libmnl-dev libjansson-dev libedit-dev libmicrohttpd-dev libcmocka-dev'
root=$PWD/build/cross/$arch
with="$(cksum <"tools/$(basename -- "$0")") $PWD"
[ "$(cat "$root.with" 2>/dev/null)" != "$with" ] || exit 0

# an apt of its own: another architecture, nothing installed, and the machine's mirror
rm -rf "$root" "$root.apt"
mkdir -p "$root.apt/lists/partial" "$root.apt/archives/partial" "$root/usr/lib"
# shellcheck disable=SC2016  # for apt
mirror=$(apt-get indextargets --format '$(SITE)' 'Origin: Debian' 'Component: main' | grep -m 1 '/debian$')
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$root.apt/sources.list"
: >"$root.apt/status"
apt="-qq -o APT::Architecture=$deb -o APT::Architectures=$deb -o APT::Install-Recommends=0 -o APT::Sandbox::User=root
    -o Dir::State::status=$root.apt/status -o Dir::State::lists=$root.apt/lists -o Dir::Cache=$root.apt
    -o Dir::Etc::sourcelist=$root.apt/sources.list -o Dir::Etc::sourceparts=/dev/null"
apt-get $apt update
apt-get $apt install -y --download-only $packages

# Debian 12's packages have files in /lib; where they are merged, links of other packages would make it this
ln -s usr/lib "$root/lib"
for package in "$root.apt"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
done
rm -rf "$root.apt"
# links from the root lead to this one
find "$root" -type l -lname '/*' | while read -r link; do
    ln -sfnr "$root$(readlink "$link")" "$link"
done

printf '#!/bin/sh\nexport PISTE_EMULATED=1\nexec qemu-%s -L %s "$@"\n' "$qemu" "$root" >"$root.run"
chmod +x "$root.run"
cat >"$root.ini" <<END
[constants]
root = '$root'
# before the compiler's own folders, whose C library may be another version
find = ['--sysroot=' + root, '-B' + root + '/usr/lib/$triple', '-isystem', root + '/usr/include/$triple',
    '-isystem', root + '/usr/include']

[binaries]
c = ['$triple-gcc'] + find
ar = '$triple-gcc-ar'
strip = '$triple-strip'
pkg-config = 'pkg-config'
pkgconfig = 'pkg-config'  # its name before Meson 1.3
exe_wrapper = root + '.run'

[built-in options]
c_args = [$c_args]

[properties]
sys_root = root
pkg_config_libdir = [root + '/usr/lib/$triple/pkgconfig', root + '/usr/share/pkgconfig']

[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = '$endian'
END
echo "$with" >"$root.with"
