#!/bin/sh
# build.sh KIND... - build the tree into build/KIND, installing first what that needs.
#
#   release   optimised, with debug information       debug   not optimised
#   asan      address and undefined-behaviour sanitizers      tsan    thread sanitizer
#   musl      release with musl (on Alpine: the same as release)
#   fuzz      fuzz targets with libFuzzer and sanitizers, by clang
#   clang     release, by clang
#   aarch64, armhf, riscv64, ppc64el, s390x    release for another architecture, on Debian
#
# From the environment: PREFIX, SYSCONFDIR where it will be installed; SERVICE=openrc or systemd for a
# service at boot; TARGETS to build only these; MESON_ARGS for more options.
# shellcheck disable=SC2086  # lists of words
set -eu
cd "$(dirname -- "$0")/.."

prefix=${PREFIX:-/usr}
sysconfdir=${SYSCONFDIR:-/etc}

native_musl() { [ -e /etc/alpine-release ] || ldd --version 2>&1 | grep -q '^musl'; }

for kind; do
    dir=build/$kind compiler=${CC:-cc} options=''
    groups='build test'
    case $kind in
    release) ;;
    debug) options='-Doptimization=0' ;;
    asan) options='-Db_sanitize=address,undefined -Doptimization=1' ;;
    tsan) options='-Db_sanitize=thread -Doptimization=1 -Dnode_levels=base' ;;
    clang) groups="$groups fuzz" compiler=clang ;;
    fuzz)
        groups="$groups fuzz" compiler=clang
        options='-Db_sanitize=address,undefined -Doptimization=1 -Dnode_levels=base
            -Dfuzz_engine=libfuzzer'
        ;;
    musl)
        if ! native_musl; then
            groups="$groups musl"
            sh tools/musl-sysroot.sh
            options="--cross-file build/musl-sysroot/musl.ini
                -Dinstall_rpath=$(sh tools/musl-sysroot.sh --where)/usr/lib"
        fi
        ;;
    aarch64 | armhf | riscv64 | ppc64el | s390x)
        sh tools/cross-sysroot.sh "$kind"
        options="--cross-file build/cross/$kind.ini"
        ;;
    *)
        echo "build.sh: no kind $kind" >&2
        exit 1
        ;;
    esac
    sh tools/install-deps.sh $groups

    options="--prefix=$prefix --libdir=lib --sysconfdir=$sysconfdir -Dservice=${SERVICE:-none} $options ${MESON_ARGS:-}"
    # What the folder was set up with. Other options: set it up again and keep what still holds;
    # another compiler or sysroot: from nothing.
    with="$compiler $(readlink build/musl-sysroot || :)$(cat "build/cross/$kind.with" 2>/dev/null || :) ${MESON_ARGS:-}"
    if [ "$(cat "$dir/.with" 2>/dev/null)" != "$with" ] || [ ! -e "$dir/build.ninja" ]; then
        rm -rf "$dir"
    fi
    if [ "$(cat "$dir/.options" 2>/dev/null)" != "$options" ]; then
        log=build/$kind-setup.log again=''
        [ ! -e "$dir/build.ninja" ] || again=--reconfigure
        mkdir -p build
        CC=$compiler meson setup $again $options "$dir" >"$log" 2>&1 || {
            cat "$log"
            exit 1
        }
        echo "$with" >"$dir/.with"
        echo "$options" >"$dir/.options"
    fi
    ninja -C "$dir" ${TARGETS:-}
done
