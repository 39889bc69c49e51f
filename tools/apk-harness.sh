#!/bin/sh
# apk-harness.sh APKBUILD TARBALL OUT [nocheck] - what abuild does with an APKBUILD, on a machine without it.
#
# The APKBUILD is sourced here, by a POSIX shell, and its functions run as abuild runs them: the source is unpacked, prepared,
# built (by musl's compiler where the C library is another one), checked, installed into a package root, and split
# into subpackages. OUT/NAME.tar is each package then, with owners and modes; OUT/NAME.meta what the APKBUILD says of it.
# What abuild does beside that (indices, signatures) is left to it.
# shellcheck disable=SC2154,SC2034,SC1090  # variables are the APKBUILD's
set -eu

apkbuild=$(readlink -f "$1") tarball=$(readlink -f "$2") out=$3 nocheck=${4:-}
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$out"
out=$(readlink -f "$out")

# --- as another user database: the package's user exists, and owners are kept in the tar --------------

if [ -z "${APK_HARNESS_INSIDE:-}" ]; then
    rm -rf "$out"
    mkdir -p "$out/etc"
    cp /etc/passwd /etc/group "$out/etc"
    echo 'vpp:x:987:987::/var/lib/vpp:/sbin/nologin' >>"$out/etc/passwd"
    echo 'vpp:x:987:' >>"$out/etc/group"
    export APK_HARNESS_INSIDE=1
    set -- sh "$0" "$apkbuild" "$tarball" "$out" "$nocheck"
    # shellcheck disable=SC2016  # for the inner shell
    exec unshare -m sh -c 'e=$1; shift
        mount --bind "$e/passwd" /etc/passwd; mount --bind "$e/group" /etc/group; exec "$@"' sh "$out/etc" "$@"
fi

# --- what abuild gives to APKBUILDs -------------------------------------------------------------------

want_check() { [ "$nocheck" != nocheck ]; }
msg() { printf 'apk-harness: %s\n' "$*"; }

