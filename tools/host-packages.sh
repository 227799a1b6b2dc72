#!/bin/sh
# Installs the Debian packages of this machine that a purpose needs and that are missing.
#   sh tools/host-packages.sh demo|test|bench
set -eu

# To build and boot: QEMU, apt and dpkg's tools (already there on Debian), an xz for compressed modules.
demo="qemu-system-x86 qemu-utils xz-utils zstd redis-tools uidmap"
# The judges of the tests: peers that read what Orlop writes, and that speak with it.
test="$demo ovmf qemu-system-arm qemu-efi-aarch64 docker-registry skopeo apache2-utils openssl e2fsprogs
squashfs-tools erofs-utils bzip2 xorriso genisoimage mtools dosfstools syslinux syslinux-common gdisk fdisk attr cpio tshark tcpdump iperf3 iproute2 iptables
bind9-dnsutils iputils-ping traceroute dnsmasq-base tinyproxy-bin socat netcat-openbsd file git gnupg kmod zsh fish openssh-client openssh-server"
# The peers that the benchmarks measure against.
bench="$test slirp4netns passt hyperfine time python3 curl pigz"

case "${1:-}" in
demo) wanted=$demo ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
*)
	echo "usage: $0 demo|test|bench" >&2
	exit 2
	;;
esac

missing=
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null || {
		echo "these Debian packages are missing, and only root can install them:$missing" >&2
		exit 1
	}
fi
echo "installing Debian packages:$missing" >&2
$sudo env DEBIAN_FRONTEND=noninteractive sh -c '
	apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }' sh $missing >&2
