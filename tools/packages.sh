#!/bin/sh
# packages.sh apk|deb - packages of the release in build/dist, made there.
set -eu
cd "$(dirname -- "$0")/.."
version=$(sed -n "s/^  version: '\(.*\)',/\1/p" meson.build)
dist=$PWD/build/dist
tarball=$dist/piste-$version.tar.gz

make_apk() {
    command -v abuild >/dev/null || {
        echo "packages.sh: abuild is not here: on Alpine, apk add alpine-sdk (tools/apk-harness.sh takes the APKBUILD apart elsewhere)" >&2
        exit 1
    }
    rm -rf "$dist/aports"
    mkdir -p "$dist/aports/piste"
    cp pkg/alpine/* "$tarball" "$dist/aports/piste/"
    cd "$dist/aports/piste"
    sed -i "s/^pkgver=.*/pkgver=$version/" APKBUILD
    abuild checksum
    REPODEST=$dist/apk abuild -r
    find "$dist/apk" -name '*.apk'
}

make_deb() {
    sh tools/install-deps.sh build deb
    rm -rf "$dist/deb"
    mkdir -p "$dist/deb"
    cp "$tarball" "$dist/deb/piste_$version.orig.tar.gz"
    tar -xzf "$tarball" -C "$dist/deb"
    cp -r pkg/debian "$dist/deb/piste-$version/debian"
    cd "$dist/deb/piste-$version"
    dpkg-buildpackage -us -uc -b
    ls "$dist/deb/"*.deb
}

"make_$1"
