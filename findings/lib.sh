# For the scripts beside it, which stand outside the tests: what peers, libraries and formats were seen to do.
# A script exits with 0 while they still do it, with 1 when it changed, with 2 when it could not look.

T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT

# packages NAME=VERSION...: these, and what they need that the machine lacks, unpacked in $T/root
packages()
{
    missing=$(apt-get -s -o Debug::NoLocking=1 install --no-install-recommends "$@" 2>/dev/null | awk '$1 == "Inst" { print $2 }')
    names=$(for p in "$@"; do echo "$p"; done
            for p in $missing; do case " $* " in *" $p="*) ;; *) echo "$p" ;; esac; done)
    # shellcheck disable=SC2086
    (mkdir "$T/deb" && cd "$T/deb" && apt-get -q download $names >"$T/log" 2>&1) || {
        echo "cannot be had: $* ($(tail -1 "$T/log"))"
        exit 2
    }
    for deb in "$T"/deb/*.deb; do
        dpkg-deb -x "$deb" "$T/root"
    done
    arch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
    export PATH="$T/root/usr/bin:$T/root/usr/sbin:$PATH"
    export LD_LIBRARY_PATH="$T/root/usr/lib/$arch:$T/root/lib/$arch"
    export PYTHONPATH="$T/root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1
}

# expect WHAT SEEN WANTED: says what was seen, and notes when it is not what was seen before
changed=0
expect()
{
    if [ "$2" = "$3" ]; then
        echo "$1: $2"
    else
        echo "$1: CHANGED"
        echo "  now:    $2"
        echo "  before: $3"
        changed=1
    fi
}
