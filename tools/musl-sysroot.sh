#!/bin/sh
# musl-sysroot.sh - on Debian, make what is needed to build and run Piste with musl.
#
#   musl-sysroot.sh           make it, unless it is there; build/musl-sysroot then leads to it
#   musl-sysroot.sh --where   print its folder, make nothing
#
# Debian ships musl itself but no library built with it, so the few that Piste uses are built here
# from Debian's source packages. On Alpine nothing of this is needed: everything there is musl.
#
#   <folder>/bin/musl-gcc, musl-clang, musl-pkg-config, musl-ldd
#   <folder>/usr/{include,lib}
#   <folder>/musl.ini, musl-clang.ini    cross files for Meson
#   <folder>/log/<part>.log
#
# The folder is $PISTE_MUSL_SYSROOT; else one in /var/cache/piste, named after the content of this
# script, so that every clone on the machine shares it and a change here makes a new one; else, where
# that cannot be written, build/musl-sysroot of this clone. It cannot be moved afterwards.
#
# Programs run in place through the loader of Debian's musl package; the compilers add an rpath to the
# folder. Building takes some three minutes on two cores; when there is nothing to do, no time at all
# and no network.
# shellcheck disable=SC2086  # words are split on purpose
set -eu

parts='libunwind liburcu libmnl jansson libedit cmocka libmicrohttpd'
arch=x86_64
triple=$arch-linux-musl
multiarch=$arch-linux-gnu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
self=$here/$(basename -- "$0")
tree=$(dirname -- "$here")

say() { printf 'musl-sysroot: %s\n' "$*"; }
die() { printf 'musl-sysroot: %s\n' "$*" >&2; exit 1; }

# ---- where ------------------------------------------------------------------------------------

find_folder() {
    if [ -n "${PISTE_MUSL_SYSROOT:-}" ]; then
        root=$PISTE_MUSL_SYSROOT
        return
    fi
    root=/var/cache/piste/musl-sysroot-$(cksum <"$self" | tr ' ' '-')
    if [ ! -e "$root/ready" ] && ! mkdir -p "$root" 2>/dev/null; then
        root=$tree/build/musl-sysroot
    fi
}

# ---- Debian packages --------------------------------------------------------------------------

# Our own apt state with the machine's Debian sources as source packages; the machine's own
# configuration is left alone.
apt_src() {
    command=$1
    shift
    $command -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/apt/sources.d" \
        -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
        -o APT::Sandbox::User=root "$@"
}

apt_src_update() {
    mkdir -p "$work/apt/sources.d" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    for f in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$f" ] ||
            sed 's/^Types:.*/Types: deb-src/' "$f" >"$work/apt/sources.d/$(basename "$f")"
    done
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -f "$f" ] ||
            sed -n 's/^deb /deb-src /p' "$f" >"$work/apt/sources.d/$(basename "$f")"
    done
    apt_src apt-get update -qq
    # so that apt writes its cache now, and not in several parts at once
    apt_src apt-cache showsrc --only-source jansson >/dev/null
}

# source_of PACKAGE: unpack its source, Debian's patches applied; sets $src and $version. A mirror
# may lack the files of one version, so all that its index names are tried, newest first.
source_of() {
    for version in $(apt_src apt-cache showsrc --only-source "$1" |
        sed -n 's/^Version: //p' | sort -Vru); do
        rm -rf "src-$1"
        mkdir "src-$1"
        if (cd "src-$1" && apt_src apt-get source -qq --only-source "$1=$version"); then
            src=$(find "$PWD/src-$1" -mindepth 1 -maxdepth 1 -type d)
            return 0
        fi
    done
    return 1
}

# ---- the ways that libraries build ------------------------------------------------------------

# A patched source can look as if its generated files were stale. They are not: give make something
# harmless in place of the tools that would write them again.
no_autotools='ACLOCAL=: AUTOMAKE=: AUTOCONF=: AUTOHEADER=: MAKEINFO=:'

configure() {
    "$src/configure" --build=$multiarch --host=$triple --prefix=/usr --libdir=/usr/lib \
        --sysconfdir=/etc --enable-static --disable-dependency-tracking "$@"
}

# autotools_install FOLDER...: build and install these folders of the configured source.
autotools_install() {
    for folder; do
        make $no_autotools -j2 -C "$folder"
        make $no_autotools -C "$folder" install DESTDIR="$root"
    done
}

cmake_install() {
    cmake -S "$src" -B build -G 'Unix Makefiles' -DCMAKE_SYSTEM_NAME=Linux \
        -DCMAKE_SYSTEM_PROCESSOR=$arch -DCMAKE_C_COMPILER="$CC" -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -DCMAKE_INSTALL_PREFIX=/usr \
        -DCMAKE_INSTALL_LIBDIR=lib "$@"
    make -j2 -C build
    make -C build install DESTDIR="$root"
}

