# Everything builds into build/<kind>; each target installs by itself the packages it needs.
# meson and ninja do the work: this file only gives names to it.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=
# openrc or systemd: also install a service that runs the daemon at boot
SERVICE ?= none
export PREFIX SYSCONFDIR SERVICE

release debug asan tsan musl clang:
	@sh tools/build.sh $@

install: release
	DESTDIR=$(DESTDIR) meson install -C build/release --no-rebuild

install-musl: musl
	DESTDIR=$(DESTDIR) meson install -C build/musl --no-rebuild

# all suites, with glibc and with musl; ends with one line "N passed, N failed"
test:
	@sh tools/install-deps.sh build test
	@tools/run-tests.py

# the main job on real packets, in a network namespace of its own
demo: release
	@sh test/demo/demo.sh build/release

# the network of the demo, left standing, with a prompt in it; ends with the prompt
shell: release
	@sh test/demo/shell.sh build/release

# a release: build/dist/piste-VERSION.tar.gz, of what is committed
dist:
	@sh tools/dist.sh

# packages of it: .apk with abuild, on Alpine; .deb with dpkg-buildpackage, on Debian
apk deb: dist
	@sh tools/packages.sh $@

# for other architectures, with Debian's cross compilers; qemu runs the tests of three. Not part of `make test`
cross:
	@sh tools/install-deps.sh build test cross
	@tools/run-tests.py cross

bench: release
	@sh tools/install-deps.sh bench
	@bench/run

# libFuzzer on every target, FUZZ_SECONDS each (60)
fuzz:
	@sh tools/fuzz.sh

format:
	@sh tools/install-deps.sh lint
	@sh tools/lint.sh --fix

lint:
	@sh tools/install-deps.sh build test lint
	@sh tools/build.sh clang
	@sh tools/lint.sh

# the musl sysroot stays: it takes minutes and is shared between clones
clean:
	rm -rf build

.DEFAULT_GOAL := release
.PHONY: release debug asan tsan musl clang install install-musl test shell demo dist apk deb cross bench fuzz \
	format lint clean
