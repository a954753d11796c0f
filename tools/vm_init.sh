#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# First program of the virtual machine of tools/vm.sh: this system's files, read-only, below those
# of a disk that is forgotten with the machine; then systemd.
set -eu
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /under /over /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
depmod
for module in virtio_pci 9pnet_virtio 9p overlay fuse tun virtio_blk crc32c_generic ext4; do
	modprobe "$module"
done
chmod 666 /dev/fuse /dev/net/tun
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro host /under
mount -t ext4 /dev/vda /over
mkdir /over/upper /over/work /over/srv /over/home
cp -a /seed/. /over/upper/
mount -t overlay -o lowerdir=/under,upperdir=/over/upper,workdir=/over/work root /root
# Where tests have their homes: file systems as they are on real hosts, whose ids can be mapped.
for place in srv home; do
	mount --bind "/over/$place" "/root/$place"
done
mount -t tmpfs -o mode=1777 tmp /root/tmp
cp -a /seed-home/. /over/home/
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /lib/systemd/systemd --unit=appsilo-vm.target
