#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run tests on another kernel, with control groups of version 2, in a virtual machine (x86-64):
# Debian's kernel, this system's files (read-only; changes go to a disk that is forgotten), its
# systemd with a manager of the test user's own. By hand: without /dev/kvm it is slow.
#
# usage: tools/vm.sh BUILD [WHO TEST.py [CASE...] [- WHO TEST.py [CASE...]]...]
#        WHO is user, root or service: the user in a service with Delegate=. Without a test: those of
#        limits and of warm sandboxes. KERNEL_PACKAGE=linux-image-rt-amd64 takes another kernel (with
#        9p, which cloud kernels lack); kernels are kept in BUILD/vm.
set -eu

build=$(readlink -f "$1")
shift
top=$(dirname "$(dirname "$(readlink -f "$0")")")
package=${KERNEL_PACKAGE:-linux-image-$(dpkg --print-architecture)}
kept=$build/vm/$package
seed=$kept/initramfs/seed
service="systemd-run --quiet --wait --pipe --same-dir -p Delegate=yes -p User=appsilo-test -E APPSILO_SOAK_PATIENCE"

fetch_kernel() {
	[ ! -e "$kept/kernel/boot" ] || return 0
	image=$(apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
	mkdir -p "$kept/package"
	echo "vm: fetching ${image:=$package}"
	(cd "$kept/package" && apt-get -q download "$image" >/dev/null)
	dpkg -x "$kept/package"/*.deb "$kept/kernel"
	rm -r "$kept/package"
}

# What of this system has to be otherwise there: one target, with nothing but the tests.
write_seed() {
	units=$seed/etc/systemd/system
	mkdir -p "$units" "$seed/var/lib/systemd/linger" "$seed/run"
	: >"$seed/etc/fstab"
	# What looks through this system's own files, for long.
	for unit in systemd-tmpfiles-setup.service systemd-tmpfiles-clean.timer systemd-sysusers.service \
		systemd-journal-flush.service; do
		ln -s /dev/null "$units/$unit"
	done
	: >"$seed/var/lib/systemd/linger/appsilo-test"
	cat >"$units/appsilo-vm.target" <<-END
		[Unit]
		Requires=basic.target systemd-logind.service dbus.service appsilo-tests.service
		After=basic.target
		AllowIsolate=yes
	END
	cat >"$units/appsilo-tests.service" <<-END
		[Unit]
		After=basic.target systemd-logind.service user@$(id -u appsilo-test).service
		Wants=user@$(id -u appsilo-test).service
		[Service]
		Type=oneshot
		ExecStart=/bin/sh /vm-tests
		StandardInput=null
		StandardOutput=tty
		StandardError=tty
		TTYPath=/dev/ttyS0
		TimeoutStartSec=infinity
	END
	{
		echo "cd '$top'; code=0; export APPSILO_SOAK_RUNS=100 APPSILO_SOAK_PATIENCE=$([ -w /dev/kvm ] && echo 1 || echo 5)"
		[ $# -gt 0 ] || set -- user tests/e2e/test_limits.py - root tests/e2e/test_limits.py - \
			user tests/hostile/test_pool.py - root tests/hostile/test_pool.py - \
			user tests/e2e/test_serve_warm.py - root tests/e2e/test_serve_warm.py - \
			service tests/e2e/test_limits.py Memory Pids - root tests/e2e/test_serve_service.py
		words=
		for word in "$@" -; do
			case $word in
			-)
				echo "echo \"== $words\"; $words || code=1"
				words=
				;;
			user | root) words="python3 tests/as_user.py $word '$build'" ;;
			service) words="$service sh '$top/tools/vm_service.sh' python3 tests/as_user.py user '$build'" ;;
			*) words="$words '$word'" ;;
			esac
		done
		# shellcheck disable=SC2016 # the machine's variable
		echo 'echo "vm: done, code $code"; systemctl poweroff --force --force'
	} >"$seed/vm-tests"
}

write_initramfs() {
	rm -rf "$kept/initramfs"
	mkdir -p "$kept/initramfs/bin" "$kept/initramfs/seed-home"
	install -d -o appsilo-test -g appsilo-test "$kept/initramfs/seed-home/appsilo-test"
	write_seed "$@"
	cp /bin/busybox "$kept/initramfs/bin/"
	cp "$top/tools/vm_init.sh" "$kept/initramfs/init"
	chmod +x "$kept/initramfs/init"
	(
		cd "$kept/kernel"
		for part in fs/9p fs/netfs fs/fscache fs/overlayfs fs/fuse fs/ext4 fs/jbd2 fs/mbcache.ko net/9p lib crypto \
			drivers/virtio drivers/block/virtio_blk.ko drivers/net/tun.ko arch/x86/crypto; do
			find lib/modules/*/kernel/$part -name '*.ko'
		done
		ls lib/modules/*/modules.builtin lib/modules/*/modules.order
	) | (cd "$kept/kernel" && cpio -o -H newc --quiet) | (cd "$kept/initramfs" && cpio -idmu --quiet)
	(cd "$kept/initramfs" && find . | cpio -o -H newc --quiet | gzip -1) >"$kept/initramfs.gz"
}

fetch_kernel
write_initramfs "$@"
rm -f "$kept/disk"
truncate -s 8G "$kept/disk"
mkfs.ext4 -q "$kept/disk"
accel=tcg,thread=multi
[ ! -w /dev/kvm ] || accel=kvm
qemu-system-x86_64 -accel "$accel" -cpu max -smp 2 -m "${VM_MEMORY:-4G}" -nographic -no-reboot -nic none \
	-kernel "$kept"/kernel/boot/vmlinuz-* -initrd "$kept/initramfs.gz" \
	-append "console=ttyS0 quiet loglevel=3 panic=-1 systemd.show_status=no systemd.unified_cgroup_hierarchy=1 mitigations=off" \
	-virtfs "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap" \
	-drive "file=$kept/disk,format=raw,if=virtio,cache=unsafe" </dev/null | tee "$kept/log"
grep -q '^vm: done, code 0' "$kept/log"