amove() {
    for pattern; do
        (cd "$pkgdir" && for f in ${pattern#/}; do
            [ -e "$f" ] || { msg "amove: no $pattern"; exit 1; }
            mkdir -p "$subpkgdir/$(dirname "$f")"
            mv "$f" "$subpkgdir/$f"
            rmdir -p "$(dirname "$f")" 2>/dev/null || :
        done)
    done
}

move_there() { # those of these that are there
    for f; do
        # shellcheck disable=SC2086  # a glob
        for g in "$pkgdir"/$f; do
            [ ! -e "$g" ] || amove "${g#"$pkgdir"/}"
        done
    done
}

default_prepare() { :; }
default_doc() {
    depends='' pkgdesc="$pkgdesc (documentation)" install_if="docs $pkgname=$pkgver-r$pkgrel"
    move_there usr/share/doc usr/share/man usr/share/info
    find "$subpkgdir" -path '*/man/*' -type f ! -name '*.gz' -exec gzip -9 -n {} +
}
default_dev() {
    depends='' pkgdesc="$pkgdesc (development files)" install_if=''
    move_there usr/include usr/lib/pkgconfig usr/share/pkgconfig 'usr/lib/*.a' 'usr/lib/*.so'
}
default_openrc() {
    depends='' pkgdesc="$pkgdesc (OpenRC init scripts)" install_if="openrc $pkgname=$pkgver-r$pkgrel"
    move_there etc/init.d etc/conf.d
}
is_elf() { [ "$(od -An -tx1 -N4 "$1" | tr -d ' ')" = 7f454c46 ]; }
default_dbg() {
    depends='' pkgdesc="$pkgdesc (debug symbols)" install_if=''
    (cd "$pkgdir" && find usr -type f \( -perm -100 -o -name '*.so*' \)) | while read -r f; do
        is_elf "$pkgdir/$f" || continue
        mkdir -p "$subpkgdir/usr/lib/debug/$(dirname "$f")"
        objcopy --only-keep-debug "$pkgdir/$f" "$subpkgdir/usr/lib/debug/$f.debug"
        strip "$pkgdir/$f"
        objcopy --add-gnu-debuglink="$subpkgdir/usr/lib/debug/$f.debug" "$pkgdir/$f"
    done
}

# --- unpack, prepare, build, check --------------------------------------------------------------------

startdir=$(dirname "$apkbuild")
srcdir=$out/src
pkgbasedir=$out/pkg
depends='' install_if=''
. "$apkbuild"
builddir=${builddir:-$srcdir/$pkgname-$pkgver}
export CBUILD=x86_64-alpine-linux-musl CHOST=x86_64-alpine-linux-musl CTARGET=x86_64-alpine-linux-musl
export CFLAGS='-Os -fstack-clash-protection -Wformat -Werror=format-security -g'
export LDFLAGS='-Wl,--as-needed,-O1,--sort-common' JOBS=2 SOURCE_DATE_EPOCH=1700000000
export srcdir builddir pkgname pkgver pkgrel

# abuild-meson(1)
mkdir -p "$out/bin" "$srcdir"
cross=''
if [ ! -e /etc/alpine-release ]; then
    sh "$tree/tools/musl-sysroot.sh"
    cross="--cross-file $(sh "$tree/tools/musl-sysroot.sh" --where)/musl.ini"
fi
cat >"$out/bin/abuild-meson" <<END
#!/bin/sh
exec meson setup --prefix=/usr --libdir=/usr/lib --libexecdir=/usr/libexec --bindir=/usr/bin --sbindir=/usr/sbin \\
    --includedir=/usr/include --datadir=/usr/share --mandir=/usr/share/man --sysconfdir=/etc --localstatedir=/var \\
    --buildtype=plain --auto-features=auto --wrap-mode=nodownload -Db_lto=true -Db_staticpic=true -Db_pie=true \\
    $cross "\$@"
END
chmod +x "$out/bin/abuild-meson"
PATH=$out/bin:$PATH
if [ -n "$cross" ]; then # a cross file's compiler has its own flags: CFLAGS are of the build machine then
    sed -i "s|exec meson|exec env CC_FOR_BUILD= meson|; s|\"\$@\"|-Dc_args=\"\$CFLAGS\" -Dc_link_args=\"\$LDFLAGS\" \"\$@\"|" \
        "$out/bin/abuild-meson"
fi

tar -xzf "$tarball" -C "$srcdir"
run() {
    msg "$1"
    cd "$builddir"
    "$1"
}
command -v prepare >/dev/null || prepare() { default_prepare; }
run prepare
run build
if want_check; then
    run check
fi

# --- package, split -------------------------------------------------------------------------------------

pkgdir=$pkgbasedir/$pkgname
mkdir -p "$pkgdir"
run package

all_depends=$depends all_pkgdesc=$pkgdesc
meta() { # NAME
    printf 'pkgdesc=%s\ndepends=%s\ninstall_if=%s\narch=%s\n' "$pkgdesc" "$depends" "${install_if:-}" \
        "${pkgarch:-$arch}" >"$out/$1.meta"
}
pack() { # NAME DIR
    tar -C "$2" --sort=name --mtime=@$SOURCE_DATE_EPOCH -cf "$out/$1.tar" .
    gzip -9 -n -k -f "$out/$1.tar"
}
for sub in $subpackages; do
    name=${sub%%:*} func='' pkgarch=''
    case $sub in
    *:*:*) func=${sub#*:} pkgarch=${func#*:} func=${func%%:*} ;;
    *:*) func=${sub#*:} ;;
    *) func=${name##*-} ;;
    esac
    command -v "$func" >/dev/null && [ "$(command -v "$func")" = "$func" ] || func=default_$func
    subpkgname=$name subpkgdir=$pkgbasedir/$name
    depends=$all_depends pkgdesc=$all_pkgdesc install_if=''
    mkdir -p "$subpkgdir"
    run "$func"
    meta "$name"
    pack "$name" "$subpkgdir"
done
depends=$all_depends pkgdesc=$all_pkgdesc install_if='' pkgarch=''
meta "$pkgname"
pack "$pkgname" "$pkgdir"
msg 'all done'