# pkg_config_file NAME LIBS
pkg_config_file() {
    cat >"$root/usr/lib/pkgconfig/$1.pc" <<END
prefix=/usr
Name: $1
Description: $1 for musl
Version: ${version%%-*}
Libs: -L\${prefix}/lib $2
Cflags: -I\${prefix}/include
END
}

# ---- musl, kernel headers, compilers ----------------------------------------------------------

make_toolchain() {
    inc=$root/usr/include lib=$root/usr/lib
    mkdir -p "$inc" "$lib/pkgconfig" "$root/bin"

    # Copies, not links: an install into a linked folder would write to the machine's own.
    cp -a /usr/include/$triple/. "$inc/"
    for d in asm-generic linux misc mtd rdma sound video xen; do
        [ ! -d /usr/include/$d ] || cp -a /usr/include/$d "$inc/"
    done
    cp -a /usr/include/$multiarch/asm "$inc/"
    rm -f "$inc/fts.h" # Debian's addition; Alpine has no such header

    for f in crt1.o crti.o crtn.o Scrt1.o rcrt1.o libc.a libm.a libpthread.a libdl.a librt.a \
        libutil.a libresolv.a libxnet.a; do
        ln -s /usr/lib/$triple/$f "$lib/$f"
    done
    # Linked with under the name that programs of Alpine ask for; musl's loader takes any libc.* that
    # a program needs to be itself.
    cp /lib/$triple/libc.so "$lib/libc.so"
    patchelf --set-soname libc.musl-$arch.so.1 "$lib/libc.so"

    # Debian's own musl-gcc passes no --eh-frame-hdr, and without that table no backtrace works; it
    # also lacks kernel headers and static-pie. Links as Alpine's gcc does by default.
    cat >"$lib/musl-gcc.specs" <<END
%rename cpp_options glibc_cpp_options

*cpp_options:
-nostdinc -isystem $inc -isystem include%s %(glibc_cpp_options)

*cc1:
%(cc1_cpu) -nostdinc -isystem $inc -isystem include%s

*link_libgcc:
-L$lib -L .%s

*libgcc:
libgcc.a%s libgcc_eh.a%s $lib/libdlfind.a

*startfile:
%{shared:;static-pie:$lib/rcrt1.o;static|no-pie:$lib/crt1.o;:$lib/Scrt1.o} $lib/crti.o %{static:crtbeginT.o%s;shared|static-pie|!no-pie:crtbeginS.o%s;:crtbegin.o%s}

*endfile:
%{static:crtend.o%s;shared|static-pie|!no-pie:crtendS.o%s;:crtend.o%s} $lib/crtn.o

*link:
-nostdlib %{!r:--build-id --eh-frame-hdr} --hash-style=gnu --as-needed -z relro -z now %{shared:-shared -rpath $lib;static-pie:-static -pie --no-dynamic-linker -z text;static:-static;!r:-rpath $lib -dynamic-linker /lib/ld-musl-$arch.so.1} %{rdynamic:-export-dynamic}

*esp_link:


*esp_options:


*esp_cpp_options:


END
    printf '%s\n' --target=$triple --sysroot="$root" -Wl,-rpath,"$lib" >"$lib/musl-clang.cfg"

    # LIBRARY_PATH and its like name folders with glibc's libraries
    clean_env='unset LIBRARY_PATH CPATH C_INCLUDE_PATH PKG_CONFIG_PATH'
    printf '#!/bin/sh\n%s\nexec gcc -specs=%s "$@"\n' "$clean_env" "$lib/musl-gcc.specs" \
        >"$root/bin/musl-gcc"
    printf '#!/bin/sh\n%s\nexec clang --config %s "$@"\n' "$clean_env" "$lib/musl-clang.cfg" \
        >"$root/bin/musl-clang"
    printf '#!/bin/sh\n%s\nexport PKG_CONFIG_LIBDIR=%s PKG_CONFIG_SYSROOT_DIR=%s\nexec pkg-config "$@"\n' \
        "$clean_env" "$lib/pkgconfig" "$root" >"$root/bin/musl-pkg-config"
    printf '#!/bin/sh\nexec /lib/ld-musl-%s.so.1 --list "$@"\n' $arch >"$root/bin/musl-ldd"
    chmod 755 "$root"/bin/*

    # Debian's libgcc_eh finds unwind tables through a function that only glibc has.
    cat >dlfind.c <<'END'
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <string.h>

struct dl_find_object {
    unsigned long long flags;
    void *start, *end, *link_map, *eh_frame;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t pc;
    struct dl_find_object *found;
};

static int look_at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *s = arg;
    uintptr_t start = UINTPTR_MAX, end = 0;
    void *table = NULL;
    int inside = 0;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + p->p_vaddr, to = from + p->p_memsz;
        if (p->p_type == PT_GNU_EH_FRAME)
            table = (void *)from;
        if (p->p_type != PT_LOAD)
            continue;
        if (from < start)
            start = from;
        if (to > end)
            end = to;
        if (from <= s->pc && s->pc < to)
            inside = 1;
    }
    if (!inside || !table)
        return 0;
    s->found->start = (void *)start;
    s->found->end = (void *)end;
    s->found->eh_frame = table;
    return 1;
}

__attribute__((visibility("hidden"))) int _dl_find_object(void *pc, struct dl_find_object *found)
{
    struct search s = {(uintptr_t)pc, found};
    memset(found, 0, sizeof *found);
    return dl_iterate_phdr(look_at_object, &s) ? 0 : -1;
}
END
    "$root/bin/musl-gcc" -O2 -fPIC -c dlfind.c
    ar rcs "$lib/libdlfind.a" dlfind.o
    # Debian's libgcc_s needs glibc: under its name the linker finds the static one.
    echo 'INPUT ( -lgcc_eh -ldlfind )' >"$lib/libgcc_s.so.1"

    for c in gcc clang; do
        [ $c = gcc ] && ini=musl.ini || ini=musl-$c.ini
        cat >"$root/$ini" <<END
[binaries]
c = '$root/bin/musl-$c'
ar = 'gcc-ar'
strip = 'strip'
pkg-config = '$root/bin/musl-pkg-config'
pkgconfig = '$root/bin/musl-pkg-config'  # its name before Meson 1.3

[properties]
needs_exe_wrapper = false

[host_machine]
system = 'linux'
cpu_family = '$arch'
cpu = '$arch'
endian = 'little'
END
    done

    # nothing is built on compilers that do not work
    echo 'int main(void) { return 0; }' >try.c
    for c in musl-gcc musl-clang; do
        for flag in -O2 -static -static-pie; do
            "$root/bin/$c" $flag try.c -o try && ./try
        done
    done
}

# ---- the libraries ----------------------------------------------------------------------------

make_libunwind() {
    source_of libunwind
    configure --enable-shared --disable-tests --disable-documentation --disable-coredump \
        --disable-ptrace --disable-setjmp --disable-minidebuginfo --disable-zlibdebuginfo
    autotools_install .
    rm -f "$root/usr/include/unwind.h" # would hide the compiler's own
}

make_liburcu() {
    source_of liburcu
    configure --enable-shared
    autotools_install include src
}

make_jansson() {
    source_of jansson
    cmake_install -DJANSSON_BUILD_SHARED_LIBS=ON -DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF \
        -DJANSSON_WITHOUT_TESTS=ON
}

make_cmocka() {
    source_of cmocka
    cmake_install -DWITH_STATIC_LIB=ON -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF
}

# HTTP only. Where the mirror has no source of it, there is no plugin prom.
make_libmicrohttpd() {
    source_of libmicrohttpd || return 0
    configure --enable-shared --disable-https --disable-doc --disable-examples --disable-curl \
        --disable-postprocessor --disable-dauth --disable-bauth
    autotools_install .
}

# With the terminal descriptions of ncurses in it.
make_libedit() {
    source_of ncurses
    mkdir tinfo headers headers/sys
    (
        cd tinfo
        configure --with-normal --without-shared --without-debug --without-cxx \
            --without-cxx-binding --without-ada --without-manpages --without-progs \
            --without-tests --enable-widec --with-termlib=tinfo --disable-db-install \
            --with-terminfo-dirs=/etc/terminfo:/lib/terminfo:/usr/share/terminfo \
            --with-default-terminfo-dir=/usr/share/terminfo \
            --with-fallbacks=linux,vt100,vt220,xterm,xterm-256color,screen,dumb \
            --with-tic-path=/usr/bin/tic --with-infocmp-path=/usr/bin/infocmp BUILD_CC=gcc
        make -C include
        make -C ncurses ../lib/libtinfo.a
    )
    cp tinfo/lib/libtinfo.a "$root/usr/lib/"
    for h in curses.h term.h unctrl.h ncurses_dll.h; do
        cp "tinfo/include/$h" headers/
    done
    # all that libedit wants of a header that musl does not have
    printf '#define __BEGIN_DECLS\n#define __END_DECLS\n' >headers/sys/cdefs.h

    source_of libedit
    configure --enable-shared --disable-examples \
        CPPFLAGS="-I$PWD/headers -D__STDC_ISO_10646__=201103L"
    autotools_install src
    pkg_config_file libedit -ledit
}

# From source if the mirror has it. Else Debian's own shared library, with the marks of glibc taken
# off: it calls nothing that musl lacks but one checked printf. For testing only.
make_libmnl() {
    if source_of libmnl; then
        configure --enable-shared
        autotools_install .
        return
    fi
    for package in libmnl0 libmnl-dev; do
        apt-get download -qq -o APT::Sandbox::User=root $package
    done
    for deb in ./*.deb; do
        dpkg-deb -x "$deb" deb
    done
    version=$(dpkg-deb -f "$deb" Version)
    cat >checked.c <<'END'
#include <stdarg.h>
#include <stdio.h>

int __fprintf_chk(FILE *f, int flag, const char *format, ...)
{
    va_list args;
    (void)flag;
    va_start(args, format);
    int n = vfprintf(f, format, args);
    va_end(args);
    return n;
}
END
    "$CC" -O2 -fPIC -shared -Wl,-soname,libmnl-checked.so checked.c \
        -o "$root/usr/lib/libmnl-checked.so"
    library=$(find deb -name 'libmnl.so.0.*')
    for symbol in $(nm -D "$library" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }'); do
        patchelf --clear-symbol-version "$symbol" "$library"
    done
    patchelf --add-needed libmnl-checked.so "$library"
    # shellcheck disable=SC2016  # for the loader to expand
    patchelf --set-rpath '$ORIGIN' "$library"
    cp "$library" "$root/usr/lib/libmnl.so.0"
    ln -sf libmnl.so.0 "$root/usr/lib/libmnl.so"
    rm -rf "$root/usr/include/libmnl"
    cp -a deb/usr/include/libmnl "$root/usr/include/"
    pkg_config_file libmnl -lmnl
}

# ---- all of it --------------------------------------------------------------------------------

# make_part NAME: in a folder and with a log of its own; remembered by a stamp.
make_part() {
    [ ! -e "$root/stamp/$1" ] || return 0
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1"
    cd "$work/$1"
    begin=$(date +%s)
    # a shell of its own, because "set -e" does not hold in what "if" looks at
    set +e
    (set -e; "make_$1") >"$root/log/$1.log" 2>&1 </dev/null
    status=$?
    set -e
    if [ $status != 0 ]; then
        say "$1 failed; the end of $root/log/$1.log:"
        tail -n 20 "$root/log/$1.log"
        return 1
    fi
    rm -f "$root"/usr/lib/*.la # libtool's, with paths of the machine's own libraries
    touch "$root/stamp/$1"
    say "$1 ($(($(date +%s) - begin)) s)"
}

install_packages() {
    missing=''
    for p in musl-tools musl-dev linux-libc-dev gcc clang lld make cmake pkg-config dpkg-dev perl \
        flex bison patchelf bzip2 xz-utils ncurses-bin; do
        case $(dpkg-query -W -f '${Status}' $p 2>/dev/null) in
        *' installed') ;;
        *) missing="$missing $p" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || die "needs these packages:$missing"
    say "installing$missing"
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
        --no-install-recommends $missing >"$root/log/apt.log" 2>&1 || die "see $root/log/apt.log"
}

find_folder
if [ "${1:-}" = --where ]; then
    echo "$root"
    exit 0
fi
if [ ! -e "$root/ready" ]; then
    [ "$(uname -m)" = $arch ] || die "knows $arch only"
    [ -e /etc/debian_version ] || die "knows Debian only; on Alpine it is not needed"
    mkdir -p "$root/stamp" "$root/log"
    root=$(CDPATH='' cd -- "$root" && pwd)
    work=$root/work
    case $root in *[!A-Za-z0-9/._+-]*) die "cannot work in a path like $root" ;; esac

    exec 9>"$root/lock"
    flock 9 # another clone may be making it
    if [ ! -e "$root/ready" ]; then
        say "making $root"
        install_packages
        mkdir -p "$work"
        apt_src_update >"$root/log/apt-update.log" 2>&1 || die "see $root/log/apt-update.log"
        unset LIBRARY_PATH CPATH C_INCLUDE_PATH CPPFLAGS LDFLAGS
        export LC_ALL=C
        make_part toolchain
        export CC="$root/bin/musl-gcc" AR=gcc-ar RANLIB=gcc-ranlib NM=gcc-nm
        export CFLAGS='-O2 -g -fPIC -fno-omit-frame-pointer' PKG_CONFIG="$root/bin/musl-pkg-config"
        # configure scripts use one core each, so all at once
        pids=''
        for p in $parts; do
            make_part $p &
            pids="$pids $!"
        done
        failed=0
        for pid in $pids; do
            wait $pid || failed=1
        done
        [ $failed = 0 ] || die "some parts failed; run again to build only those"
        rm -rf "$work"
        touch "$root/ready"
    fi
fi
if [ "$root" != "$tree/build/musl-sysroot" ]; then
    mkdir -p "$tree/build"
    [ -d "$tree/build/musl-sysroot" ] && [ ! -L "$tree/build/musl-sysroot" ] ||
        ln -sfn "$root" "$tree/build/musl-sysroot"
fi
say "$root"
