# SPDX-License-Identifier: Apache-2.0
# A thin front door; meson does the work.
BUILD ?= build

.PHONY: help setup build run test vm-test cpython mutants debootstrap-test bench fuzz install picture clean

SECONDS ?= 60

help:
	@echo "make run      install what is missing, build, package this system's Python, install and start it"
	@echo "make test     build and run every test"
	@echo "make debootstrap-test    by hand, as root: the packaged Python where there is none"
	@echo "make vm-test  by hand, as root: limits and pools on Debian's kernel with cgroups of version 2, in qemu"
	@echo "make mutants  switch each defence off in a copy: its hostile test must fail"
	@echo "make cpython  run CPython's whole test suite outside and inside, and compare (an hour)"
	@echo "make bench    compare with other sandboxes on this machine"
	@echo "make fuzz     fuzz each parser for SECONDS=60 (clang)"
	@echo "make build    build only            make install   install with meson"
	@echo "make setup    install what is missing, open /dev/fuse"
	@echo "make clean    remove $(BUILD)/            make picture   make the pictures in docs/ again"

setup:
	@tools/setup.sh </dev/null

# What comes on the standard input is for the program that make run starts.
build: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) </dev/null
	@ninja -C $(BUILD) </dev/null

run: build
	@tools/run.sh $(BUILD)

test: build
	@tools/test.sh $(BUILD)

# As root, by hand: downloads a Debian tree without Python, and takes its time.
debootstrap-test: build
	@command -v debootstrap >/dev/null || { echo "install debootstrap first" >&2; exit 1; }
	@python3 tests/debootstrap/run.py $(BUILD)

# By hand: downloads a kernel; an hour without /dev/kvm.
vm-test: build
	@tools/setup.sh vm
	@tools/vm.sh $(BUILD)

mutants: setup
	@python3 tools/mutants.py --table docs/MUTANTS.md

cpython: build
	@python3 tests/as_user.py user $(BUILD) tests/cpython/test_cpython.py all
	@python3 tests/as_user.py user $(BUILD) tests/cpython/test_cpython.py net
	@python3 tests/as_user.py user $(BUILD) tests/cpython/test_cpython.py all prompt

bench: build
	@tools/setup.sh bench
	@python3 bench/start.py $(BUILD)
	@python3 bench/files.py $(BUILD)
	@$(BUILD)/bench/bench-decide
	@python3 bench/memory.py $(BUILD)
	@python3 bench/profile.py $(BUILD)
	@$(BUILD)/bench/bench-pool $(BUILD)
	@python3 bench/serve.py $(BUILD)

fuzz:
	@tools/setup.sh fuzz
	@tools/fuzz.sh $(BUILD)-fuzz $(SECONDS)

install: build
	meson install -C $(BUILD)

# The pictures in README: a real session, drawn, and real windows.
picture: build
	@/usr/bin/python3 tools/picture.py $(BUILD) docs/prompt.svg
	@tools/windows.sh $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-fuzz
