#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what is missing on Debian 12 and prepare the host: packages, devices, and, when
# root runs the tests, the ordinary user they run as. Does nothing when nothing is missing.
set -eu

packages="
gcc meson ninja-build pkg-config musl-tools python3
libfuse3-dev libslirp-dev libseccomp-dev libdw-dev libncurses-dev libsqlite3-dev libjansson-dev
libxml2-dev libxml2-utils libmicrohttpd-dev
libssl-dev openssl
zlib1g-dev libminizip-dev
libcmocka-dev
scdoc
util-linux procps iproute2 git sqlite3 bash coreutils time
make nodejs python3-pip libpython3.11-testsuite
less vim-tiny python3-pyte
ca-certificates tzdata python3-venv
libgtk-4-dev libadwaita-1-dev adwaita-icon-theme librsvg2-common fonts-dejavu-core
xvfb openbox x11-utils xdotool imagemagick dbus at-spi2-core gir1.2-atspi-2.0 gir1.2-gtk-4.0 python3-gi
curl wget openssh-client redis-tools nghttp2-server python3-pyftpdlib
"
npm=yes
for group; do
	case $group in
	bench) packages="$packages bubblewrap firejail fuse3 passt slirp4netns" ;;
	# Large, or services that the system then starts: without them tests skip.
	clients) packages="$packages openssh-server postgresql" ;;
	web) packages="$packages chromium nginx-light podman uidmap" ;;
	vm) packages="$packages qemu-system-x86 busybox-static cpio e2fsprogs dbus-user-session libpam-systemd" ;;
	fuzz) packages="$packages clang libclang-rt-14-dev" ;;
	no-npm) npm=no ;;
	*)
		echo "setup: there is no group $group; use bench, clients, fuzz, no-npm, vm or web" >&2
		exit 2
		;;
	esac
done

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "setup: no sudo here; let root do this, then try again: $*" >&2
		return 1
	fi
}

# shellcheck disable=SC2086,SC2016 # a list of words; dpkg-query's own variables
installed=$(dpkg-query -W -f='${Package}:${db:Status-Status} ' $packages 2>/dev/null) || true
missing=
for package in $packages; do
	case " $installed " in
	*" $package:installed "*) ;;
	*) missing="$missing $package" ;;
	esac
done
if [ -n "$missing" ]; then
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		echo "setup: no sudo here; as root: apt-get install$missing" >&2
		exit 1
	fi
	echo "setup: installing$missing"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# A device that is made for everybody to open: what one can do with it, one can only in
# namespaces of one's own.
open_device() {
	if [ -e "/dev/$1" ] && [ "$(stat -c %a "/dev/$1")" != 666 ]; then
		echo "setup: opening /dev/$1 to users"
		as_root chmod 666 "/dev/$1"
		if [ -d /etc/udev/rules.d ]; then
			echo "KERNEL==\"${1##*/}\", MODE=\"0666\"" |
				as_root tee "/etc/udev/rules.d/60-appsilo-${1##*/}.rules" >/dev/null
		fi
	fi
}

# The broker serves the sandbox's view through FUSE; a sandbox with a network has a tunnel.
if [ ! -e /dev/fuse ]; then
	as_root modprobe fuse || echo "setup: no /dev/fuse; only --prompt never will work" >&2
fi
if [ ! -e /dev/net/tun ]; then
	as_root modprobe tun || echo "setup: no /dev/net/tun; only --net none will work" >&2
fi
open_device fuse
open_device net/tun

if [ "$(id -u)" -eq 0 ] && ! id appsilo-test >/dev/null 2>&1; then
	echo "setup: making the user appsilo-test for the tests"
	useradd -m -s /bin/bash appsilo-test
fi

# Group no-npm: whoever calls does that himself (.ci/run, beside other things).
[ "$npm" = yes ] && exec "$(dirname "$0")/npm.sh"
exit 0
