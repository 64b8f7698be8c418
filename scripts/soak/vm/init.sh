#!/bin/busybox sh
# Process 1 of the guest: mounts what the kernel offers, runs the checks, turns the machine off.
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
export PATH=/bin:/usr/bin AMORSIZE_NATIVE=1
/bin/node /amorsize/guest.mjs 2>&1
/bin/busybox poweroff -f
